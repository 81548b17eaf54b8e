/**
 * Which sampling parameters each kind of model takes, and under which name: one table.
 *
 * Lowering, what `ModelInfo.takes` says and `docs/ledger.md` are made from it.
 */
import type { PartlyTaken, SamplingParameter, SamplingParameters } from "../../services/Model.ts";

/** The names under which a provider takes parameters; what is missing it does not take. */
export type SamplingFields = ReadonlyMap<SamplingParameter, string>;

const geminiUsual: ReadonlyArray<readonly [SamplingParameter, string]> = [
  ["temperature", "temperature"],
  ["topP", "topP"],
  ["topK", "topK"],
  ["seed", "seed"],
];
const openAiUsual: ReadonlyArray<readonly [SamplingParameter, string]> = [
  ["temperature", "temperature"],
  ["topP", "top_p"],
  ["frequencyPenalty", "frequency_penalty"],
  ["presencePenalty", "presence_penalty"],
  ["seed", "seed"],
  ["verbosity", "verbosity"],
];

/** The table, by kind of model. */
export const samplingFields = {
  "gemini-2.0": new Map([
    ...geminiUsual,
    ["frequencyPenalty", "frequencyPenalty"],
    ["presencePenalty", "presencePenalty"],
  ]),
  // Newer Gemini models answer 400 to a penalty.
  "gemini": new Map(geminiUsual),
  "openai": new Map([...openAiUsual, ["store", "store"]]),
  "openai-compatible": new Map([
    ...openAiUsual,
    ["topK", "top_k"],
    ["minP", "min_p"],
    ["repetitionPenalty", "repetition_penalty"],
    ["chatTemplateArguments", "chat_template_kwargs"],
  ]),
  // The API refuses requests to its newer models that name any.
  "anthropic": new Map(),
  "offline": new Map(),
} satisfies Record<string, SamplingFields>;
export type SamplingKind = keyof typeof samplingFields;

/** What models of each kind take, as `ModelInfo.takes` says it. */
export const takenBy: Readonly<Record<SamplingKind, ReadonlySet<PartlyTaken>>> = {
  "gemini-2.0": new Set(samplingFields["gemini-2.0"].keys()),
  "gemini": new Set(samplingFields["gemini"].keys()),
  "openai": new Set([...samplingFields["openai"].keys(), "strictTools"]),
  "openai-compatible": new Set([...samplingFields["openai-compatible"].keys(), "strictTools"]),
  "anthropic": new Set(),
  "offline": new Set(),
};

/** The given parameters that a provider takes, under its names. */
export const sampling = (parameters: SamplingParameters, fields: SamplingFields): Record<string, unknown> => {
  const lowered: Record<string, unknown> = {};
  for (const [name, field] of fields) {
    const value = parameters[name];
    if (value !== undefined) lowered[field] = value;
  }
  return lowered;
};
