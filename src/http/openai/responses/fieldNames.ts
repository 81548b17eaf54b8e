/**
 * What Responses calls the fields that an error of a run may name.
 */
import type { FieldNames } from "../../../web/errors/FieldNames.ts";

/** The names; what stands in no request of Responses has none. */
export const responsesFieldNames: FieldNames = {
  messages: "input",
  instructions: "instructions",
  parentTurn: "previous_response_id",
  tools: "tools",
  toolChoice: "tool_choice",
  parallelToolCalls: "parallel_tool_calls",
  outputTokensMax: "max_output_tokens",
  stop: null,
  responseFormat: "text.format",
  reasoningEffort: "reasoning.effort",
  temperature: "temperature",
  topP: "top_p",
  topK: null,
  minP: null,
  seed: null,
  frequencyPenalty: null,
  presencePenalty: null,
  repetitionPenalty: null,
  chatTemplateArguments: null,
  verbosity: "text.verbosity",
  store: "store",
};
