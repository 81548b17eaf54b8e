/** Deadlines with one sleeper. */
import assert from "node:assert/strict";
import { Clock, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import { Deadlines } from "../../../../../src/adapters/sandbox/supervisor/Deadlines.ts";
import { Ask, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../../../../support/it.ts";
import { machineClock } from "../../../../support/machineClock.ts";
import { frame, scripted } from "./scriptedSupervisor.ts";

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

it.effect("a machine's clock that is set anew ends no link, and changes no duration", () =>
  Effect.gen(function* () {
    for (const hours of [1, -1]) {
      const { clock, setBy } = yield* machineClock;
      yield* Effect.gen(function* () {
        const { link, say, sent } = yield* scripted;
        const idOf = (kind: number) => sent().find(([each]) => each === kind)?.[1] ?? 0;
        const running = yield* Effect.forkChild(link.execute({ command: "sleep 6", timeoutMs: 600_000 }), {
          startImmediately: true,
        });
        // Its deadline wakes the sleeper, which then looks whether anything else is overdue.
        const ping = yield* Effect.forkChild(link.ping, { startImmediately: true });
        say(frame(Tell.pong, idOf(Ask.ping)));
        yield* Fiber.join(ping);
        setBy(hours);
        yield* TestClock.adjust("6 seconds");
        assert.equal(link.isClosed(), false);
        say(frame(Tell.exit, idOf(Ask.exec), new Uint8Array(22)));
        assert.equal((yield* Fiber.join(running)).durationMs, 6_000);
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, clock));
    }
  }));
