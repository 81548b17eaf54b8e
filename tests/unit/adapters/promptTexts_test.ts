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
      'CAISSON_SYSTEM_PROMPT_APPEND_FILE is "/nowhere.txt", expected a text file in UTF-8 that can be read',
    ]);
  }));

it.effect("PromptTexts refuses a file that is not UTF-8 instead of telling the model other words", () =>
  Effect.gen(function* () {
    const file = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempFile()),
      (path) => Effect.promise(() => Deno.remove(path)),
    );
    // "Grüße" as Windows-1252 has it.
    yield* Effect.promise(() => Deno.writeFile(file, Uint8Array.of(0x47, 0x72, 0xfc, 0xdf, 0x65)));
    const { message } = yield* Effect.flip(texts(file));
    assert.match(message, /CAISSON_SYSTEM_PROMPT_APPEND_FILE is .* expected a text file in UTF-8/);
  }));
