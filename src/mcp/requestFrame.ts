/**
 * What stands around every request of the MCP server: an id, a line in the log, and its measurement.
 */
import { Clock, Context, Effect, Layer } from "effect";
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http";
import { makeId } from "../domain/ids.ts";
import { CurrentMeter } from "../telemetry/Meter.ts";
import { RequestMeter } from "../telemetry/RequestMeter.ts";
import { metricsPath } from "../web/metrics.ts";
import { clientGone, requestIdOf } from "../web/requestIds.ts";

/** What is learned of a request while it is answered, for its line in the log. */
export interface McpNotes {
  user?: string;
  /** The method of its message. */
  method?: string;
  /** The tool that it calls. */
  tool?: string;
  /** What was refused, by the name of the error. */
  error?: string;
}

/** The notes of the current request; outside a request they are written into the void. */
export const McpNotes = Context.Reference<McpNotes>("caisson/mcp/McpNotes", { defaultValue: () => ({}) });

/** What a path belongs to; a path with a name in it belongs to its pattern. */
const routeOf = (path: string): string | undefined => {
  if (
    ["/mcp", "/sandbox", "/register", "/skills", "/health", "/health/live", "/health/ready", metricsPath].includes(path)
  ) return path;
  if (/^\/sandbox\/v1\/[^/]+$/.test(path)) return "/sandbox/v1/:name";
  return /^\/skills\/[^/]+$/.test(path) ? "/skills/:name" : undefined;
};

const framed = (requests: RequestMeter | undefined) =>
  HttpRouter.middleware((app) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      const id = requestIdOf(request.headers) ?? makeId("req");
      const { method } = request;
      const path = request.url.split("?")[0] ?? "";
      const notes: McpNotes = {};
      const clock = yield* Clock.Clock;
      const startedMs = clock.currentTimeMillisUnsafe();
      const measure = requests?.begin(method, path);
      const seen: { status: number; headMs?: number } = { status: clientGone };
      yield* Effect.addFinalizer((exit) =>
        Effect.suspend(() => {
          const durationMs = clock.currentTimeMillisUnsafe() - startedMs;
          const outcome = exit._tag === "Failure" ? "disconnected" : "sent";
          measure?.({ ...seen, errorType: notes.error, outcome, durationMs });
          return Effect.annotateLogs(Effect.logInfo("request"), {
            request_id: id,
            method,
            path,
            status: seen.status,
            duration_ms: durationMs,
            ...(notes.user !== undefined && { user: notes.user }),
            ...(notes.method !== undefined && { mcp_method: notes.method }),
            ...(notes.tool !== undefined && { tool: notes.tool }),
            ...(notes.error !== undefined && { error: notes.error }),
            outcome,
          });
        })
      );
      const response = yield* app.pipe(Effect.provideService(McpNotes, notes), Effect.annotateLogs("request_id", id));
      seen.status = response.status;
      seen.headMs = clock.currentTimeMillisUnsafe() - startedMs;
      return HttpServerResponse.setHeader(response, "x-request-id", id);
    }), { global: true });

/** Around every request of the door. */
export const layer = Layer.unwrap(
  Effect.map(CurrentMeter, (meter) => framed(meter === undefined ? undefined : new RequestMeter(meter, routeOf))),
);
