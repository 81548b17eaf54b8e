/**
 * Words while something takes long: a person at a terminal must be able to tell waiting from hanging.
 */
import { Clock, Effect } from "effect";

/** Silence that is still taken for work, in milliseconds. */
const silenceMsMax = 4000;

/**
 * Runs an effect and logs every few seconds that it goes on, and since how many seconds; a quick one says nothing.
 *
 * *Details*: `doing` is asked each time for what is being done.
 */
export const tellingProgress = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  doing: () => string,
): Effect.Effect<A, E, R> =>
  Effect.scoped(Effect.gen(function* () {
    const startedMs = yield* Clock.currentTimeMillis;
    const tell = Effect.gen(function* () {
      yield* Effect.sleep(silenceMsMax);
      const seconds = Math.round(((yield* Clock.currentTimeMillis) - startedMs) / 1000);
      yield* Effect.logInfo(`${doing()} (${seconds} s so far)`);
    });
    yield* Effect.forkScoped(Effect.forever(tell));
    return yield* effect;
  }));
