/**
 * What the fields of a request are called that an error may name: each door tells them in its own caller's words.
 */
import type { SamplingParameter } from "../../services/Model.ts";

/** What a request says to a run, by its name inside. */
export type RunField =
  | SamplingParameter
  | "messages"
  | "instructions"
  | "parentTurn"
  | "tools"
  | "toolChoice"
  | "parallelToolCalls"
  | "outputTokensMax"
  | "stop"
  | "responseFormat"
  | "reasoningEffort";

/** The names of a door; null for what no request to it can say. */
export type FieldNames = Readonly<Record<RunField, string | null>>;
