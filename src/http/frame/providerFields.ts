/**
 * Which field of a run a provider means when it names one of its own request.
 */
import type { RunField } from "../../web/errors/FieldNames.ts";

/** Providers' names without underscores and in small letters, because some write snake case and some camel case. */
const fields: Readonly<Record<string, RunField>> = {
  messages: "messages",
  contents: "messages",
  input: "messages",
  prompt: "messages",
  system: "instructions",
  systeminstruction: "instructions",
  instructions: "instructions",
  tools: "tools",
  functions: "tools",
  toolchoice: "toolChoice",
  toolconfig: "toolChoice",
  paralleltoolcalls: "parallelToolCalls",
  maxtokens: "outputTokensMax",
  maxcompletiontokens: "outputTokensMax",
  maxoutputtokens: "outputTokensMax",
  stop: "stop",
  stopsequences: "stop",
  responseformat: "responseFormat",
  responseschema: "responseFormat",
  responsejsonschema: "responseFormat",
  responsemimetype: "responseFormat",
  outputformat: "responseFormat",
  outputconfig: "responseFormat",
  format: "responseFormat",
  reasoningeffort: "reasoningEffort",
  reasoning: "reasoningEffort",
  thinking: "reasoningEffort",
  thinkingconfig: "reasoningEffort",
  effort: "reasoningEffort",
  temperature: "temperature",
  topp: "topP",
  topk: "topK",
  minp: "minP",
  seed: "seed",
  frequencypenalty: "frequencyPenalty",
  presencepenalty: "presencePenalty",
  repetitionpenalty: "repetitionPenalty",
  chattemplatekwargs: "chatTemplateArguments",
  verbosity: "verbosity",
  store: "store",
};

/** Objects in which providers keep parameters that a caller gives one by one. */
const holders: ReadonlySet<string> = new Set(["generationconfig", "config", "outputconfig", "text", "body"]);

/**
 * The field of a run that a provider's name or path means; undefined where it is none of ours.
 *
 * *Details*: what stands below it is left out, because places in a provider's messages and tools are not the caller's.
 */
export const runFieldOf = (param: string): RunField | undefined => {
  const [root = "", below = ""] = param.toLowerCase().replaceAll("_", "").split(/[.[\]]+/, 2);
  const inner = holders.has(root) && Object.hasOwn(fields, below) ? below : root;
  return Object.hasOwn(fields, inner) ? fields[inner] : undefined;
};
