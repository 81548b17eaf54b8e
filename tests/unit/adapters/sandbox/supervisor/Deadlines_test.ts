/** Deadlines with one sleeper. */
import assert from "node:assert/strict";
import { Deadlines } from "../../../../../src/adapters/sandbox/supervisor/Deadlines.ts";

/** An alarm whose time a test moves; `set` has when it was to wake, each time it was set. */
const madeAlarm = () => {
  const set: Array<number> = [];
  let now = 0;
  let sleeper: { readonly atMs: number; readonly wake: () => void } | undefined;
  const overdue: Array<string> = [];
  const deadlines = new Deadlines({
    nowMs: () => now,
    after: (ms, wake) => {
      const mine = { atMs: now + ms, wake };
      set.push(mine.atMs);
      sleeper = mine;
      return () => {
        if (sleeper === mine) sleeper = undefined;
      };
    },
  }, (what) => void overdue.push(what));
  const passTo = (atMs: number) => {
    while (sleeper !== undefined && sleeper.atMs <= atMs) {
      const { wake } = sleeper;
      now = sleeper.atMs;
      sleeper = undefined;
      wake();
    }
    now = atMs;
  };
  return { deadlines, overdue, set, passTo, isAsleep: () => sleeper !== undefined };
};

Deno.test("a deadline that passes is told, and not before", () => {
  const { deadlines, overdue, passTo } = madeAlarm();
  deadlines.begin(1_000, "first");
  passTo(999);
  assert.deepEqual(overdue, []);
  passTo(1_000);
  assert.deepEqual(overdue, ["first"]);
});

Deno.test("deadlines that are met set one sleeper, which ends when nothing is waited for", () => {
  const { deadlines, overdue, set, passTo, isAsleep } = madeAlarm();
  for (let n = 0; n < 100; n++) {
    deadlines.meet(deadlines.begin(1_000, "a command"));
    passTo(n * 5);
  }
  assert.deepEqual(set, [1_000]);
  passTo(5_000);
  assert.deepEqual([overdue, set.length, isAsleep()], [[], 1, false]);
});

Deno.test("a deadline is told on time whichever were met and whichever was set before it", () => {
  const { deadlines, overdue, set, passTo } = madeAlarm();
  const long = deadlines.begin(30_000, "long");
  const short = deadlines.begin(5_000, "short");
  assert.deepEqual(set, [30_000, 5_000]);
  deadlines.meet(short);
  passTo(20_000);
  assert.deepEqual([overdue, set], [[], [30_000, 5_000, 30_000]]);
  deadlines.begin(9_000, "later");
  deadlines.meet(long);
  passTo(28_999);
  assert.deepEqual(overdue, []);
  passTo(29_000);
  assert.deepEqual(overdue, ["later"]);
});

Deno.test("after the end nothing is told", () => {
  const { deadlines, overdue, passTo, isAsleep } = madeAlarm();
  deadlines.begin(1_000, "first");
  deadlines.clear();
  passTo(2_000);
  assert.deepEqual([overdue, isAsleep()], [[], false]);
});
