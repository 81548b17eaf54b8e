import assert from "node:assert/strict";
import { Effect, Result } from "effect";
import { chooseView, splitModel } from "../../../../../src/http/openai/chat/views.ts";
import { it } from "../../../../support/it.ts";

for (
  const [name, expected] of [
    ["gemini-flash-latest", { model: "gemini-flash-latest" }],
    ["gemini-flash-latest:details", { model: "gemini-flash-latest", view: "details" }],
    ["llama3:8b", { model: "llama3:8b" }],
    ["llama3:8b:none", { model: "llama3:8b", view: "none" }],
    [":none", { model: ":none" }],
    ["", { model: "" }],
  ] as const
) {
  Deno.test(`splitModel reads ${JSON.stringify(name)} as ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(splitModel(name), expected);
  });
}

it.effect("chooseView takes the header before metadata, the suffix and the setting", () =>
  Effect.gen(function* () {
    const choice = { header: "none", metadata: "details", suffix: "reasoning", fallback: "text" } as const;
    assert.equal(yield* chooseView(choice), "none");
    assert.equal(yield* chooseView({ ...choice, header: undefined }), "details");
    assert.equal(yield* chooseView({ ...choice, header: undefined, metadata: undefined }), "reasoning");
    const nothing = { ...choice, header: undefined, metadata: undefined, suffix: undefined };
    assert.equal(yield* chooseView(nothing), "text");
  }));

it.effect("chooseView refuses an unknown view where it was named", () =>
  Effect.gen(function* () {
    const refused = yield* Effect.result(
      chooseView({ header: "fancy", metadata: undefined, suffix: undefined, fallback: "text" }),
    );
    assert.ok(Result.isFailure(refused));
    assert.deepEqual([refused.failure.param, refused.failure.code], ["x-caisson-view", "unknown_view"]);
  }));
