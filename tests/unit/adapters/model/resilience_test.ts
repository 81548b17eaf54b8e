import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Option, Result, Stream } from "effect";
import { TestClock } from "effect/testing";
import type { Provider } from "../../../../src/adapters/model/Provider.ts";
import { type Resilience, resilient } from "../../../../src/adapters/model/resilience.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import {
  BadCredentials,
  BadOutput,
  ConnectionLost,
  ModelError,
  type ModelErrorReason,
  type ModelEvent,
  type ModelRequest,
  RateLimited,
  RequestRefused,
  TimedOut,
  Unavailable,
} from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";

const policy: Resilience = {
  attemptsMax: 3,
  backoffMs: 1000,
  retryAfterMsMax: 10_000,
  breakerFailures: 5,
  breakerOpenMs: 30_000,
};
const request: ModelRequest = { model: "m", system: "", messages: [], tools: [], parameters: {} };
const error = (reason: ModelErrorReason) => new ModelError({ provider: "p", model: "m", reason, detail: "" });
const hello: ModelEvent = { _tag: "TextDelta", text: "Hello" };
const finished: ModelEvent = { _tag: "Finished", reason: "Stop", usage: zero };
const answer = Stream.make(hello, finished);

/** A provider whose n-th request is the n-th stream, the last one for ever; it counts requests. */
const provider = (...streams: ReadonlyArray<Stream.Stream<ModelEvent, ModelError>>) => {
  let asked = 0;
  const made: Provider = {
    name: "p",
    list: Effect.succeed([]),
    find: () => Effect.succeed(Option.none()),
    stream: () => Stream.suspend(() => streams[Math.min(asked++, streams.length - 1)] ?? Stream.empty),
  };
  return { made, asked: () => asked };
};
const collect = (from: Provider) => Effect.result(Stream.runCollect(from.stream(request)));
const down = Stream.fail(error(new Unavailable({ status: 503 })));

it.effect("resilient tries again with growing waits when the upstream is flaky", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(down, Stream.fail(error(new ConnectionLost())), answer);
    const sturdy = yield* resilient(made, policy);
    const fiber = yield* Effect.forkChild(collect(sturdy));
    yield* TestClock.adjust(799);
    assert.equal(asked(), 1);
    yield* TestClock.adjust(401);
    assert.equal(asked(), 2);
    yield* TestClock.adjust(1199);
    assert.equal(asked(), 2);
    yield* TestClock.adjust(1201);
    assert.deepEqual(yield* Fiber.join(fiber), Result.succeed([hello, finished]));
    assert.equal(asked(), 3);
  }));

it.effect("resilient waits as long as the upstream asks when that is bearable", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(Stream.fail(error(new RateLimited({ retryAfterMs: 7000 }))), answer);
    const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
    yield* TestClock.adjust(6999);
    assert.equal(asked(), 1);
    yield* TestClock.adjust(1);
    assert.ok(Result.isSuccess(yield* Fiber.join(fiber)));
  }));

const notRepeated: ReadonlyArray<readonly [string, ModelErrorReason]> = [
  ["the asked wait is too long", new RateLimited({ retryAfterMs: 10_001 })],
  ["the key is refused", new BadCredentials()],
  ["the first event did not come in time", new TimedOut({ phase: "first-event", limitMs: 1 })],
];
for (const [what, reason] of notRepeated) {
  it.effect(`resilient hands the failure on at once when ${what}`, () =>
    Effect.gen(function* () {
      const { made, asked } = provider(Stream.fail(error(reason)));
      const result = yield* collect(yield* resilient(made, policy));
      assert.ok(Result.isFailure(result) && result.failure._tag === "ModelError");
      assert.equal(result.failure.reason, reason);
      assert.equal(asked(), 1);
    }));
}

it.effect("resilient does not repeat a turn when it fails after its first event", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(Stream.concat(Stream.make(hello), down));
    const seen: Array<ModelEvent> = [];
    const sturdy = yield* resilient(made, policy);
    const result = yield* sturdy.stream(request).pipe(
      Stream.runForEach((event) => Effect.sync(() => void seen.push(event))),
      Effect.result,
    );
    assert.ok(Result.isFailure(result));
    assert.deepEqual(seen, [hello]);
    assert.equal(asked(), 1);
  }));

it.effect("resilient gives up after its attempts when the upstream stays down", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(down);
    const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
    yield* TestClock.adjust("1 minute");
    assert.ok(Result.isFailure(yield* Fiber.join(fiber)));
    assert.equal(asked(), 3);
  }));

it.effect("resilient answers without asking when the circuit is open, and asks again once it has rested", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(down, down, answer);
    const sturdy = yield* resilient(made, { ...policy, attemptsMax: 1, breakerFailures: 2 });
    yield* collect(sturdy);
    yield* collect(sturdy);
    const refused = yield* collect(sturdy);
    assert.equal(asked(), 2);
    assert.ok(Result.isFailure(refused) && refused.failure._tag === "ModelError");
    assert.deepEqual({ ...refused.failure.reason }, { _tag: "Unavailable", retryAfterMs: 30_000 });
    yield* TestClock.adjust("30 seconds");
    assert.ok(Result.isSuccess(yield* collect(sturdy)));
    assert.ok(Result.isSuccess(yield* collect(sturdy)));
  }));

it.effect("resilient does not open the circuit when the upstream refuses requests", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(Stream.fail(error(new BadCredentials())));
    const sturdy = yield* resilient(made, { ...policy, breakerFailures: 1 });
    yield* collect(sturdy);
    yield* collect(sturdy);
    assert.equal(asked(), 2);
  }));

it.effect("resilient releases the upstream when a turn is interrupted before or after its first event", () =>
  Effect.gen(function* () {
    for (const before of [true, false]) {
      const entered = yield* Deferred.make<void>();
      const released = yield* Deferred.make<void>();
      const waiting = Stream.fromEffect(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never)).pipe(
        Stream.ensuring(Deferred.succeed(released, undefined)),
      );
      const { made } = provider(before ? waiting : Stream.concat(Stream.make(hello), waiting));
      const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
      yield* Deferred.await(entered);
      yield* Fiber.interrupt(fiber);
      assert.ok(yield* Deferred.isDone(released));
    }
  }));

const thought = (text: string, signature?: string): ModelEvent => ({
  _tag: "ReasoningDelta",
  text,
  ...(signature === undefined ? {} : { origin: { provider: "p", data: { signature } } }),
});
const abandoned: ModelEvent = { _tag: "ReasoningDelta", text: "", origin: { provider: "abandoned", data: {} } };
const called: ModelEvent = { _tag: "ToolCall", call: { id: "c", name: "t", argumentsJson: "{}" } };

it.effect("resilient tries again when only thoughts have come, and ends them so that no provider gets them back", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(
      Stream.concat(Stream.make(thought("Hm"), thought("", "s1"), thought("And")), down),
      Stream.make(thought("Oh"), thought("", "s2"), called, finished),
    );
    const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
    yield* TestClock.adjust(10_000);
    assert.deepEqual(
      yield* Fiber.join(fiber),
      Result.succeed([thought("Hm"), abandoned, thought("Oh"), thought("", "s2"), called, finished]),
    );
    assert.equal(asked(), 2);
  }));

for (const begun of [hello, called]) {
  it.effect(`resilient tries nothing again once a ${begun._tag} has come after thoughts`, () =>
    Effect.gen(function* () {
      const { made, asked } = provider(Stream.concat(Stream.make(thought("Hm"), begun), down));
      const seen: Array<ModelEvent> = [];
      const stream = (yield* resilient(made, policy)).stream(request);
      const fiber = yield* Effect.forkChild(
        Effect.result(Stream.runForEach(stream, (event) => Effect.sync(() => void seen.push(event)))),
      );
      yield* TestClock.adjust(60_000);
      assert.ok(Result.isFailure(yield* Fiber.join(fiber)));
      assert.deepEqual(seen, [thought("Hm"), begun]);
      assert.equal(asked(), 1);
    }));
}

it.effect("resilient asks so often in all, before and after thoughts", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(Stream.concat(Stream.make(thought("Hm")), down), down);
    const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
    yield* TestClock.adjust(60_000);
    assert.ok(Result.isFailure(yield* Fiber.join(fiber)));
    assert.equal(asked(), policy.attemptsMax);
  }));

it.effect("resilient ends a turn that says nothing however often it is asked", () =>
  Effect.gen(function* () {
    const { made, asked } = provider(Stream.fail(error(new BadOutput({ why: "an empty answer", empty: zero }))));
    const fiber = yield* Effect.forkChild(collect(yield* resilient(made, policy)));
    yield* TestClock.adjust(60_000);
    assert.deepEqual(yield* Fiber.join(fiber), Result.succeed([finished]));
    assert.equal(asked(), policy.attemptsMax);
  }));

const noOutage: ReadonlyArray<readonly [string, ModelError]> = [
  ["the provider refuses the request", error(new RequestRefused({ param: "messages" }))],
  [
    "this machine has no file left for a connection",
    new ModelError({
      provider: "p",
      model: "m",
      reason: new ConnectionLost(),
      detail: "",
      cause: Object.assign(new Error("connect EMFILE"), { code: "EMFILE" }),
    }),
  ],
];
for (const [what, failure] of noOutage) {
  it.effect(`resilient leaves the circuit closed for everybody else when ${what}`, () =>
    Effect.gen(function* () {
      const failures = Array.from({ length: 20 }, () => Stream.fail(failure));
      const { made } = provider(...failures, answer);
      const sturdy = yield* resilient(made, { ...policy, attemptsMax: 1 });
      for (let count = 0; count < 20; count++) yield* collect(sturdy);
      assert.deepEqual(yield* collect(sturdy), Result.succeed([hello, finished]));
    }));
}
