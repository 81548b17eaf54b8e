/**
 * A machine whose clock somebody sets while a test's time passes.
 */
import { Clock, Effect } from "effect";

const nanosOfHour = 3_600_000_000_000n;

/** The test's clock as a machine tells it, and what sets it forward by so many hours, or back. */
export const machineClock: Effect.Effect<{
  readonly clock: Clock.Clock;
  readonly setBy: (hours: number) => void;
}> = Effect.map(Clock.Clock, (real) => {
  let nanos = 0n;
  const millis = () => Number(nanos / 1_000_000n);
  const clock: Clock.Clock = {
    ...real,
    sleep: (duration) => real.sleep(duration),
    currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + millis(),
    currentTimeMillis: Effect.map(real.currentTimeMillis, (ms) => ms + millis()),
    currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe() + nanos,
    currentTimeNanos: Effect.map(real.currentTimeNanos, (time) => time + nanos),
  };
  return { clock, setBy: (hours) => void (nanos += BigInt(hours) * nanosOfHour) };
});
