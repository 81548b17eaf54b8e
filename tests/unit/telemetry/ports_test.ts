import assert from "node:assert/strict";
import { Context, Effect, Exit, Fiber, Layer, Stream } from "effect";
import { TestClock } from "effect/testing";
import { Model, ModelError, type ModelEvent, RateLimited } from "../../../src/services/Model.ts";
import { Limits, TooManyRequests } from "../../../src/services/Limits.ts";
import { limits } from "../../../src/telemetry/limits.ts";
import { CurrentMeter, Meter } from "../../../src/telemetry/Meter.ts";
import { model } from "../../../src/telemetry/model.ts";
import { exposition } from "../../../src/telemetry/prometheus.ts";
import { it } from "../../support/it.ts";

const info = { id: "known", provider: "openai", vision: false, price: { input: 1, cachedInput: 1, output: 10 } };
const usage = { inputTokens: 1_000, cachedInputTokens: 0, outputTokens: 100, reasoningTokens: 0 };
const request = { model: "known", system: "", messages: [], tools: [], parameters: {} };

const answering = (stream: () => Stream.Stream<ModelEvent, ModelError>) =>
  Layer.succeed(Model, {
    defaultModel: Effect.succeed("known"),
    list: Effect.succeed([info]),
    // As a provider that takes every name.
    find: (id: string) => Effect.succeed({ ...info, id }),
    stream,
  });

const measured = (meter: Meter | undefined, stream: () => Stream.Stream<ModelEvent, ModelError>) =>
  Layer.provide(model(answering(stream)), Layer.succeed(CurrentMeter, meter));

const answer = () =>
  Stream.concat(
    Stream.fromEffect(Effect.delay(Effect.succeed<ModelEvent>({ _tag: "TextDelta", text: "hi" }), "50 millis")),
    Stream.fromEffect(
      Effect.delay(Effect.succeed<ModelEvent>({ _tag: "Finished", reason: "Stop", usage }), "450 millis"),
    ),
  );

it.effect("a turn is measured: its duration, its first chunk, its tokens and its cost", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const port = Context.get(yield* Layer.build(measured(meter, answer)), Model);
    yield* Effect.yieldNow;
    const fiber = yield* Effect.forkChild(Stream.runCollect(port.stream(request)));
    yield* TestClock.adjust("500 millis");
    assert.equal((yield* Fiber.join(fiber)).length, 2);
    const text = yield* exposition(meter);
    const of = 'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="known"';
    assert.ok(text.includes(`gen_ai_client_operation_duration_seconds_sum{${of},error_type=""} 0.5\n`), text);
    assert.ok(text.includes(`gen_ai_client_operation_time_to_first_chunk_seconds_sum{${of}} 0.05\n`));
    assert.ok(text.includes(`gen_ai_client_token_usage_sum{${of},gen_ai_token_type="input"} 1000\n`));
    assert.ok(text.includes(`gen_ai_client_token_usage_sum{${of},gen_ai_token_type="output"} 100\n`));
    assert.ok(text.includes(`caisson_cost_usd_total{gen_ai_request_model="known"} 0.002\n`));
  }));

it.effect("a failure is a word of ours, and what the provider said is told nowhere", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const error = new ModelError({
      provider: "openai",
      model: "known",
      reason: new RateLimited({}),
      detail: "you asked: what is my secret",
    });
    const port = Context.get(yield* Layer.build(measured(meter, () => Stream.fail(error))), Model);
    assert.ok(Exit.isFailure(yield* Effect.exit(Stream.runDrain(port.stream(request)))));
    const text = yield* exposition(meter);
    assert.match(text, /^gen_ai_client_operation_duration_seconds_count\{.*error_type="RateLimited"\} 1$/m);
    assert.ok(!text.includes("secret"));
  }));

it.effect("ten thousand names that clients invent make one series, though the provider takes every name", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const last: ModelEvent = { _tag: "Finished", reason: "Stop", usage };
    const port = Context.get(yield* Layer.build(measured(meter, () => Stream.make(last))), Model);
    for (let at = 0; at < 10_000; at++) yield* Stream.runDrain(port.stream({ ...request, model: `invented-${at}` }));
    const text = yield* exposition(meter);
    assert.equal(text.match(/^gen_ai_client_operation_duration_seconds_count/gm)?.length, 1);
    assert.match(text, /^gen_ai_client_operation_duration_seconds_count\{.*="_OTHER",error_type=""\} 10000$/m);
  }));

it.effect("without measurements a measured port is the port itself", () =>
  Effect.gen(function* () {
    const port = Context.get(yield* Layer.build(measured(undefined, answer)), Model);
    assert.equal(port.stream, answer);
  }));

it.effect("what a limit refuses is counted by the limit", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const error = new TooManyRequests({ scope: "user-runs", limit: 1, remaining: 0, retryAfterMs: 1 });
    const refuse = () => Effect.fail(error);
    const refusing = Layer.succeed(Limits, { room: refuse, admit: refuse, spend: () => Effect.void });
    const port = yield* Effect.provide(
      Limits,
      Layer.provide(limits(refusing), Layer.succeed(CurrentMeter, meter)),
    );
    yield* Effect.flip(port.admit({ principal: "p", user: "u", ephemeral: false }));
    yield* Effect.flip(port.room({ principal: "p" }));
    assert.match(yield* exposition(meter), /^caisson_limits_rejected_total\{caisson_limit_scope="user-runs"\} 2$/m);
  }));
