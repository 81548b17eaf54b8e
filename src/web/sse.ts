/**
 * Server-sent events: frames and the response that carries them.
 */
import { Stream } from "effect";
import { HttpServerResponse } from "effect/http";

/** One `data:` frame of a JSON text. */
export const dataFrame = (json: string): string => `data: ${json}\n\n`;

/** One `data:` frame of a JSON text with a number, from which a client that was cut can go on. */
export const numberedFrame = (id: number, json: string): string => `id: ${id}\ndata: ${json}\n\n`;

/** The frame with which OpenAI ends a stream. */
export const doneFrame = "data: [DONE]\n\n";

/** A comment: clients skip it, proxies see that the stream lives. */
export const keepAliveFrame = ": keep-alive\n\n";

const encoder = new TextEncoder();

/**
 * Makes a response of a stream of frames that cannot fail any more.
 *
 * *Details*: the host's own response accepts a stream of any error type and cuts the connection
 * silently when it fails; requiring `never` makes the caller say how an error looks. Frames that are
 * ready together are written together, because the cost is per array and not per byte. The body runs
 * outside the request's fiber: what it logs must bring its own context.
 */
export const sse = (
  frames: Stream.Stream<string>,
  headers: Readonly<Record<string, string>> = {},
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(Stream.mapArray(frames, (ready) => [encoder.encode(ready.join(""))]), {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-cache", "x-accel-buffering": "no", ...headers },
  });
