import assert from "node:assert/strict";
import { Deferred, Duration, Effect, Fiber, Latch, Queue, Stream } from "effect";
import { TestClock } from "effect/testing";
import { endAfter } from "../../../src/agent/endAfter.ts";
import { it } from "../../support/it.ts";

const time = Duration.seconds(10);

/** The arrays as which the elements come. */
const arraysOf = <A, E>(stream: Stream.Stream<A, E>) => {
  const arrays: Array<ReadonlyArray<A>> = [];
  const reading = Stream.runForEachArray(stream, (array) => Effect.sync(() => void arrays.push([...array])));
  return { arrays, reading };
};

it.effect("endAfter passes on the first element alone and what is ready after it together", () =>
  Effect.gen(function* () {
    const { arrays, reading } = arraysOf(endAfter(time)(Stream.range(1, 5).pipe(Stream.rechunk(1))));
    yield* reading;
    assert.deepEqual(arrays, [[1], [2, 3, 4, 5]]);
  }));

it.effect("endAfter passes on what was ready before it waits for what is not", () =>
  Effect.gen(function* () {
    const slow = yield* Deferred.make<number>();
    const ready = Stream.range(1, 3).pipe(Stream.rechunk(1));
    const heardAll = yield* Latch.make(false);
    const heard: Array<number> = [];
    const reading = yield* ready.pipe(
      Stream.concat(Stream.fromEffect(Deferred.await(slow))),
      endAfter(time),
      Stream.runForEach((element) =>
        Effect.sync(() => {
          heard.push(element);
          if (element === 3) heardAll.openUnsafe();
        })
      ),
      Effect.forkChild,
    );
    yield* heardAll.await;
    assert.deepEqual(heard, [1, 2, 3]);
    yield* Deferred.succeed(slow, 4);
    yield* Fiber.join(reading);
    assert.deepEqual(heard, [1, 2, 3, 4]);
  }));

it.effect("endAfter tells a failure after the elements that were ready before it", () =>
  Effect.gen(function* () {
    const failing = Stream.concat(Stream.range(1, 3).pipe(Stream.rechunk(1)), Stream.fail("broken"));
    const { arrays, reading } = arraysOf(endAfter(time)(failing));
    assert.equal(yield* Effect.flip(reading), "broken");
    assert.deepEqual(arrays.flat(), [1, 2, 3]);
  }));

it.effect("endAfter interrupts what is read when the time is up, and keeps what came before", () =>
  Effect.gen(function* () {
    let interrupted = false;
    const never = Stream.fromEffect(Effect.onInterrupt(Effect.never, () =>
      Effect.sync(() => {
        interrupted = true;
      })));
    const { arrays, reading } = arraysOf(endAfter(time)(Stream.concat(Stream.make(1, 2), never)));
    const fiber = yield* Effect.forkChild(reading, { startImmediately: true });
    yield* TestClock.adjust(time);
    yield* Fiber.join(fiber);
    assert.deepEqual(arrays.flat(), [1, 2]);
    assert.ok(interrupted);
  }));

it.effect("endAfter interrupts what is read when its reader leaves, even between two reads", () =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<number>();
    yield* Queue.offerAll(queue, [1, 2]);
    let interrupted = false;
    const waiting = Stream.fromEffect(Effect.onInterrupt(Queue.take(queue), () =>
      Effect.sync(() => {
        interrupted = true;
      })));
    const endless = Stream.concat(waiting, Stream.concat(waiting, waiting));
    const heardAll = yield* Latch.make(false);
    const busy = yield* endless.pipe(
      endAfter(time),
      Stream.runForEach((element) => element === 2 ? Effect.andThen(heardAll.open, Effect.never) : Effect.void),
      Effect.forkChild,
    );
    yield* heardAll.await;
    yield* Fiber.interrupt(busy);
    assert.ok(interrupted);
  }));
