/**
 * A deployment's own prompt texts from the files that the settings name, read once at start.
 */
import { readFile } from "node:fs/promises";
import { Effect, Layer, Option } from "effect";
import { ConfigurationRefused, Settings, settingsTable } from "../../config.ts";
import { PromptTexts } from "../../services/PromptTexts.ts";

/** Characters of one text; a longer one would crowd the conversation out of the model's context. */
const textCharsMax = 100_000;

const read = Effect.fnUntraced(function* (
  key: string,
  path: Option.Option<string>,
): Effect.fn.Return<string | undefined, ConfigurationRefused> {
  if (Option.isNone(path)) return undefined;
  const refuse = (why: string) =>
    new ConfigurationRefused({ problems: [`${key} is ${JSON.stringify(path.value)}, ${why}`] });
  const text = yield* Effect.tryPromise({
    // What is not UTF-8 is refused: a model would be told other words than those that were written.
    try: async () => new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path.value)),
    catch: () => refuse("expected a text file in UTF-8 that can be read"),
  });
  return text.length <= textCharsMax ? text : yield* refuse(`expected at most ${textCharsMax} characters`);
});

/** The texts of the settings. *Fails with* `ConfigurationRefused` when a named file cannot be used. */
export const layer: Layer.Layer<never, ConfigurationRefused, Settings> = Layer.effect(
  PromptTexts,
  Effect.gen(function* () {
    const settings = yield* Settings;
    const replacement = yield* read(settingsTable.systemPromptFile.key, settings.systemPromptFile);
    const addition = yield* read(settingsTable.systemPromptAppendFile.key, settings.systemPromptAppendFile);
    return { ...(replacement !== undefined && { replacement }), ...(addition !== undefined && { addition }) };
  }),
);
