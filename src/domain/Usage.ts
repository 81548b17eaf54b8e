/**
 * Token counts of a model turn and of a whole run.
 *
 * Counts only; prices and ledgers live elsewhere.
 */
import { Schema } from "effect";

/**
 * Tokens consumed, with cached input and reasoning output counted apart.
 *
 * `cachedInputTokens` is part of `inputTokens`, and `reasoningTokens` is part of `outputTokens`.
 */
export const Usage = Schema.Struct({
  inputTokens: Schema.Int,
  cachedInputTokens: Schema.Int,
  outputTokens: Schema.Int,
  reasoningTokens: Schema.Int,
});
export type Usage = typeof Usage.Type;

/** No tokens at all, the identity of {@link add}. */
export const zero: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/**
 * Adds two counts field by field.
 *
 * *Example* (count the tokens of several runs):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Usage } from "@caisson/caisson";
 *
 * const turns = [{ ...Usage.zero, inputTokens: 100, outputTokens: 20 }, { ...Usage.zero, inputTokens: 150 }];
 * const total = turns.reduce(Usage.add, Usage.zero);
 * assert.equal(total.inputTokens + total.outputTokens, 270);
 * ```
 */
export const add = (left: Usage, right: Usage): Usage => ({
  inputTokens: left.inputTokens + right.inputTokens,
  cachedInputTokens: left.cachedInputTokens + right.cachedInputTokens,
  outputTokens: left.outputTokens + right.outputTokens,
  reasoningTokens: left.reasoningTokens + right.reasoningTokens,
});

/** What a model costs, in US dollars for a million tokens. */
export interface Price {
  readonly input: number;
  /** Of input that the provider read from its cache. */
  readonly cachedInput: number;
  readonly output: number;
}

/**
 * What tokens cost, in US dollars.
 *
 * *Example* (tell what a run cost):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Usage } from "@caisson/caisson";
 *
 * const usage = { inputTokens: 1_000_000, cachedInputTokens: 600_000, outputTokens: 100_000, reasoningTokens: 0 };
 * assert.equal(Usage.costUsd(usage, { input: 5, cachedInput: 0.5, output: 25 }), 2 + 0.3 + 2.5);
 * ```
 */
export const costUsd = (usage: Usage, price: Price): number =>
  ((usage.inputTokens - usage.cachedInputTokens) * price.input + usage.cachedInputTokens * price.cachedInput +
    usage.outputTokens * price.output) / 1_000_000;
