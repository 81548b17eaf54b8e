/**
 * What stands around every request, whatever its path: an id, a line in the log, and the error
 * envelope for everything that no endpoint answered.
 */
import { ByteSize, Cause, Clock, Effect } from "effect";
import { HttpIncomingMessage, HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http";
import { makeId } from "../../domain/ids.ts";
import { BodyTooLarge, BodyUnreadable, UnsupportedMediaType } from "../../web/BodyError.ts";
import { InternalError } from "../../runs/RunError.ts";
import { type HttpError, MethodNotAllowed, UnknownUrl } from "./errors.ts";
import { onClose } from "../../services/onClose.ts";
import { CurrentSpan } from "../../services/Tracing.ts";
import { type BeginSpan, endRequestSpan } from "../../telemetry/requestSpan.ts";
import type { RequestMeter } from "../../telemetry/RequestMeter.ts";
import { clientGone, requestIdOf } from "../../web/requestIds.ts";
import type { LoopWatchService } from "../../web/LoopWatch.ts";
import { RequestNotes, runFields } from "./RequestNotes.ts";
import { refused } from "./respond.ts";

/** The methods of every path that is there; a segment such as `:model` stands for any one segment. */
export type MethodTable = ReadonlyMap<string, ReadonlyArray<string>>;

const matches = (pattern: string, path: string): boolean => {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  return wanted.length === given.length &&
    wanted.every((segment, index) => segment === given[index] || (segment.startsWith(":") && given[index] !== ""));
};

/** The pattern of a path that is there: the labels of measurements have no other. */
export const routeIn = (table: MethodTable) => (path: string): string | undefined =>
  table.has(path) ? path : table.keys().find((pattern) => matches(pattern, path));

const methodsOf = (table: MethodTable, path: string): ReadonlyArray<string> | undefined => {
  const route = routeIn(table)(path);
  return route === undefined ? undefined : table.get(route);
};

/** How a failure outside the endpoints reads to the caller; undefined for a bug. */
const routingError = (
  error: unknown,
  request: HttpServerRequest.HttpServerRequest,
  table: MethodTable,
  bodyBytesMax: number,
): HttpError | undefined => {
  if (!HttpServerError.isHttpServerError(error)) return undefined;
  const { reason } = error;
  if (reason._tag === "RouteNotFound") {
    const path = request.url.split("?")[0] ?? "/";
    const { method } = request;
    const allow = methodsOf(table, path);
    return allow === undefined || allow.includes(method)
      ? new UnknownUrl({ method, path })
      : new MethodNotAllowed({ method, path, allow });
  }
  if (reason._tag !== "RequestParseError") return undefined;
  return reason.reason === "BodyTooLarge" ? new BodyTooLarge({ bytesMax: bodyBytesMax }) : new BodyUnreadable();
};

/**
 * The path of a URL that the router would cut in two: it takes a semicolon for a question mark.
 *
 * No path of ours has one, and what stands behind it must not be read as a query.
 */
const hasSemicolon = (url: string): boolean => {
  const end = url.indexOf("?");
  return (end < 0 ? url : url.slice(0, end)).includes(";");
};

/** Turns what no endpoint answered into the envelope; a bug is logged with its cause and told without it. */
export const envelope = (table: MethodTable, bodyBytesMax: number) =>
  HttpRouter.middleware(
    (app) =>
      Effect.flatMap(
        HttpServerRequest.HttpServerRequest,
        ({ method, url }) =>
          hasSemicolon(url) ? refused(new UnknownUrl({ method, path: url.split("?")[0] ?? "/" })) : app,
      ).pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bodyBytesMax)),
        Effect.catchCause((cause) =>
          Effect.gen(function* () {
            if (Cause.hasInterruptsOnly(cause)) return yield* Effect.failCause(cause);
            const request = yield* HttpServerRequest.HttpServerRequest;
            const error = routingError(Cause.squash(cause), request, table, bodyBytesMax);
            if (error !== undefined) return yield* refused(error);
            yield* Effect.logError("request died of a bug", cause);
            return yield* refused(new InternalError());
          })
        ),
        Effect.flatMap((response) =>
          // The API layer answers an unknown media type by itself, as text.
          response.status !== 415 || response.headers["content-type"]?.startsWith("application/json") === true
            ? Effect.succeed(response)
            : Effect.flatMap(
              HttpServerRequest.HttpServerRequest,
              ({ headers }) => refused(new UnsupportedMediaType({ contentType: headers["content-type"] ?? "" })),
            )
        ),
      ),
    { global: true },
  );

/** The path of a request, without what stands behind it. */
const pathOf = ({ url }: HttpServerRequest.HttpServerRequest): string => url.split("?")[0] ?? "";

/**
 * Gives every request an id and ends it with one line in the log, when its last byte was sent.
 *
 * *Details*: where measurements are asked for, the request is measured then as well, and where traces are, its span
 * ends.
 */
export const requestLog = (watch: LoopWatchService, meter: RequestMeter | undefined, beginSpan: BeginSpan) =>
  HttpRouter.middleware((app) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      const id = requestIdOf(request.headers) ?? makeId("req");
      const { method } = request;
      const path = pathOf(request);
      const span = beginSpan(request, path);
      const notes: RequestNotes = { id, span };
      const startedMs = yield* Clock.currentTimeMillis;
      const seen: { status: number; headMs?: number } = { status: clientGone };
      const leave = watch.enter({ method, path, bytes: Number(request.headers["content-length"] ?? 0) });
      const measure = meter?.begin(method, path);
      yield* onClose((exit) =>
        Effect.gen(function* () {
          leave();
          const durationMs = (yield* Clock.currentTimeMillis) - startedMs;
          const outcome = notes.outcome ?? (exit._tag === "Failure" ? "disconnected" : "sent");
          endRequestSpan(span, seen.status, notes.error, outcome);
          measure?.({ ...seen, errorType: notes.error, outcome, durationMs });
          const line = Effect.annotateLogs(Effect.logInfo("request"), {
            request_id: id,
            method,
            path,
            status: seen.status,
            duration_ms: durationMs,
            ...(seen.headMs !== undefined && { first_byte_ms: seen.headMs }),
            ...(notes.user !== undefined && { user: notes.user }),
            ...(notes.model !== undefined && { model: notes.model }),
            ...runFields(notes.run),
            ...(notes.error !== undefined && { error: notes.error }),
            outcome,
          });
          yield* span === undefined ? line : Effect.provideService(line, CurrentSpan, span);
        })
      );
      const response = yield* app.pipe(
        Effect.provideService(RequestNotes, notes),
        (answer) => span === undefined ? answer : Effect.provideService(answer, CurrentSpan, span),
        Effect.annotateLogs("request_id", id),
      );
      seen.status = response.status;
      const headMs = (yield* Clock.currentTimeMillis) - startedMs;
      seen.headMs = headMs;
      return HttpServerResponse.setHeaders(response, {
        "x-request-id": id,
        "openai-processing-ms": String(headMs),
      });
    }), { global: true });
