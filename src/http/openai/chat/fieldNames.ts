/**
 * What Chat Completions calls the fields that an error of a run may name.
 */
import type { FieldNames } from "../../../web/errors/FieldNames.ts";

/** The names, the limit of tokens under its newer one. */
export const chatFieldNames: FieldNames = {
  messages: "messages",
  instructions: "messages",
  parentTurn: "metadata.parent_turn",
  tools: "tools",
  toolChoice: "tool_choice",
  parallelToolCalls: "parallel_tool_calls",
  outputTokensMax: "max_completion_tokens",
  stop: "stop",
  responseFormat: "response_format",
  reasoningEffort: "reasoning_effort",
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  minP: "min_p",
  seed: "seed",
  frequencyPenalty: "frequency_penalty",
  presencePenalty: "presence_penalty",
  repetitionPenalty: "repetition_penalty",
  chatTemplateArguments: "chat_template_kwargs",
  verbosity: "verbosity",
  store: "store",
};

/** The names, the limit of tokens under the one that the request used. */
export const fieldNamesOf = (body: { readonly max_tokens?: number | null | undefined }): FieldNames =>
  typeof body.max_tokens === "number" ? { ...chatFieldNames, outputTokensMax: "max_tokens" } : chatFieldNames;
