import assert from "node:assert/strict";
import { Effect, Layer, Option, Result } from "effect";
import * as Files from "../../../src/adapters/promptTexts/Files.ts";
import { ConfigurationRefused, Settings } from "../../../src/config.ts";
import { PromptTexts } from "../../../src/services/PromptTexts.ts";
import { it } from "../../support/it.ts";

const texts = (path: string) =>
  Effect.provide(
    Effect.map(PromptTexts, (found) => found),
    Files.layer.pipe(Layer.provide(Settings.layerWith({ systemPromptAppendFile: Option.some(path) }))),
  );

it.effect("PromptTexts reads the files that the settings name", () =>
  Effect.gen(function* () {
    const file = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempFile()),
      (path) => Effect.promise(() => Deno.remove(path)),
    );
    yield* Effect.promise(() => Deno.writeTextFile(file, "Be kind."));
    assert.deepEqual(yield* texts(file), { addition: "Be kind." });
  }));

it.effect("PromptTexts refuses the start by name when a file cannot be read", () =>
  Effect.gen(function* () {
    const result = yield* Effect.result(texts("/nowhere.txt"));
    assert.ok(Result.isFailure(result) && result.failure instanceof ConfigurationRefused);
    assert.deepEqual(result.failure.problems, [
      'CAISSON_SYSTEM_PROMPT_APPEND_FILE is "/nowhere.txt", expected a text file that can be read',
    ]);
  }));
