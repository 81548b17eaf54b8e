/**
 * A streamed HTTP answer as provider chunks: the request, its failures and its server-sent events.
 *
 * For providers that need no SDK. What a status means is the provider's to say; here are only bytes.
 */
import { Clock, DateTime, Effect, Option, Result, Schema, type Scope, Stream } from "effect";
import { Sse } from "effect/encoding";
import { HttpClient, type HttpClientError, type HttpClientRequest, type HttpClientResponse } from "effect/http";
import { BadOutput, ConnectionLost } from "../../services/Model.ts";
import { type Fault, fault } from "./fault.ts";

/** An error page is read this far: far enough for any JSON envelope. */
const errorBytesMax = 64 * 1024;
/** A whole answer of a server that does not stream. */
const wholeBytesMax = 16 * 1024 * 1024;
/** What ends a stream in OpenAI's format. */
const doneMark = "[DONE]";

/** An answer with a status that is no success. */
export interface HttpFailure {
  readonly status: number;
  /** The first part of the body. */
  readonly text: string;
  /** What `retry-after-ms` or `retry-after` asked for. */
  readonly retryAfterMs: number | undefined;
}

const lost = (problem: HttpClientError.HttpClientError): Fault =>
  problem.reason._tag === "InvalidUrlError"
    ? fault(new ConnectionLost(), `the URL is not usable: ${problem.message}`, problem)
    : fault(new ConnectionLost(), problem.message, problem);

const boundedText = (response: HttpClientResponse.HttpClientResponse, bytesMax: number) =>
  Effect.gen(function* () {
    const decoder = new TextDecoder();
    let left = bytesMax;
    let text = "";
    yield* response.stream.pipe(
      Stream.takeUntil((bytes) => (left -= bytes.length) <= 0),
      Stream.runForEach((bytes) => Effect.sync(() => void (text += decoder.decode(bytes, { stream: true })))),
    );
    return text;
  });

const decodeSeconds = Schema.decodeUnknownOption(Schema.FiniteFromString);

/** Reads how long to wait; a date counts from now, and a past one asks for nothing. */
const retryAfter = Effect.fnUntraced(function* (headers: Readonly<Record<string, string | undefined>>) {
  const exact = Option.getOrUndefined(decodeSeconds(headers["retry-after-ms"]));
  if (exact !== undefined && exact >= 0) return exact;
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const seconds = Option.getOrUndefined(decodeSeconds(value));
  if (seconds !== undefined) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Option.getOrUndefined(DateTime.make(value));
  return date === undefined ? undefined : Math.max(0, DateTime.toEpochMillis(date) - (yield* Clock.currentTimeMillis));
});

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown));

const parsed = (text: string): Effect.Effect<unknown, Fault> => {
  const result = decodeJson(text);
  return Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(fault(new BadOutput({ why: "the response is not a stream of JSON events" }), text));
};

/** The `data` of events as JSON, until the stream or `[DONE]` ends it; comments and blank events are skipped. */
const eventData = (response: HttpClientResponse.HttpClientResponse): Stream.Stream<unknown, Fault> =>
  response.stream.pipe(
    Stream.mapError(lost),
    Stream.decodeText,
    Stream.mapAccumArrayEffect(
      () => {
        const pending: Array<string> = [];
        const parser = Sse.makeParser((event) => {
          if (event._tag === "Event") pending.push(event.data);
        });
        return { pending, parser };
      },
      (state, texts) => {
        for (const text of texts) {
          const problem = state.parser.feed(text);
          if (problem !== undefined) {
            return Effect.fail(fault(new BadOutput({ why: "an event is too large" }), problem.message));
          }
        }
        return Effect.succeed([state, state.pending.splice(0)] as const);
      },
    ),
    Stream.takeWhile((data) => data !== doneMark),
    Stream.filter((data) => data.trim() !== ""),
    // One by one, so that what came before a broken event is not lost with it.
    Stream.mapEffect(parsed),
  );

/**
 * Sends a request and succeeds with the answer's chunks once the headers are there.
 *
 * *Details*: the request is cancelled when the scope closes. An answer that is one JSON document is
 * one chunk, since some servers do not stream; an HTML page is `BadOutput`.
 *
 * *Fails with* what `explain` makes of a status that is no success.
 */
export const httpChunks = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest,
  explain: (failure: HttpFailure) => Fault,
): Effect.Effect<Stream.Stream<unknown, Fault>, Fault, Scope.Scope> =>
  Effect.gen(function* () {
    const response = yield* Effect.mapError(HttpClient.withScope(client).execute(request), lost);
    if (response.status < 200 || response.status > 299) {
      const text = yield* Effect.mapError(boundedText(response, errorBytesMax), lost);
      return yield* Effect.fail(
        explain({ status: response.status, text, retryAfterMs: yield* retryAfter(response.headers) }),
      );
    }
    const type = response.headers["content-type"] ?? "";
    if (/html/i.test(type)) {
      const text = yield* Effect.mapError(boundedText(response, errorBytesMax), lost);
      return yield* Effect.fail(fault(new BadOutput({ why: "the response is an HTML page" }), text));
    }
    return /\bjson\b/i.test(type)
      ? Stream.fromEffect(
        Effect.flatMap(Effect.mapError(boundedText(response, wholeBytesMax), lost), parsed),
      )
      : eventData(response);
  });
