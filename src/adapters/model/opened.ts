/**
 * The line between "may be tried again" and "has begun": a stream's first events.
 */
import { type Array as Arr, type Cause, Channel, Effect, Exit, Pull, Scope, Stream } from "effect";

/**
 * Opens a stream and waits for its first events, so that a failure until then is the effect's own.
 *
 * *Details*: the stream that comes back starts with those events and can be run once. A failed or
 * interrupted opening has released the stream before it ends; later, the scope of the caller does.
 */
export const opened = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
): Effect.Effect<Stream.Stream<A, E, R>, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope);
    return yield* Effect.gen(function* () {
      // `Stream.toPull` would serialize the pulls of many readers and merge a context for each; there is one reader.
      const pull = yield* Channel.toPullScoped(Stream.toChannel(stream), scope);
      const first: Arr.NonEmptyReadonlyArray<A> | undefined = yield* pull.pipe(
        Pull.catchDone(() => Effect.succeed(undefined)),
      );
      if (first === undefined) return Stream.empty;
      let held: Arr.NonEmptyReadonlyArray<A> | undefined = first;
      const resumed: Effect.Effect<Arr.NonEmptyReadonlyArray<A>, E | Cause.Done, R> = Effect.suspend(() => {
        if (held === undefined) return pull;
        const events = held;
        held = undefined;
        return Effect.succeed(events);
      });
      return Stream.fromPull(Effect.succeed(resumed));
    }).pipe(Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)));
  });
