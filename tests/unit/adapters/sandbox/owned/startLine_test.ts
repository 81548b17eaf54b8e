import assert from "node:assert/strict";
import { Deferred, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import * as StartLine from "../../../../../src/adapters/sandbox/owned/startLine.ts";
import { it } from "../../../../support/it.ts";

it.effect("StartLine.turn lets principals take turns, so that one who starts many delays another by one start", () =>
  Effect.gen(function* () {
    const line = yield* StartLine.make(1);
    const order: Array<string> = [];
    const gate = yield* Deferred.make<void>();
    const start = (principal: string, before: Effect.Effect<void> = Effect.void) =>
      Effect.scoped(
        Effect.andThen(line.turn(principal), Effect.andThen(before, Effect.sync(() => order.push(principal)))),
      );
    const fibers = [yield* Effect.forkChild(start("crowd", Deferred.await(gate)), { startImmediately: true })];
    for (const principal of ["crowd", "crowd", "crowd", "alone"]) {
      fibers.push(yield* Effect.forkChild(start(principal), { startImmediately: true }));
    }
    yield* Deferred.succeed(gate, undefined);
    yield* Effect.forEach(fibers, Fiber.join);
    assert.ok(order.indexOf("alone") <= 2, order.join());
    assert.equal(order.length, 5);
  }));

it.effect("StartLine.turn tells who waited for two minutes, and the turn is not lost when a waiter is interrupted", () =>
  Effect.gen(function* () {
    const line = yield* StartLine.make(0);
    const holding = yield* Effect.forkChild(Effect.scoped(Effect.andThen(line.turn("a"), Effect.never)), {
      startImmediately: true,
    });
    const waiting = yield* Effect.forkChild(Effect.flip(Effect.scoped(line.turn("b"))), { startImmediately: true });
    const leaving = yield* Effect.forkChild(Effect.scoped(line.turn("c")), { startImmediately: true });
    yield* Fiber.interrupt(leaving);
    yield* TestClock.adjust("120 seconds");
    const error = yield* Fiber.join(waiting);
    assert.equal(error.reason._tag, "StartFailed");
    assert.match(error.detail, /no turn to start within 120000 ms/);
    yield* Fiber.interrupt(holding);
    yield* Effect.scoped(line.turn("d"));
  }));
