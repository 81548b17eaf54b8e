/**
 * The Sandbox port of a process whose sandboxes live behind a tool server.
 *
 * With a tool server of ours, everything is a private request in the name of the owner. A foreign one has
 * tools only: it keeps no files for this process.
 */
import { Effect, Layer, Option, Stream } from "effect";
import { FetchHttpClient, HttpClient } from "effect/http";
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import { Settings } from "../../../config.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { Owner } from "../../../domain/Owner.ts";
import {
  FileError,
  noStreams,
  Sandbox,
  type SandboxError,
  type SandboxHandle,
  type SandboxInfo,
  unseen,
} from "../../../services/Sandbox.ts";
import type { sandboxMethods } from "../../../services/sandboxProtocol.ts";
import { dialPort } from "./dial.ts";
import { makeDiscovery, type Offer } from "./discovery.ts";
import { type Exchange, type ExchangeError, unavailable } from "./exchange.ts";
import { askHealth, askLook, askReset, askStopSandbox, handleOf, openHold } from "./handle.ts";

const info: SandboxInfo = {
  kind: "remote",
  why: "MCP_SERVER_URL is set: the sandboxes are that server's",
  controls: [{
    name: "tool server",
    applied: true,
    detail: "limits and hardening are those of the tool server; its own /health and log have them",
  }],
  notes: [],
};

const noFiles = (path: string) =>
  new FileError({ path, reason: "Other", why: "the tool server keeps no files for this process" });

const noCommands = Effect.failSync(() =>
  unavailable("the tool server offers tools only; no command can be run beside them")
);

/** What is there of an owner's sandbox behind a foreign server: no files, and nothing that changed. */
const toolsOnlyHandle = (owner: Owner): SandboxHandle => ({
  id: `tools-only-${ownerKey(owner)}`,
  execute: () => noCommands,
  runCell: () => noCommands,
  writeFile: (path) => Effect.fail(noFiles(path)),
  readText: (path) => Effect.fail(noFiles(path)),
  readBytes: (path) => Stream.fail(noFiles(path)),
  readDocstring: (path) => Effect.fail(noFiles(path)),
  changedFiles: () => Effect.succeed([]),
  dial: noStreams,
});

/** In whose name the sandboxes' health is asked for; no owner's name looks like it. */
const nobody: Owner = { principal: "caisson", user: "health", ephemeral: false };

/** What a server of ours tells of a sandbox. */
type Seen = typeof sandboxMethods.look.result.Type;
type Asked = typeof sandboxMethods.look.arguments.Type;

const withoutPath = <A>(asked: Effect.Effect<A, ExchangeError>): Effect.Effect<A, SandboxError> =>
  Effect.catchTag(asked, "FileError", ({ message }) => unavailable(`what names no file was refused: ${message}`));

const hasPorts = (offered: Offer): boolean => offered._tag === "Requests" && offered.hasPorts;

/** Longest wait for what a sandbox does: measuring one takes two seconds at most. */
const lookMax = "4 seconds";

/** Longest wait for the health of the sandboxes. */
const healthMax = "2 seconds";

/**
 * Sandboxes behind the tool server at `url`, with `CAISSON_MCP_API_KEY` as the credential.
 *
 * *Details*: lifecycle, limits and hardening are that server's. The sandbox of an open handle is held there by
 * a request that lasts as long. A redirect is refused: the credential is for this server alone.
 */
export const layer = (url: string): Layer.Layer<Sandbox, never, Settings> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const { mcpApiKey } = yield* Settings;
      const exchange: Exchange = {
        client: yield* HttpClient.HttpClient,
        duplex: yield* NodeHttpClient.makeNodeHttp,
        mcpUrl: url,
        key: mcpApiKey,
      };
      const offer = yield* makeDiscovery(exchange);
      /** What is seen of an owner's sandbox: nothing behind a server that has tools only or does not answer. */
      const seen = (owner: Owner, asked: Asked): Effect.Effect<Seen> =>
        offer.pipe(
          Effect.flatMap(({ _tag }) =>
            _tag === "ToolsOnly" ? Effect.succeed<Seen>({ look: unseen }) : askLook(exchange, owner, asked)
          ),
          Effect.timeout(lookMax),
          Effect.catch((error) =>
            Effect.as(Effect.logDebug("a sandbox of the tool server is not seen", error), { look: unseen })
          ),
        );

      return Sandbox.of({
        info,
        health: Effect.gen(function* () {
          if ((yield* offer)._tag === "ToolsOnly") {
            return { healthy: true, detail: "behind a tool server that offers tools only", open: 0 };
          }
          return yield* askHealth(exchange, nobody, {});
        }).pipe(
          Effect.timeout(healthMax),
          Effect.catch((error) =>
            Effect.as(Effect.logDebug("the tool server's sandboxes are not known", error), {
              healthy: false,
              detail: "the tool server does not answer",
              open: 0,
            })
          ),
        ),
        open: Effect.fnUntraced(function* (owner) {
          const offered = yield* offer;
          if (offered._tag === "ToolsOnly") return toolsOnlyHandle(owner);
          return handleOf(exchange, owner, yield* openHold(exchange, owner), offered.hasPorts);
        }),
        reset: Effect.fnUntraced(function* (owner) {
          if ((yield* offer)._tag === "ToolsOnly") return;
          yield* withoutPath(askReset(exchange, owner, {}));
        }),
        look: (owner) => Effect.map(seen(owner, { measured: false }), ({ look }) => look),
        use: (owner) => Effect.map(seen(owner, { measured: true }), ({ use }) => use),
        egress: (owner) => Effect.map(seen(owner, { measured: false, withEgress: true }), ({ egress }) => egress),
        hasPorts: Effect.map(offer, hasPorts).pipe(
          Effect.timeoutOption(lookMax),
          Effect.match({ onFailure: () => false, onSuccess: Option.getOrElse(() => false) }),
        ),
        dial: Effect.fnUntraced(function* (owner, port) {
          return yield* hasPorts(yield* offer)
            ? dialPort(exchange, owner, port, { isOpening: false })
            : noStreams(port);
        }),
        stop: Effect.fnUntraced(function* (owner) {
          if ((yield* offer)._tag === "ToolsOnly") return;
          yield* withoutPath(askStopSandbox(exchange, owner, {}));
        }),
      });
    }),
  ).pipe(
    Layer.provide([FetchHttpClient.layer, NodeHttpClient.layerAgentOptions({ keepAlive: true })]),
    Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "error" })),
  );
