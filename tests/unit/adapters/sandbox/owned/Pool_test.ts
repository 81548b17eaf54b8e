import assert from "node:assert/strict";
import { Deferred, Effect, Exit, Scope } from "effect";
import { TestClock } from "effect/testing";
import * as Pool from "../../../../../src/adapters/sandbox/owned/Pool.ts";
import { SandboxError, StartFailed } from "../../../../../src/services/Sandbox.ts";
import { it } from "../../../../support/it.ts";

interface Fake extends Pool.PoolMember {
  readonly n: number;
}

const failed = new SandboxError({ reason: new StartFailed(), detail: "no" });

/** A pool of numbered fakes that writes down what starts and stops; the first `failures` starts fail. */
const fakes = Effect.fnUntraced(function* (size: number, failures = 0) {
  const log: Array<string> = [];
  let n = 0;
  const scope = yield* Scope.make();
  const pool = yield* Scope.provide(
    Pool.make<Fake>(
      size,
      Effect.gen(function* () {
        if (n++ < failures) {
          log.push("fail");
          return yield* failed;
        }
        const me = n;
        const death = yield* Deferred.make<void>();
        log.push(`start ${me}`);
        yield* Effect.addFinalizer(() => Effect.sync(() => void log.push(`stop ${me}`)));
        return {
          n: me,
          isClosed: () => Deferred.isDoneUnsafe(death),
          closed: Deferred.await(death),
        };
      }),
    ),
    scope,
  );
  yield* TestClock.adjust(0);
  return { pool, log, scope };
});

it.effect("Pool.take hands out a member once and starts its successor a moment later", () =>
  Effect.gen(function* () {
    const { pool, log } = yield* fakes(1);
    yield* Effect.scoped(Effect.gen(function* () {
      const member = yield* pool.take;
      assert.equal(member?.n, 1);
      assert.equal(yield* pool.take, undefined);
      assert.deepEqual(log, ["start 1"]);
      yield* TestClock.adjust("1 second");
      assert.deepEqual(log, ["start 1", "start 2"]);
    }));
    assert.deepEqual(log, ["start 1", "start 2", "stop 1"]);
    assert.equal(yield* pool.ready, 1);
  }));

it.effect("Pool stops what it holds and leaves what was taken when it closes", () =>
  Effect.gen(function* () {
    const { pool, log, scope } = yield* fakes(2);
    yield* Effect.scoped(Effect.gen(function* () {
      yield* pool.take;
      yield* Scope.close(scope, Exit.void);
      assert.deepEqual(log, ["start 1", "start 2", "stop 2"]);
    }));
    assert.deepEqual(log.at(-1), "stop 1");
  }));

it.effect("Pool.take passes over a member that died and the pool fills up again", () =>
  Effect.gen(function* () {
    const log: Array<number> = [];
    const deaths: Array<Deferred.Deferred<void>> = [];
    const pool = yield* Pool.make<Pool.PoolMember & { readonly n: number }>(
      2,
      Effect.gen(function* () {
        const death = yield* Deferred.make<void>();
        deaths.push(death);
        log.push(deaths.length);
        return { n: deaths.length, isClosed: () => Deferred.isDoneUnsafe(death), closed: Deferred.await(death) };
      }),
    );
    yield* TestClock.adjust(0);
    assert.deepEqual(log, [1, 2]);
    const [first] = deaths;
    assert.ok(first !== undefined);
    yield* Deferred.succeed(first, undefined);
    yield* Effect.scoped(Effect.map(pool.take, (member) => assert.equal(member?.n, 2)));
    yield* TestClock.adjust("2 seconds");
    assert.deepEqual(log, [1, 2, 3, 4]);
    assert.equal(yield* pool.ready, 2);
  }));

it.effect("Pool waits longer after each failed start and recovers", () =>
  Effect.gen(function* () {
    const { pool, log } = yield* fakes(1, 2);
    assert.deepEqual(log, ["fail"]);
    yield* TestClock.adjust("1 second");
    assert.deepEqual(log, ["fail", "fail"]);
    yield* TestClock.adjust("1 second");
    assert.equal(yield* pool.ready, 0);
    yield* TestClock.adjust("1 second");
    assert.equal(yield* pool.ready, 1);
  }));

it.effect("Pool of no size starts nothing", () =>
  Effect.gen(function* () {
    const { pool, log } = yield* fakes(0);
    yield* TestClock.adjust("1 minute");
    assert.equal(yield* Effect.scoped(pool.take), undefined);
    assert.deepEqual(log, []);
  }));
