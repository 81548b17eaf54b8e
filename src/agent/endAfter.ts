/**
 * Ends a stream when its time is up, whatever it is waiting for.
 */
import { Cause, type Duration, Effect, Exit, Fiber, Stream } from "effect";

/**
 * Ends a stream a given time after it was first read; what it is doing then is interrupted.
 *
 * *Details*: each read runs in a fiber of its own, so that the timer can interrupt it without
 * interrupting the reader. A read that is ready costs no suspension; `Stream.interruptWhen` merges two
 * streams, and every array then crosses two fibers.
 */
export const endAfter = (time: Duration.Duration) => <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.transformPull(self, (pull, scope) =>
    Effect.gen(function* () {
      let expired = false;
      let reading: Fiber.Fiber<unknown, unknown> | undefined;
      const expire = Effect.suspend(() => {
        expired = true;
        return reading === undefined ? Effect.void : Fiber.interrupt(reading);
      });
      yield* Effect.forkIn(Effect.andThen(Effect.sleep(time), expire), scope);
      return Effect.suspend(() => {
        if (expired) return Cause.done();
        return Effect.flatMap(Effect.forkChild(pull, { startImmediately: true }), (fiber) => {
          const ready = fiber.pollUnsafe();
          if (ready !== undefined) return ready;
          reading = fiber;
          return Effect.flatMap(
            Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber)),
            (exit) => expired && Exit.hasInterrupts(exit) ? Cause.done() : exit,
          );
        });
      });
    }));
