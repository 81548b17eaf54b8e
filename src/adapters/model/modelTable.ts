/**
 * The routing table of `CAISSON_MODELS`: public model names and what stands behind them.
 *
 * Decoding only; `docs/models.md` describes the format for its users.
 */
import { Effect, Result, Schema, SchemaIssue } from "effect";
import { ConfigurationRefused } from "../../config.ts";

/** Where the table comes from, as every refusal names it. */
const key = "CAISSON_MODELS";

const Positive = Schema.Int.check(Schema.isGreaterThan(0));
const Price = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0));
const Url = Schema.String.check(
  Schema.makeFilter((text) => URL.canParse(text) && /^https?:/.test(text), { expected: "an http or https URL" }),
);

/** One public name. */
export const TableEntry = Schema.Struct({
  provider: Schema.Literals(["gemini", "openai", "anthropic", "offline"]),
  /** The upstream's name of the model; the public name when absent. */
  model: Schema.optionalKey(Schema.NonEmptyString),
  /** The variable that holds the key; the provider's usual one when absent. */
  apiKeyEnv: Schema.optionalKey(Schema.NonEmptyString),
  /** Another endpoint; the provider's configured one when absent. */
  baseUrl: Schema.optionalKey(Url),
  contextTokens: Schema.optionalKey(Positive),
  vision: Schema.optionalKey(Schema.Boolean),
  /** Whether an answer may begin with thoughts between `<think>` and `</think>`. */
  thinkTags: Schema.optionalKey(Schema.Boolean),
  /** US dollars for a million tokens. */
  price: Schema.optionalKey(
    Schema.Struct({ input: Price, cachedInput: Schema.optionalKey(Price), output: Price }),
  ),
  /** Used for what a request leaves open. */
  defaults: Schema.optionalKey(
    Schema.Struct({
      temperature: Schema.optionalKey(Schema.Finite),
      topP: Schema.optionalKey(Schema.Finite),
      outputTokensMax: Schema.optionalKey(Positive),
      stop: Schema.optionalKey(Schema.Array(Schema.String)),
      seed: Schema.optionalKey(Schema.Int),
      reasoningEffort: Schema.optionalKey(
        Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
      ),
    }),
  ),
  /** Public names that are tried in order when this model cannot answer now. */
  fallbacks: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
});
export type TableEntry = typeof TableEntry.Type;

/** The whole table, by public name. */
export const ModelTable = Schema.Record(Schema.NonEmptyString, TableEntry);
export type ModelTable = typeof ModelTable.Type;

const decodeTable = Schema.decodeUnknownResult(Schema.fromJsonString(ModelTable), {
  onExcessProperty: "error",
  errors: "all",
});
const issues = SchemaIssue.makeFormatterStandardSchemaV1();

/** Decodes a table; a refusal names every wrong place in it. */
export const parseTable = (json: string): Result.Result<ModelTable, ConfigurationRefused> =>
  Result.mapError(decodeTable(json), (error) =>
    new ConfigurationRefused({
      problems: issues(error.issue).issues.map(({ path, message }) =>
        [key, (path ?? []).map(String).join("."), message].filter((part) => part !== "").join(": ")
      ),
    }));

/**
 * Reads the table from the setting: JSON itself, or the path of a JSON file.
 *
 * *Fails with* `ConfigurationRefused` when the file cannot be read or the table is wrong.
 */
export const loadTable = (setting: string): Effect.Effect<ModelTable, ConfigurationRefused> =>
  (setting.trimStart().startsWith("{") ? Effect.succeed(setting) : Effect.tryPromise({
    try: () => Deno.readTextFile(setting),
    catch: () => new ConfigurationRefused({ problems: [`${key}: the file ${setting} cannot be read`] }),
  })).pipe(Effect.flatMap((json) => Effect.fromResult(parseTable(json))));
