import assert from "node:assert/strict";
import { Clock, Effect } from "effect";
import { TestClock } from "effect/testing";
import { OwnLag, watched } from "../../../../src/adapters/model/OwnLag.ts";
import { it } from "../../../support/it.ts";
import { machineClock } from "../../../support/machineClock.ts";

Deno.test("OwnLag counts late pauses as a whole and forgives small delays", () => {
  const lag = new OwnLag();
  lag.count(250, 349);
  assert.equal(lag.heldMs(), 0);
  lag.count(250, 350);
  lag.count(250, 6000);
  assert.equal(lag.heldMs(), 6350);
});

it.effect("OwnLag takes a clock that is set for no lag", () =>
  Effect.gen(function* () {
    const { clock, setBy } = yield* machineClock;
    const lag = yield* Effect.provideService(watched, Clock.Clock, clock);
    yield* TestClock.adjust(200);
    setBy(1);
    yield* TestClock.adjust(1_000);
    assert.equal(lag.heldMs(), 0);
  }));
