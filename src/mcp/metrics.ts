/**
 * `GET /metrics` of the MCP server, and its requests measured; both are there only where measurements are asked for.
 */
import { Clock, Effect, Layer } from "effect";
import { HttpRouter, HttpServerRequest } from "effect/http";
import { Settings } from "../config.ts";
import { Identity } from "../services/Identity.ts";
import { CurrentMeter } from "../telemetry/Meter.ts";
import { instruments } from "../telemetry/names.ts";
import { RequestMeter } from "../telemetry/RequestMeter.ts";
import { makeScrape, metricsPath } from "../web/metrics.ts";
import { makeAddressCheck } from "./addresses.ts";
import { McpSessions } from "./sessions.ts";
import { orRefusal } from "./skillRoutes.ts";

/** What a path belongs to; a path with a name in it belongs to its pattern. */
const routeOf = (path: string): string | undefined => {
  if (["/mcp", "/sandbox", "/register", "/skills", "/health", metricsPath].includes(path)) return path;
  if (/^\/sandbox\/v1\/[^/]+$/.test(path)) return "/sandbox/v1/:name";
  return /^\/skills\/[^/]+$/.test(path) ? "/skills/:name" : undefined;
};

/** The status of a request whose client left before there was one, as proxies call it. */
const clientGone = 499;

const measured = (requests: RequestMeter) =>
  HttpRouter.middleware((app) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      const clock = yield* Clock.Clock;
      const startedMs = clock.currentTimeMillisUnsafe();
      const end = requests.begin(request.method, request.url.split("?")[0] ?? "");
      const seen: { status: number; headMs?: number } = { status: clientGone };
      yield* Effect.addFinalizer((exit) =>
        Effect.sync(() =>
          end({
            ...seen,
            outcome: exit._tag === "Failure" ? "disconnected" : "sent",
            durationMs: clock.currentTimeMillisUnsafe() - startedMs,
          })
        )
      );
      const response = yield* app;
      seen.status = response.status;
      seen.headMs = clock.currentTimeMillisUnsafe() - startedMs;
      return response;
    }), { global: true });

const route = HttpRouter.use(Effect.fnUntraced(function* (router) {
  const meter = yield* CurrentMeter;
  if (meter === undefined) return;
  const settings = yield* Settings;
  const identity = yield* Identity;
  const sessions = yield* McpSessions;
  meter.gauge(instruments.mcpSessions, {}, sessions.size);
  const checkAddress = makeAddressCheck(settings, identity.anonymous);
  const scrape = makeScrape(settings, identity, meter);
  yield* router.add(
    "GET",
    metricsPath,
    (request) => orRefusal(Effect.andThen(checkAddress(request), scrape(request))),
  );
}));

/** The route, and what stands around every request of the door. */
export const layer = Layer.merge(
  route,
  Layer.unwrap(
    Effect.map(CurrentMeter, (meter) => meter === undefined ? Layer.empty : measured(new RequestMeter(meter, routeOf))),
  ),
);
