import assert from "node:assert/strict";
import { Context, Deferred, Duration, Effect, Exit, Layer, Option, Ref, Result, Scope, Stream } from "effect";
import { TestClock } from "effect/testing";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { zero } from "../../../src/domain/Usage.ts";
import { OwnerKey } from "../../../src/domain/Owner.ts";
import type { Attempt } from "../../../src/runs/Attempt.ts";
import { IdempotencyKeyReused, RunCancelled, type RunError } from "../../../src/runs/RunError.ts";
import { Registry } from "../../../src/runs/Registry.ts";
import { SessionsUnavailable } from "../../../src/services/Sessions.ts";
import { it } from "../../support/it.ts";

const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });
const called: AgentEvent = { _tag: "ToolCallStarted", call: { id: "c", name: "execute_bash", argumentsJson: "{}" } };
const finished: AgentEvent = { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1 };
/** As the registry passes it on. */
const calledAt: AgentEvent = { ...called, atMs: 0 };
const stamped: AgentEvent = { ...finished, atMs: 0 };

const first: Attempt = { kind: "retrying-client", key: "k", joins: false, fingerprint: "k" };
const retry: Attempt = { ...first, joins: true };
const single: Attempt = { kind: "single", joins: false, fingerprint: "" };
const keyed = (fingerprint: string): Attempt => ({ kind: "idempotency-key", key: "i", joins: true, fingerprint });

/** A run that counts its starts, says it began, and ends when it is let go. */
const counted = Effect.gen(function* () {
  const starts = yield* Ref.make(0);
  const cancelled = yield* Ref.make(0);
  const go = yield* Deferred.make<void>();
  const work: Stream.Stream<AgentEvent> = Stream.unwrap(Effect.as(
    Ref.update(starts, (n) => n + 1),
    Stream.make(called).pipe(
      Stream.concat(Stream.unwrap(Effect.as(Deferred.await(go), Stream.make(said("done"), finished)))),
      Stream.onExit((exit) => Exit.hasInterrupts(exit) ? Ref.update(cancelled, (n) => n + 1) : Effect.void),
    ),
  ));
  return { starts, cancelled, go, work };
});

class Runs extends Context.Service<Runs, Registry>()("tests/Runs") {}

const about = {
  owner: OwnerKey.make("0".repeat(32)),
  session: undefined,
  model: "m",
  input: "",
  detached: false,
  requestId: undefined,
  isRemembered: false,
};

/** Listens in a scope of its own, which the test closes as a client that goes away. */
const client = (attempt: Attempt, work: Stream.Stream<AgentEvent, RunError>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const runs = yield* Runs;
    const plan = { about, elsewhere: Effect.succeedNone, admit: Effect.succeed({}), work };
    const entry = yield* runs.enter(attempt, plan).pipe(Effect.provideService(Scope.Scope, scope));
    return {
      id: entry.id,
      begun: entry.log.begun,
      events: entry.log.events,
      answered: Effect.sync(() => {
        entry.answered = true;
      }),
      cancel: runs.cancel(entry),
      leave: Scope.close(scope, Exit.void),
    };
  });

const registry = (onDisconnect: "cancel" | "finish" = "cancel") =>
  Layer.effect(Runs, Effect.map(Effect.scope, (scope) => new Registry(scope, onDisconnect)));

const { effect } = it.layer(registry());

effect("Registry.enter lets a retry join the run in flight and hear it from the start", () =>
  Effect.gen(function* () {
    const { starts, go, work } = yield* counted;
    const one = yield* client(first, work);
    yield* one.begun;
    const two = yield* client(retry, work);
    assert.equal(two.id, one.id);
    yield* Deferred.succeed(go, undefined);
    assert.deepEqual(yield* Stream.runCollect(two.events), [calledAt, said("done"), stamped]);
    assert.deepEqual(yield* Stream.runCollect(one.events), [calledAt, said("done"), stamped]);
    assert.equal(yield* Ref.get(starts), 1);
  }));

effect(
  "Registry.enter lets a retry join a run whose client went away, within the grace",
  () =>
    Effect.gen(function* () {
      const { starts, cancelled, go, work } = yield* counted;
      const one = yield* client(first, work);
      yield* one.begun;
      yield* one.leave;
      yield* TestClock.adjust(Duration.seconds(4));
      const two = yield* client(retry, work);
      yield* TestClock.adjust(Duration.seconds(60));
      yield* Deferred.succeed(go, undefined);
      assert.deepEqual(yield* Stream.runCollect(two.events), [calledAt, said("done"), { ...finished, atMs: 64_000 }]);
      assert.deepEqual([yield* Ref.get(starts), yield* Ref.get(cancelled)], [1, 0]);
    }),
);

effect("Registry.enter cancels a run whose retrying client did not come back in time", () =>
  Effect.gen(function* () {
    const { cancelled, work } = yield* counted;
    const one = yield* client(first, work);
    yield* one.begun;
    yield* one.leave;
    assert.equal(yield* Ref.get(cancelled), 0);
    yield* TestClock.adjust(Duration.seconds(5));
    assert.equal(yield* Ref.get(cancelled), 1);
  }));

effect(
  "Registry.enter cancels at once when the client had its answer begun or never retries",
  () =>
    Effect.gen(function* () {
      for (const attempt of [first, single]) {
        const { cancelled, work } = yield* counted;
        const one = yield* client(attempt, work);
        yield* one.begun;
        if (attempt === first) yield* one.answered;
        yield* one.leave;
        assert.equal(yield* Ref.get(cancelled), 1);
      }
    }),
);

effect("Registry.enter gives a retry the result of a run that ended", () =>
  Effect.gen(function* () {
    const { starts, go, work } = yield* counted;
    const one = yield* client(first, work);
    yield* Deferred.succeed(go, undefined);
    yield* Stream.runDrain(one.events);
    yield* one.leave;
    yield* TestClock.adjust(Duration.minutes(4));
    const two = yield* client(retry, work);
    assert.deepEqual(yield* Stream.runCollect(two.events), [calledAt, said("done"), stamped]);
    assert.equal(yield* Ref.get(starts), 1);
    yield* TestClock.adjust(Duration.minutes(2));
    const three = yield* client(retry, work);
    assert.notEqual(three.id, two.id);
  }));

effect(
  "Registry.enter joins the run that lost its client, not an older one of the same body that was answered",
  () =>
    Effect.gen(function* () {
      const done = yield* counted;
      const older = yield* client(first, done.work);
      yield* Deferred.succeed(done.go, undefined);
      yield* Stream.runDrain(older.events);
      yield* older.leave;
      const { work } = yield* counted;
      const cut = yield* client(first, work);
      yield* cut.begun;
      assert.equal((yield* client(retry, work)).id, cut.id, "the server has not noticed yet that the client is gone");
      const other = yield* client(first, work);
      yield* other.begun;
      yield* cut.leave;
      assert.notEqual(cut.id, other.id);
    }),
);

effect("Registry.enter starts a new run for a first try with the same body", () =>
  Effect.gen(function* () {
    const { starts, work } = yield* counted;
    const one = yield* client(first, work);
    const two = yield* client(first, work);
    yield* Effect.all([one.begun, two.begun]);
    assert.notEqual(one.id, two.id);
    assert.equal(yield* Ref.get(starts), 2);
  }));

effect(
  "Registry.enter runs a failed run again when it had done nothing, and replays it when a tool had run",
  () =>
    Effect.gen(function* () {
      const failure = new SessionsUnavailable({ store: "s", operation: "load", detail: "" });
      for (const [before, starts] of [[[], 2], [[called], 1]] as const) {
        const count = yield* Ref.make(0);
        const work: Stream.Stream<AgentEvent, RunError> = Stream.unwrap(Effect.as(
          Ref.update(count, (n) => n + 1),
          Stream.concat(Stream.fromIterable<AgentEvent>(before), Stream.fail(failure)),
        ));
        const attempts = [{ ...first, key: `f${starts}` }, { ...retry, key: `f${starts}` }];
        for (const attempt of attempts) {
          const each = yield* client(attempt, work);
          const result = yield* Effect.result(Stream.runDrain(each.events));
          assert.deepEqual(Result.isFailure(result) && result.failure, failure);
        }
        assert.equal(yield* Ref.get(count), starts);
      }
    }),
);

effect(
  "Registry.enter joins by Idempotency-Key and refuses the key for another request",
  () =>
    Effect.gen(function* () {
      const { work } = yield* counted;
      const one = yield* client(keyed("a"), work);
      const two = yield* client(keyed("a"), work);
      assert.equal(two.id, one.id);
      const other = yield* Effect.result(client(keyed("b"), work));
      assert.ok(Result.isFailure(other) && other.failure instanceof IdempotencyKeyReused);
    }),
);

it.layer(registry("finish")).effect(
  "Registry.enter finishes a run without its client when told so",
  () =>
    Effect.gen(function* () {
      const { cancelled, go, work } = yield* counted;
      const one = yield* client(single, work);
      yield* one.begun;
      yield* one.leave;
      yield* Deferred.succeed(go, undefined);
      yield* TestClock.adjust(Duration.seconds(60));
      assert.equal(yield* Ref.get(cancelled), 0);
    }),
);

effect(
  "Registry.cancel ends a run for everybody who listens and leaves nothing to join",
  () =>
    Effect.gen(function* () {
      const { starts, cancelled, work } = yield* counted;
      const one = yield* client(first, work);
      const two = yield* client(retry, work);
      yield* one.cancel;
      assert.equal(yield* Ref.get(cancelled), 1);
      for (const each of [one, two]) {
        const result = yield* Effect.result(Stream.runDrain(each.events));
        assert.deepEqual(Result.isFailure(result) && result.failure, new RunCancelled());
      }
      yield* one.cancel; // again changes nothing
      yield* client(retry, work);
      assert.deepEqual([yield* Ref.get(starts), (yield* Runs).running], [2, 1]);
    }),
);

effect(
  "Registry.enter tells what was left when a run was admitted, and nothing of one that was done elsewhere",
  () =>
    Effect.gen(function* () {
      const runs = yield* Runs;
      const admissions = yield* Ref.make(0);
      const requests = { limit: 5, remaining: 4, resetMs: 60_000 };
      const plan = {
        about,
        elsewhere: Effect.succeedNone,
        admit: Effect.as(Ref.update(admissions, (n) => n + 1), { requests }),
        work: Stream.make(finished),
      };
      const own = yield* runs.enter(first, plan);
      yield* own.log.begun;
      assert.deepEqual(own.allowance, { requests });
      const foreign = yield* runs.enter({ ...retry, key: "other", fingerprint: "other" }, {
        ...plan,
        elsewhere: Effect.succeed(Option.some([said("from afar"), finished])),
      });
      assert.deepEqual(yield* Stream.runCollect(foreign.log.events), [said("from afar"), finished]);
      assert.deepEqual([foreign.allowance, yield* Ref.get(admissions)], [{}, 1]);
    }),
);

it.effect("a run is remembered before its listeners hear its end", () =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>();
    const kept = yield* Deferred.make<void>();
    const remember = () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(kept));
    const runs = new Registry(yield* Effect.scope, "finish", remember);
    const entry = yield* runs.enter(single, {
      about: { ...about, isRemembered: true },
      elsewhere: Effect.succeedNone,
      admit: Effect.succeed({}),
      work: Stream.make(finished),
    });
    yield* Deferred.await(asked);
    assert.equal(entry.log.ended, false);
    yield* Deferred.succeed(kept, undefined);
    yield* Stream.runDrain(entry.log.events);
    assert.equal(entry.log.ended, true);
  }));
