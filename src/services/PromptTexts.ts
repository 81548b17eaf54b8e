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

/** The PromptTexts port; a program that provides none adds nothing. */
export const PromptTexts = Context.Reference<PromptTextsService>("caisson/services/PromptTexts", {
  defaultValue: () => ({}),
});
