/**
 * Which hosts and origins the MCP server answers to.
 *
 * A web page can make a browser call a server on this machine, under a name of its own that it lets point
 * here. Such a call carries the page's origin and the page's host name.
 */
import { Effect } from "effect";
import type { HttpServerRequest } from "effect/http";
import type { SettingsService } from "../config.ts";
import { ForeignOrigin } from "../web/origins.ts";
import { ForeignHost } from "./errors.ts";

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

const listOf = (text: string): ReadonlyArray<string> =>
  text.split(",").map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== "");

const nameOf = (url: string): string | undefined => URL.canParse(url) ? new URL(url).hostname : undefined;

/**
 * Makes the check of `Host` and of the page behind a request: loopback under any port, and what the settings
 * name.
 *
 * *Details*: where `isAnonymous`, a request that a browser says another site sent is refused although it
 * carries no origin, as those of images, links and forms do; an allowed origin passes.
 *
 * *Fails with* `ForeignHost` when the host is absent or foreign, `ForeignOrigin` when the page is.
 */
export const makeAddressCheck = (
  settings: Pick<SettingsService, "mcpHost" | "mcpAllowedHosts" | "mcpAllowedOrigins">,
  isAnonymous: boolean,
) => {
  const hosts = new Set([...loopbackNames, settings.mcpHost.toLowerCase(), ...listOf(settings.mcpAllowedHosts)]);
  const origins = new Set(listOf(settings.mcpAllowedOrigins));

  const isHost = (host: string | undefined): boolean => {
    const name = host === undefined ? undefined : nameOf(`http://${host}`);
    return name !== undefined && hosts.has(name);
  };
  const isOrigin = (origin: string): boolean => {
    const name = nameOf(origin);
    return name !== undefined && (loopbackNames.includes(name) || origins.has(origin.toLowerCase()));
  };

  return ({ headers }: HttpServerRequest.HttpServerRequest): Effect.Effect<void, ForeignHost | ForeignOrigin> => {
    if (!isHost(headers["host"])) return Effect.fail(new ForeignHost());
    const origin = headers["origin"];
    const isForeign = origin === undefined
      ? isAnonymous && headers["sec-fetch-site"] === "cross-site"
      : !isOrigin(origin);
    return isForeign ? Effect.fail(new ForeignOrigin()) : Effect.void;
  };
};
