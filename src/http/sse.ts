/**
 * Server-sent events: frames, keep-alive comments and the response that carries them.
 */
import { type Duration, Effect, Schedule, Stream } from "effect";
import { HttpServerResponse } from "effect/http";

/** One `data:` frame. */
export const dataFrame = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

/** The frame with which OpenAI ends a stream. */
export const doneFrame = "data: [DONE]\n\n";

/** A comment: clients skip it, proxies see that the stream lives. */
const keepAliveComment = ": keep-alive\n\n";

const encoder = new TextEncoder();

/**
 * Makes a response of a stream of frames that cannot fail any more.
 *
 * *Details*: the host's own response accepts a stream of any error type and cuts the connection
 * silently when it fails; requiring `never` makes the caller say how an error looks. Frames that are
 * ready together are written together. A comment is sent whenever the given time has passed.
 */
export const sse = (
  frames: Stream.Stream<string>,
  options: { readonly keepAlive: Duration.Duration; readonly headers?: Readonly<Record<string, string>> },
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  // The body runs outside the request's fiber: without its context, its log lines lose their annotations.
  Effect.contextWith((context) =>
    Effect.succeed(HttpServerResponse.stream(
      frames.pipe(
        Stream.merge(
          Stream.map(Stream.fromSchedule(Schedule.spaced(options.keepAlive)), () => keepAliveComment),
          { haltStrategy: "left" },
        ),
        // The cost is per array, not per byte: one buffer for all that is ready.
        Stream.mapArray((ready) => [encoder.encode(ready.join(""))]),
        Stream.provideContext(context),
      ),
      {
        contentType: "text/event-stream",
        headers: { "cache-control": "no-cache", "x-accel-buffering": "no", ...options.headers },
      },
    ))
  );
