import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Result, Stream } from "effect";
import { TestClock } from "effect/testing";
import { type Fault, fault } from "../../../../src/adapters/model/fault.ts";
import { sdkChunks } from "../../../../src/adapters/model/sdkChunks.ts";
import { type Assembly, type Deadlines, upstream } from "../../../../src/adapters/model/upstream.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { BadOutput, ConnectionLost, type ModelEvent } from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";

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

type Open = Effect.Effect<Stream.Stream<unknown, Fault>, Fault>;
const run = Effect.fnUntraced(function* (open: Open) {
  const events: Array<ModelEvent> = [];
  const result = yield* upstream({ open, assembly, deadlines }).pipe(
    Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
    Effect.result,
  );
  return { events, reason: Result.isFailure(result) ? { ...result.failure.reason } : undefined };
});

const waits: ReadonlyArray<readonly [string, Open, number, ReadonlyArray<ModelEvent>]> = [
  ["connect", Effect.never, 1000, []],
  ["first-event", Effect.succeed(Stream.never), 2000, []],
  ["between-events", Effect.succeed(Stream.concat(Stream.make("a"), Stream.never)), 3000, [text("a")]],
  ["between-events", Effect.succeed(Stream.concat(Stream.make(""), Stream.never)), 3000, []],
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

it.effect("upstream waits anew after every chunk, said or not", () =>
  Effect.gen(function* () {
    const slow = Stream.make("a", "", "b").pipe(Stream.tap(() => Effect.sleep(1900)));
    const fiber = yield* Effect.forkChild(run(Effect.succeed(slow)));
    yield* TestClock.adjust(3 * 1900);
    assert.deepEqual(yield* Fiber.join(fiber), { events: [text("a"), text("b"), finished], reason: undefined });
  }));

it.effect("upstream delivers what came in the same read before a chunk that cannot be read", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* run(Effect.succeed(Stream.make("a", "b", "broken", "c"))), {
      events: [text("a"), text("b")],
      reason: { _tag: "BadOutput", why: "broken" },
    });
  }));

it.effect("sdkChunks aborts the request when it is closed, without waiting for a read that never ends", () =>
  Effect.gen(function* () {
    const reading = yield* Deferred.make<void>();
    let signal: AbortSignal | undefined;
    /** An iterable like an SDK's: its `return` waits for the read that is pending. */
    const iterable: AsyncIterable<unknown> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          Deferred.doneUnsafe(reading, Effect.void);
          return new Promise(() => {});
        },
        return: () => new Promise(() => {}),
      }),
    };
    const chunks = Stream.unwrap(sdkChunks((given) => {
      signal = given;
      return Promise.resolve(iterable);
    }, () => fault(new ConnectionLost(), "")));
    const fiber = yield* Effect.forkChild(Stream.runDrain(chunks));
    yield* Deferred.await(reading);
    assert.equal(signal?.aborted, false);
    yield* Fiber.interrupt(fiber);
    assert.equal(signal?.aborted, true);
  }));

it.effect("sdkChunks tells whether a chunk had come when the SDK throws", () =>
  Effect.gen(function* () {
    const failing = (chunks: number) =>
      Stream.unwrap(sdkChunks(
        () =>
          Promise.resolve((async function* () {
            for (let sent = 0; sent < chunks; sent++) yield await Promise.resolve(sent);
            throw new Error("cut");
          })()),
        (_thrown, begun) => fault(new ConnectionLost(), `begun: ${begun}`),
      )).pipe(Stream.runDrain, Effect.flip, Effect.map(({ detail }) => detail));
    assert.equal(yield* failing(0), "begun: false");
    assert.equal(yield* failing(1), "begun: true");
  }));
