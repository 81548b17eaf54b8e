import assert from "node:assert/strict";
import { Duration, Effect, Exit, Fiber, Latch, Logger, Scope } from "effect";
import { TestClock } from "effect/testing";
import { makeBatchSender } from "../../../src/telemetry/BatchSender.ts";
import { it } from "../../support/it.ts";

const bounds = {
  what: "traces",
  queueMax: 100,
  batchMax: 10,
  interval: Duration.seconds(5),
  timeout: Duration.seconds(10),
};

it.effect("a full batch is sent at once, a smaller one after its time, the rest at the end", () =>
  Effect.gen(function* () {
    const sent: Array<ReadonlyArray<number>> = [];
    const scope = yield* Scope.make();
    const { push } = yield* makeBatchSender<number>({
      ...bounds,
      send: (items) => Effect.sync(() => sent.push(items)),
      dropped: () => assert.fail("nothing is dropped"),
    }).pipe(Effect.provideService(Scope.Scope, scope));
    yield* Effect.yieldNow;
    for (let at = 0; at < 10; at++) push(at);
    yield* TestClock.adjust("0 millis");
    assert.deepEqual(sent.map((items) => items.length), [10]);
    push(10);
    yield* TestClock.adjust("5 seconds");
    assert.deepEqual(sent.map((items) => items.length), [10, 1]);
    push(11);
    yield* Scope.close(scope, Exit.void);
    assert.deepEqual(sent.map((items) => items.length), [10, 1, 1]);
  }));

it.effect("a collector that never answers holds a queue and a batch, is said once, and what is lost is counted", () =>
  Effect.gen(function* () {
    const lines: Array<string> = [];
    const logger = Logger.make<unknown, void>(({ message, logLevel }) => void lines.push(`${logLevel} ${message}`));
    let dropped = 0;
    let atOnce = 0;
    let most = 0;
    let hangs = true;
    const send = () =>
      Effect.suspend(() => {
        atOnce++;
        most = Math.max(most, atOnce);
        return hangs ? Effect.never : Effect.void;
      }).pipe(Effect.ensuring(Effect.sync(() => atOnce--)));
    yield* Effect.scoped(Effect.gen(function* () {
      const { push } = yield* makeBatchSender<number>({ ...bounds, send, dropped: (count) => dropped += count });
      yield* Effect.yieldNow;
      for (let minute = 0; minute < 60; minute++) {
        for (let at = 0; at < 1_000; at++) push(at);
        yield* TestClock.adjust("1 minute");
      }
      assert.equal(most, 1);
      assert.ok(dropped >= 60_000 - bounds.queueMax - bounds.batchMax, String(dropped));
      assert.deepEqual(lines, ["Warn the collector does not take traces: they are dropped and counted until it does"]);
      hangs = false;
      yield* TestClock.adjust("1 minute");
      assert.deepEqual(lines.slice(1), ["Info the collector takes traces again"]);
    })).pipe(Effect.provide(Logger.layer([logger])));
  }));

it.effect("the end waits three seconds for a collector that does not answer", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const { push } = yield* makeBatchSender<number>({ ...bounds, send: () => Effect.never, dropped: () => {} })
      .pipe(Effect.provideService(Scope.Scope, scope));
    push(1);
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void));
    yield* TestClock.adjust("3 seconds");
    assert.ok(closing.pollUnsafe() !== undefined);
  }));

it.effect("what comes while a batch is sent waits for a batch of its own", () =>
  Effect.gen(function* () {
    const sent: Array<number> = [];
    const answered = yield* Latch.make();
    const { push } = yield* makeBatchSender<number>({
      ...bounds,
      send: (items) => Effect.andThen(Effect.sync(() => sent.push(items.length)), answered.await),
      dropped: () => assert.fail("nothing is dropped"),
    });
    yield* Effect.yieldNow;
    for (let at = 0; at < 10; at++) push(at);
    yield* TestClock.adjust("0 millis");
    for (let at = 0; at < 13; at++) push(at);
    answered.openUnsafe();
    yield* TestClock.adjust("1 second");
    assert.deepEqual(sent, [10, 10]);
    yield* TestClock.adjust("5 seconds");
    assert.deepEqual(sent, [10, 10, 3]);
  }));

it.effect("a batch that is on its way at the end arrives, and what came behind it too", () =>
  Effect.gen(function* () {
    const sent: Array<number> = [];
    const answered = yield* Latch.make();
    const scope = yield* Scope.make();
    const { push } = yield* makeBatchSender<number>({
      ...bounds,
      send: (items) => Effect.andThen(answered.await, Effect.sync(() => void sent.push(...items))),
      dropped: () => assert.fail("nothing is dropped"),
    }).pipe(Effect.provideService(Scope.Scope, scope));
    yield* Effect.yieldNow;
    push(1);
    yield* TestClock.adjust("5 seconds");
    push(2);
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void));
    yield* TestClock.adjust("1 second");
    assert.deepEqual([sent, closing.pollUnsafe()], [[], undefined]);
    yield* answered.open;
    yield* Fiber.join(closing);
    assert.deepEqual(sent, [1, 2]);
  }));
