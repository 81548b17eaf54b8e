import assert from "node:assert/strict";
import { Deferred, Duration, Effect, Exit, Layer, Ref, Result, Scope, Stream } from "effect";
import { TestClock } from "effect/testing";
import { Settings } from "../../../src/config.ts";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { zero } from "../../../src/domain/Usage.ts";
import type { Attempt } from "../../../src/runs/Attempt.ts";
import { IdempotencyKeyReused, type RunError } from "../../../src/runs/RunError.ts";
import * as Runs from "../../../src/runs/Registry.ts";
import { SessionsUnavailable } from "../../../src/services/Sessions.ts";
import { it } from "../../support/it.ts";

const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });
const called: AgentEvent = { _tag: "ToolCallStarted", call: { id: "c", name: "execute_bash", argumentsJson: "{}" } };
const finished: AgentEvent = { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1 };

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

/** Listens in a scope of its own, which the test closes as a client that goes away. */
const client = (attempt: Attempt, work: Stream.Stream<AgentEvent, RunError>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make();
    const runs = yield* Runs.Runs;
    const listening = yield* runs.listen(attempt, work).pipe(Effect.provideService(Scope.Scope, scope));
    return { ...listening, leave: Scope.close(scope, Exit.void) };
  });

const registry = (onDisconnect: "cancel" | "finish" = "cancel") =>
  Runs.layer.pipe(Layer.provide(Settings.layerWith({ onDisconnect })));

const { effect } = it.layer(registry());

effect("Runs.listen lets a retry join the run in flight and hear it from the start", () =>
  Effect.gen(function* () {
    const { starts, go, work } = yield* counted;
    const one = yield* client(first, work);
    yield* one.begun;
    const two = yield* client(retry, work);
    assert.ok(two.joined);
    assert.equal(two.id, one.id);
    yield* Deferred.succeed(go, undefined);
    assert.deepEqual(yield* Stream.runCollect(two.events), [called, said("done"), finished]);
    assert.deepEqual(yield* Stream.runCollect(one.events), [called, said("done"), finished]);
    assert.equal(yield* Ref.get(starts), 1);
  }));

effect("Runs.listen lets a retry join a run whose client went away, within the grace", () =>
  Effect.gen(function* () {
    const { starts, cancelled, go, work } = yield* counted;
    const one = yield* client(first, work);
    yield* one.begun;
    yield* one.leave;
    yield* TestClock.adjust(Duration.seconds(4));
    const two = yield* client(retry, work);
    yield* TestClock.adjust(Duration.seconds(60));
    yield* Deferred.succeed(go, undefined);
    assert.deepEqual(yield* Stream.runCollect(two.events), [called, said("done"), finished]);
    assert.deepEqual([yield* Ref.get(starts), yield* Ref.get(cancelled)], [1, 0]);
  }));

effect("Runs.listen cancels a run whose retrying client did not come back in time", () =>
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
  "Runs.listen cancels at once when the client had its answer begun or never retries",
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

effect("Runs.listen gives a retry the result of a run that ended", () =>
  Effect.gen(function* () {
    const { starts, go, work } = yield* counted;
    const one = yield* client(first, work);
    yield* Deferred.succeed(go, undefined);
    yield* Stream.runDrain(one.events);
    yield* one.leave;
    yield* TestClock.adjust(Duration.minutes(4));
    const two = yield* client(retry, work);
    assert.deepEqual(yield* Stream.runCollect(two.events), [called, said("done"), finished]);
    assert.equal(yield* Ref.get(starts), 1);
    yield* TestClock.adjust(Duration.minutes(2));
    const three = yield* client(retry, work);
    assert.equal(three.joined, false);
  }));

effect(
  "Runs.listen joins the run that lost its client, not an older one of the same body that was answered",
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

effect("Runs.listen starts a new run for a first try with the same body", () =>
  Effect.gen(function* () {
    const { starts, work } = yield* counted;
    const one = yield* client(first, work);
    const two = yield* client(first, work);
    yield* Effect.all([one.begun, two.begun]);
    assert.notEqual(one.id, two.id);
    assert.equal(yield* Ref.get(starts), 2);
  }));

effect(
  "Runs.listen runs a failed run again when it had done nothing, and replays it when a tool had run",
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

effect("Runs.listen joins by Idempotency-Key and refuses the key for another request", () =>
  Effect.gen(function* () {
    const { work } = yield* counted;
    const one = yield* client(keyed("a"), work);
    const two = yield* client(keyed("a"), work);
    assert.equal(two.id, one.id);
    const other = yield* Effect.result(client(keyed("b"), work));
    assert.ok(Result.isFailure(other) && other.failure instanceof IdempotencyKeyReused);
  }));

it.layer(registry("finish")).effect(
  "Runs.listen finishes a run without its client when told so",
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
