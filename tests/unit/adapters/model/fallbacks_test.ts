import assert from "node:assert/strict";
import { Effect, Result, Stream } from "effect";
import { withFallbacks } from "../../../../src/adapters/model/fallbacks.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import {
  ModelError,
  type ModelErrorReason,
  type ModelEvent,
  type ModelService,
  PromptBlocked,
  Unavailable,
} from "../../../../src/services/Model.ts";
import { it } from "../../../support/it.ts";

const text = (value: string): ModelEvent => ({ _tag: "TextDelta", text: value });
const finished: ModelEvent = { _tag: "Finished", reason: "Stop", usage: zero };
const failing = (model: string, reason: ModelErrorReason) =>
  Stream.fail(new ModelError({ provider: "p", model, reason, detail: "" }));

/** A port whose models answer with their name unless a reason says how they fail. */
const port = (reasons: Readonly<Record<string, ModelErrorReason>>) => {
  const asked: Array<string> = [];
  const model: ModelService = {
    defaultModel: Effect.succeed("a"),
    list: Effect.succeed([]),
    find: (id) => Effect.succeed({ id, provider: "p", vision: false }),
    stream: ({ model: name }) => {
      asked.push(name);
      const reason = reasons[name];
      return reason === undefined ? Stream.make(text(name), finished) : failing(name, reason);
    },
  };
  return { asked, model: withFallbacks(model, new Map([["a", ["b", "c"]], ["b", ["d"]]])) };
};
const run = (model: ModelService, name = "a") =>
  Effect.result(
    Stream.runCollect(model.stream({ model: name, system: "", messages: [], tools: [], parameters: {} })),
  );

it.live("withFallbacks asks the next model in order when one is down", () =>
  Effect.gen(function* () {
    const { asked, model } = port({ a: new Unavailable(), b: new Unavailable() });
    assert.deepEqual(yield* run(model), Result.succeed([text("c"), finished]));
    assert.deepEqual(asked, ["a", "b", "c"]);
  }));

it.live("withFallbacks answers with the first failure when every model fails", () =>
  Effect.gen(function* () {
    const { asked, model } = port({ a: new Unavailable({ status: 503 }), b: new Unavailable(), c: new Unavailable() });
    const result = yield* run(model);
    assert.ok(Result.isFailure(result) && result.failure._tag === "ModelError");
    assert.equal(result.failure.model, "a");
    assert.deepEqual(asked, ["a", "b", "c"]);
  }));

it.live("withFallbacks asks nobody else when the request is to blame or the model has none", () =>
  Effect.gen(function* () {
    const blamed = port({ a: new PromptBlocked({ why: "SAFETY" }) });
    assert.ok(Result.isFailure(yield* run(blamed.model)));
    assert.deepEqual(blamed.asked, ["a"]);
    const alone = port({ c: new Unavailable() });
    assert.ok(Result.isFailure(yield* run(alone.model, "c")));
    assert.deepEqual(alone.asked, ["c"]);
  }));
