/**
 * `GET /metrics` of the MCP server; it is there only where measurements are asked for.
 */
import { Effect } from "effect";
import { HttpRouter } from "effect/http";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import { CurrentMeter } from "../telemetry/Meter.ts";
import { instruments } from "../telemetry/names.ts";
import { makeScrape, metricsPath } from "../web/metrics.ts";
import { makeAddressCheck } from "./addresses.ts";
import { McpSessions } from "./sessions.ts";
import { orRefusal } from "./skillRoutes.ts";

/** The route. */
export const layer = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const meter = yield* CurrentMeter;
  if (meter === undefined) return;
  const settings = yield* Settings;
  const identity = yield* Identity;
  const sessions = yield* McpSessions;
  meter.gauge(instruments.mcpSessions, {}, sessions.size);
  if (!settings.metrics) return;
  const checkAddress = makeAddressCheck(settings, identity.anonymous);
  const scrape = makeScrape(settings, identity, meter);
  yield* router.add(
    "GET",
    metricsPath,
    (request) => orRefusal(Effect.andThen(checkAddress(request), scrape(request))),
  );
}));
