/**
 * A vendor SDK's async iterable as a stream that is always aborted.
 *
 * The iterables' own `return()` neither cancels the request nor completes while a read is pending,
 * so the abort signal is the only way out.
 */
import { Effect, Scope, Stream } from "effect";
import type { Fault } from "./fault.ts";

/**
 * Opens a streamed SDK call.
 *
 * *Details*: the signal is aborted when the scope closes, whatever the reason; a read that was
 * pending then rejects on its own and is not waited for. `explain` is told whether a chunk had come.
 */
export const sdkChunks = (
  open: (signal: AbortSignal) => Promise<AsyncIterable<unknown>>,
  explain: (thrown: unknown, begun: boolean) => Fault,
): Effect.Effect<Stream.Stream<unknown, Fault>, Fault, Scope.Scope> =>
  Effect.gen(function* () {
    const controller = new AbortController();
    yield* Scope.addFinalizer(yield* Effect.scope, Effect.sync(() => controller.abort()));
    const chunks = yield* Effect.tryPromise({
      try: () => open(controller.signal),
      catch: (thrown) => explain(thrown, false),
    });
    const iterator = chunks[Symbol.asyncIterator]();
    let begun = false;
    return Stream.unfold(undefined, () =>
      Effect.map(
        Effect.tryPromise({ try: () => iterator.next(), catch: (thrown) => explain(thrown, begun) }),
        (next) => {
          begun = true;
          return next.done === true ? undefined : [next.value, undefined] as const;
        },
      ));
  });
