/**
 * Which of our trace ids leave this process: none by themselves.
 *
 * Effect's HTTP client makes a span for each request and sends its id to whoever is asked, in two forms, whether or not
 * anybody collects spans: a provider that traces would keep traces without a beginning. Here spans are made, and ids
 * sent, only by name.
 */
import { Layer, Tracer } from "effect";
import { HttpClient } from "effect/http";

/** Sends no ids, and makes no spans, for requests that go out. */
export const byNameOnly: Layer.Layer<never> = Layer.merge(
  Layer.succeed(Tracer.DisablePropagation, true),
  Layer.succeed(HttpClient.TracerPropagationEnabled, false),
);
