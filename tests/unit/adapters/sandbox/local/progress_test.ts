/**
 * Long work says that it goes on, quick work says nothing, and nothing is said once it has ended.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Logger } from "effect";
import { TestClock } from "effect/testing";
import { tellingProgress } from "../../../../../src/adapters/sandbox/local/progress.ts";
import { it } from "../../../../support/it.ts";

it.effect("work of ten seconds is told twice, with what it does just then, and never again", () =>
  Effect.gen(function* () {
    const said: Array<string> = [];
    const recording = Logger.make(({ message }) => void said.push(String(message)));
    const end = yield* Deferred.make<string>();
    let step = "fetching";
    const work = yield* tellingProgress(Deferred.await(end), () => step).pipe(
      Effect.provide(Logger.layer([recording])),
      Effect.forkChild({ startImmediately: true }),
    );
    yield* TestClock.adjust("3 seconds");
    assert.deepEqual(said, []);
    yield* TestClock.adjust("1 seconds");
    step = "building";
    yield* TestClock.adjust("6 seconds");
    assert.deepEqual(said, ["fetching (4 s so far)", "building (8 s so far)"]);
    yield* Deferred.succeed(end, "done");
    assert.equal(yield* Fiber.join(work), "done");
    yield* TestClock.adjust("1 minute");
    assert.equal(said.length, 2);
  }));
