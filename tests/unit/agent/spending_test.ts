/**
 * Ceilings over whole runs: real agent and ledger, a model that loops.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Result, Stream } from "effect";
import { TestClock } from "effect/testing";
import * as Files from "../../../src/adapters/usageLedger/Files.ts";
import * as Memory from "../../../src/adapters/sessions/Memory.ts";
import { Agent, layer as agentLayer } from "../../../src/agent/Agent.ts";
import * as Conversation from "../../../src/agent/Conversation.ts";
import * as LocalToolbox from "../../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../../src/config.ts";
import { user } from "../../../src/domain/Message.ts";
import type { Price } from "../../../src/domain/Usage.ts";
import { SpendingLimitReached, UsageLedger, type UsageLedgerService } from "../../../src/services/UsageLedger.ts";
import { Model, type ModelInfo } from "../../../src/services/Model.ts";
import { fakeSandbox } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";

/** A model that calls a tool for ever, 100 tokens each turn. */
const looping = (price?: Price) => {
  let turns = 0;
  const info: ModelInfo = { id: "loop", provider: "p", vision: false, ...(price === undefined ? {} : { price }) };
  const layer = Layer.succeed(
    Model,
    Model.of({
      defaultModel: Effect.succeed("loop"),
      list: Effect.succeed([info]),
      find: () => Effect.succeed(info),
      stream: () =>
        Stream.suspend(() =>
          Stream.make(
            {
              _tag: "ToolCall",
              call: { id: `c${++turns}`, name: "execute_bash", argumentsJson: '{"command":"true"}' },
            },
            {
              _tag: "Finished",
              reason: "ToolCalls",
              usage: { inputTokens: 80, cachedInputTokens: 0, outputTokens: 20, reasoningTokens: 0 },
            },
          )
        ),
    }),
  );
  return { layer, turns: () => turns };
};

const setUp = Effect.fnUntraced(function* (settings: Partial<SettingsService>, price?: Price) {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => Deno.makeTempDir()),
    (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
  );
  const ledger: UsageLedgerService = yield* Files.make(directory);
  const model = looping(price);
  const services = agentLayer.pipe(
    Layer.provide([
      model.layer,
      LocalToolbox.layer.pipe(Layer.provide(fakeSandbox().layer)),
      Layer.succeed(UsageLedger, ledger),
    ]),
    Layer.provideMerge(Memory.layer),
    Layer.provide(Settings.layerWith({ turnsMax: 20, ...settings })),
  );
  const run = (name: string) =>
    Effect.gen(function* () {
      const owner = { principal: "p", user: name, ephemeral: false };
      const conversation = yield* Conversation.open({ owner, messages: [user("go")] });
      const agent = yield* Agent;
      return yield* agent.run({
        owner,
        conversation,
        model: "loop",
        instructions: [],
        parameters: {},
        clientTools: [],
        useTools: true,
      }).pipe(Stream.runLast, Effect.result);
    }).pipe(Effect.provide(services));
  return { ledger, model, run };
});

const reasonOf = (ended: Effect.Success<ReturnType<Effect.Success<ReturnType<typeof setUp>>["run"]>>) => {
  assert.ok(Result.isSuccess(ended));
  const last = ended.success;
  return last._tag === "Some" && last.value._tag === "RunFinished" ? last.value.reason : undefined;
};

it.effect("Agent.run stops a looping model within one step of its token ceiling", () =>
  Effect.gen(function* () {
    const { model, run } = yield* setUp({ runTokensMax: 250 });
    assert.equal(reasonOf(yield* run("u")), "SpendingLimit");
    assert.equal(model.turns(), 3);
  }));

it.effect("Agent.run stops a looping model within one step of its cost ceiling", () =>
  Effect.gen(function* () {
    const price = { input: 10_000, cachedInput: 10_000, output: 10_000 };
    const { model, run, ledger } = yield* setUp({ runUsdMax: 1.5 }, price);
    const ended = yield* run("u");
    assert.equal(reasonOf(ended), "SpendingLimit");
    const last = Result.isSuccess(ended) ? Option.getOrUndefined(ended.success) : undefined;
    assert.equal(last?._tag === "RunFinished" && last.costUsd, 2, "the run tells what it cost");
    assert.equal(model.turns(), 2);
    const [day] = yield* ledger.report("p", { from: "1970-01-01", to: "1970-01-01" });
    assert.deepEqual([day?.runs, day?.usd, day?.usage.inputTokens], [1, 2, 160]);
  }));

it.effect("Agent.run cuts a run at the user's day ceiling and refuses the next until the day ends", () =>
  Effect.gen(function* () {
    const { model, run } = yield* setUp({ userTokensPerDay: 200 });
    assert.equal(reasonOf(yield* run("u")), "SpendingLimit");
    assert.equal(model.turns(), 2);
    const refused = yield* run("u");
    assert.ok(Result.isFailure(refused) && refused.failure instanceof SpendingLimitReached);
    assert.deepEqual(
      [refused.failure.scope, refused.failure.unit, refused.failure.limit, refused.failure.retryAfterMs],
      ["user", "tokens", 200, 24 * 60 * 60 * 1000],
    );
    assert.equal(model.turns(), 2, "the provider is not asked");
    assert.equal(reasonOf(yield* run("another")), "SpendingLimit");
    yield* TestClock.adjust("1 day");
    assert.equal(reasonOf(yield* run("u")), "SpendingLimit");
  }));

it.effect("Agent.run holds all users of a principal to its day ceiling", () =>
  Effect.gen(function* () {
    const { run } = yield* setUp({ principalTokensPerDay: 100 });
    yield* run("u");
    const refused = yield* run("another");
    assert.ok(Result.isFailure(refused) && refused.failure instanceof SpendingLimitReached);
    assert.equal(refused.failure.scope, "principal");
  }));

it.effect("Agent.run writes one line for each run with how it ended", () =>
  Effect.gen(function* () {
    const { run, ledger } = yield* setUp({ turnsMax: 2 });
    yield* run("u");
    yield* run("u");
    const [day] = yield* ledger.report("p", { from: "1970-01-01", to: "1970-01-01" });
    assert.deepEqual([day?.model, day?.runs, day?.usage.outputTokens], ["loop", 2, 80]);
  }));
