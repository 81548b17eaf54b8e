import assert from "node:assert/strict";
import { Clock, Effect, Logger, References } from "effect";
import { TestClock } from "effect/testing";
import { LoopWatch } from "../../../src/web/LoopWatch.ts";
import { it } from "../../support/it.ts";
import { machineClock } from "../../support/machineClock.ts";

/** The time that the loop is asked for a turn, and a turn of it. */
const everyMs = 500;

it.effect("LoopWatch tells which requests were worked on when the loop was held, and forgets after a minute", () => {
  const lines: Array<unknown> = [];
  const logger = Logger.make(({ message, fiber }) =>
    void lines.push([message, fiber.getRef(References.CurrentLogAnnotations)])
  );
  let heldNanos = 0n;
  return Effect.gen(function* () {
    const testClock = yield* Clock.Clock;
    // A loop that is held shows as time that passed beyond what was slept.
    const clock: Clock.Clock = {
      ...testClock,
      sleep: (duration) => testClock.sleep(duration),
      monotonicTimeNanosUnsafe: () => testClock.monotonicTimeNanosUnsafe() + heldNanos,
      monotonicTimeNanos: Effect.map(testClock.monotonicTimeNanos, (nanos) => nanos + heldNanos),
    };
    yield* Effect.gen(function* () {
      const watch = yield* LoopWatch;
      const leave = watch.enter({ method: "POST", path: "/v1/chat/completions", bytes: 31 });
      watch.enter({ method: "GET", path: "/v1/models", bytes: 0 })();
      yield* TestClock.adjust(everyMs);
      assert.deepEqual(yield* watch.lag, { nowMs: 0, worstMs: 0 });
      assert.deepEqual(lines, []);

      heldNanos += 900_000_000n;
      yield* TestClock.adjust(everyMs);
      assert.deepEqual(yield* watch.lag, { nowMs: 900, worstMs: 900 });
      assert.match(JSON.stringify(lines), /900.*POST \/v1\/chat\/completions \(31 bytes\)/);
      assert.ok(!JSON.stringify(lines).includes("/v1/models"));

      leave();
      yield* TestClock.adjust(60_000);
      assert.deepEqual(yield* watch.lag, { nowMs: 0, worstMs: 0 });
    }).pipe(
      Effect.provide(LoopWatch.layer),
      Effect.provideService(Clock.Clock, clock),
      Effect.provide(Logger.layer([logger])),
    );
  });
});

it.effect("LoopWatch takes a clock that is set for no lag", () =>
  Effect.gen(function* () {
    const { clock, setBy } = yield* machineClock;
    yield* Effect.gen(function* () {
      const watch = yield* LoopWatch;
      yield* TestClock.adjust(everyMs / 2);
      setBy(1);
      yield* TestClock.adjust(everyMs);
      assert.deepEqual(yield* watch.lag, { nowMs: 0, worstMs: 0 });
    }).pipe(Effect.provide(LoopWatch.layer), Effect.provideService(Clock.Clock, clock));
  }));
