/**
 * The PromptTexts port: a deployment's own words in the system prompt.
 */
import { Context } from "effect";

/** Texts as they were when the server started. */
export interface PromptTextsService {
  /** Stands instead of who the agent is and how it works; the tools, sandbox and skills are still told. */
  readonly replacement?: string;
  /** Stands after everything else. */
  readonly addition?: string;
}

/**
 * The PromptTexts port; a program that provides none adds nothing.
 *
 * *Example* (add a house rule to the system prompt):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { PromptTexts } from "@caisson/caisson";
 *
 * const mine = Layer.succeed(PromptTexts.PromptTexts, { addition: "Answer in French." });
 * const program = Effect.gen(function* () {
 *   return yield* PromptTexts.PromptTexts;
 * });
 * assert.deepEqual(await Effect.runPromise(program), {});
 * assert.equal((await Effect.runPromise(Effect.provide(program, mine))).addition, "Answer in French.");
 * ```
 */
export const PromptTexts = Context.Reference<PromptTextsService>("caisson/services/PromptTexts", {
  defaultValue: () => ({}),
});
