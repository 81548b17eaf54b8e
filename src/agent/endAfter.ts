/**
 * Ends a stream when its time is up, whatever it is waiting for.
 */
import { Array as Arr, Cause, type Duration, Effect, Exit, Fiber, Stream } from "effect";

/** Elements that are read ahead of the reader while they are ready, so that a burst costs one reading. */
const readAheadMax = 64;

/**
 * Ends a stream a given time after it was first read; what it is doing then is interrupted.
 *
 * *Details*: reading runs in a fiber of its own, so that the timer can interrupt it without
 * interrupting the reader. The first array is passed on as it comes; afterwards what is ready together is
 * passed on together, and what is slow is passed on at once. `Stream.interruptWhen` merges two streams,
 * and every array then crosses two fibers.
 */
export const endAfter = (time: Duration.Duration) => <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.transformPull(self, (pull, scope) =>
    Effect.gen(function* () {
      let expired = false;
      let found: Array<A> = [];
      let wanted = 1;
      /** The reading that waits, or whose end is not yet told. */
      let reading: Fiber.Fiber<void, E | Cause.Done> | undefined;
      const expire = Effect.suspend(() => {
        expired = true;
        return reading === undefined ? Effect.void : Fiber.interrupt(reading);
      });
      yield* Effect.forkIn(Effect.andThen(Effect.sleep(time), expire), scope);

      const read: Effect.Effect<void, E | Cause.Done, R> = Effect.flatMap(pull, (ready) => {
        for (const element of ready) found.push(element);
        return found.length < wanted ? read : Effect.void;
      });
      const next: Effect.Effect<Arr.NonEmptyReadonlyArray<A>, E | Cause.Done, R> = Effect.suspend(() => {
        if (reading !== undefined) return heard(reading);
        if (expired) return Cause.done();
        return Effect.flatMap(Effect.forkIn(read, scope, { startImmediately: true }), heard);
      });
      const heard = (fiber: Fiber.Fiber<void, E | Cause.Done>): typeof next => {
        const exit = fiber.pollUnsafe();
        reading = exit !== undefined && Exit.isSuccess(exit) ? undefined : fiber;
        // A reading that had to wait ends with the next array, so that nothing waits for more.
        wanted = exit === undefined ? 0 : readAheadMax;
        const ready = found;
        if (Arr.isArrayNonEmpty(ready)) {
          found = [];
          return Effect.succeed(ready);
        }
        if (exit === undefined) return Effect.flatMap(Fiber.await(fiber), () => heard(fiber));
        if (Exit.isSuccess(exit)) return next;
        return expired && Exit.hasInterrupts(exit) ? Cause.done() : Exit.failCause(exit.cause);
      };
      return next;
    }));
