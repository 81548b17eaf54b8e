import assert from "node:assert/strict";
import { Clock, Deferred, Effect, Fiber, Latch, Result, Stream } from "effect";
import { TestClock } from "effect/testing";
import { Arrivals } from "../../../../src/adapters/model/Arrivals.ts";
import type { Cut } from "../../../../src/adapters/model/Cut.ts";
import { type Fault, fault } from "../../../../src/adapters/model/fault.ts";
import { type Assembly, type Deadlines, upstream } from "../../../../src/adapters/model/upstream.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { BadOutput, type ModelEvent } from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";
import { machineClock } from "../../../support/machineClock.ts";

const deadlines: Deadlines = { connectMs: 1000, firstEventMs: 2000, silenceMs: 3000 };
const text = (value: string): ModelEvent => ({ _tag: "TextDelta", text: value });
const finished: ModelEvent = { _tag: "Finished", reason: "Stop", usage: zero };

/** Every chunk is a text, "" says nothing and "broken" cannot be read. */
const assembly = (): Assembly<null> => ({
  initial: null,
  step: (_state, chunk) =>
    chunk === "broken"
      ? Result.fail(fault(new BadOutput({ why: "broken" }), "broken"))
      : Result.succeed(chunk === "" ? [] : [text(String(chunk))]),
  end: () => Result.succeed([finished]),
});

type Open = (cut: Cut) => Effect.Effect<Arrivals, Fault>;
/** Opens nothing, until it is cut. */
const never: Open = (cut) => cut.awaited;
const flow = { pause: () => {}, resume: () => {} };
const event = (value: string) => `data: ${JSON.stringify(value)}\n\n`;
/** What has arrived when the headers come, and whether more may follow. */
const arrived = (texts: ReadonlyArray<string>, ended: boolean): Open => () =>
  Effect.sync(() => {
    const arrivals = new Arrivals(flow);
    arrivals.feed(texts.map(event).join(""));
    if (ended) arrivals.end();
    return arrivals;
  });
const run = Effect.fnUntraced(function* (open: Open) {
  const events: Array<ModelEvent> = [];
  const result = yield* upstream({ open, assembly, deadlines }).pipe(
    Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
    Effect.result,
  );
  return { events, reason: Result.isFailure(result) ? { ...result.failure.reason } : undefined };
});

const waits: ReadonlyArray<readonly [string, Open, number, ReadonlyArray<ModelEvent>]> = [
  ["connect", never, 1000, []],
  ["first-event", arrived([], false), 2000, []],
  ["between-events", arrived(["a"], false), 3000, [text("a")]],
  ["between-events", arrived([""], false), 3000, []],
];
for (const [phase, open, limitMs, expected] of waits) {
  it.effect(`upstream times out in phase ${phase} after exactly its deadline, keeping ${expected.length} events`, () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(run(open));
      yield* TestClock.adjust(limitMs - 1);
      assert.equal(fiber.pollUnsafe(), undefined);
      yield* TestClock.adjust(1);
      assert.deepEqual(yield* Fiber.join(fiber), { events: expected, reason: { _tag: "TimedOut", phase, limitMs } });
    }));
}

it.effect("upstream fails a turn that was cut when its headers were there already", () =>
  Effect.gen(function* () {
    const late = fault(new BadOutput({ why: "late" }), "late");
    const opensLate: Open = (cut) =>
      Effect.sync(() => {
        const arrivals = new Arrivals(flow);
        cut.now(late);
        return arrivals;
      });
    assert.deepEqual(yield* run(opensLate), { events: [], reason: { ...late.reason } });
  }));

it.effect("upstream waits anew after every chunk, said or not", () =>
  Effect.gen(function* () {
    const arrivals = new Arrivals(flow);
    const fiber = yield* Effect.forkChild(run(() => Effect.succeed(arrivals)));
    for (const text of ["a", "", "b"]) {
      yield* TestClock.adjust(1900);
      arrivals.feed(event(text));
    }
    yield* TestClock.adjust(2900);
    arrivals.end();
    assert.deepEqual(yield* Fiber.join(fiber), { events: [text("a"), text("b"), finished], reason: undefined });
  }));

it.effect("upstream delivers what came in the same read before a chunk that cannot be read", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* run(arrived(["a", "b", "broken", "c"], true)), {
      events: [text("a"), text("b")],
      reason: { _tag: "BadOutput", why: "broken" },
    });
  }));

it.effect("upstream gives up after four times its wait when this process is held all the time, and says whose fault", () =>
  Effect.gen(function* () {
    for (const open of [never, () => Effect.sync(() => new Arrivals(flow))]) {
      let heldMs = 0;
      const fiber = yield* Effect.forkChild(
        upstream({ open, assembly, deadlines: { ...deadlines, heldMs: () => heldMs } }).pipe(
          Stream.runDrain,
          Effect.result,
        ),
      );
      let passedMs = 0;
      for (; fiber.pollUnsafe() === undefined && passedMs < 60_000; passedMs += 25) {
        heldMs += 25;
        yield* TestClock.adjust(25);
      }
      const result = yield* Fiber.join(fiber);
      assert.ok(Result.isFailure(result));
      const { reason } = result.failure;
      assert.ok(reason._tag === "TimedOut" && reason.isOwnLag === true);
      assert.ok(passedMs >= 4 * reason.limitMs && passedMs <= 5 * reason.limitMs, `${passedMs}`);
    }
  }));

it.effect("upstream blames nobody for a reader that takes nothing, however long", () =>
  Effect.gen(function* () {
    const arrivals = new Arrivals(flow);
    const latch = yield* Latch.make();
    const held = yield* Deferred.make<void>();
    arrivals.feed(event("a"));
    const fiber = yield* Effect.forkChild(
      upstream({ open: () => Effect.succeed(arrivals), assembly, deadlines }).pipe(
        Stream.runForEach(() => Effect.andThen(Deferred.succeed(held, undefined), latch.await)),
        Effect.result,
      ),
    );
    yield* Deferred.await(held);
    yield* TestClock.adjust("1 hour");
    assert.equal(fiber.pollUnsafe(), undefined);
    arrivals.feed(event("b"));
    arrivals.end();
    yield* latch.open;
    assert.ok(Result.isSuccess(yield* Fiber.join(fiber)));
  }));

it.effect("upstream takes no time in which this process was held for the provider's silence", () =>
  Effect.gen(function* () {
    let heldMs = 0;
    const arrivals = new Arrivals(flow);
    const fiber = yield* Effect.forkChild(
      upstream({ open: () => Effect.succeed(arrivals), assembly, deadlines: { ...deadlines, heldMs: () => heldMs } })
        .pipe(
          Stream.runDrain,
          Effect.result,
        ),
    );
    yield* TestClock.adjust(500);
    arrivals.feed(event("a"));
    // Held in the middle of a part of the wait: every timer still fires in time.
    yield* TestClock.adjust(1000);
    heldMs += 1400;
    yield* TestClock.adjust(3399);
    assert.equal(fiber.pollUnsafe(), undefined);
    yield* TestClock.adjust(1);
    const result = yield* Fiber.join(fiber);
    assert.ok(Result.isFailure(result));
    assert.deepEqual({ ...result.failure.reason }, { _tag: "TimedOut", phase: "between-events", limitMs: 3000 });
  }));

it.effect("upstream ends a short wait in time after a long one was allowed", () =>
  Effect.gen(function* () {
    const unequal: Deadlines = { connectMs: 80_000, firstEventMs: 1000, silenceMs: 500 };
    const arrivals = new Arrivals(flow);
    const fiber = yield* Effect.forkChild(
      upstream({ open: () => Effect.succeed(arrivals), assembly, deadlines: unequal }).pipe(
        Stream.runDrain,
        Effect.result,
      ),
    );
    yield* TestClock.adjust(999);
    arrivals.feed(event("a"));
    yield* TestClock.adjust(499);
    assert.equal(fiber.pollUnsafe(), undefined);
    yield* TestClock.adjust(1);
    const result = yield* Fiber.join(fiber);
    assert.deepEqual(Result.isFailure(result) && { ...result.failure.reason }, {
      _tag: "TimedOut",
      phase: "between-events",
      limitMs: 500,
    });
  }));

it.effect("upstream ends no turn when the machine's clock is set, and waits no longer than twice its deadline", () =>
  Effect.gen(function* () {
    for (const hours of [1, -1]) {
      const { clock, setBy } = yield* machineClock;
      const arrivals = new Arrivals(flow);
      const fiber = yield* run(() => Effect.succeed(arrivals)).pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.forkChild,
      );
      yield* TestClock.adjust(1000);
      arrivals.feed(event("a"));
      yield* TestClock.adjust(1000);
      setBy(hours);
      yield* TestClock.adjust(1999);
      arrivals.feed(event("b"));
      yield* TestClock.adjust(1000);
      setBy(hours);
      yield* TestClock.adjust(1999);
      assert.equal(fiber.pollUnsafe(), undefined);
      yield* TestClock.adjust(3000);
      const reason = { _tag: "TimedOut", phase: "between-events", limitMs: 3000 };
      assert.deepEqual(yield* Fiber.join(fiber), { events: [text("a"), text("b")], reason });
    }
  }));
