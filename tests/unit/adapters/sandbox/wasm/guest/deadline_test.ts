/**
 * The deadline of a cell without real processes: what it ends is told as out of time by the clock, so it is never early.
 */
import assert from "node:assert/strict";
import { makeDeadline } from "../../../../../../src/adapters/sandbox/wasm/guest/deadline.ts";

/** Looks until the interpreter would see an interrupt; the thread that sets it is another one. */
const seenAt = (interrupt: Uint8Array, untilMs: number): number => {
  while (interrupt[0] === 0) {
    if (performance.now() > untilMs) return Infinity;
  }
  return performance.now();
};

Deno.test("an interrupt never comes before its time, whatever part of a millisecond that has", () => {
  const deadline = makeDeadline();
  for (let part = 0; part < 20; part++) {
    const at = Math.floor(performance.now()) + 8 + part / 20;
    deadline.arm(at);
    const seen = seenAt(deadline.interrupt, at + 30_000);
    deadline.disarm();
    assert.ok(seen < Infinity, "it comes");
    assert.ok(seen >= at, `${at - seen} ms early`);
  }
});
