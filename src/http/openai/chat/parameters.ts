/**
 * What becomes of every request parameter of Chat Completions: one table.
 *
 * A parameter is honoured, passed to the providers that take it and else named as not applied, or
 * accepted only with a value that changes nothing, or refused by name. None is ignored in silence,
 * because a client that asks for `n: 3` must not get one answer. `null` always means "not given", and so do the values
 * with which clients say that they want none of it: a `top_k` or a limit of -1, an empty `stop`.
 */
import type { SamplingParameter } from "../../../services/Model.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import type { Given } from "../notApplied.ts";
import type { ChatRequest } from "./wire.ts";
import { headOf } from "../../../domain/cutText.ts";

/** How a parameter is treated. */
export type Treatment =
  | { readonly _tag: "Honoured"; readonly how: string }
  | {
    readonly _tag: "Passed";
    /** The agent's name of it. */
    readonly as: SamplingParameter;
    /** Values with which it need not be named where it is not applied. */
    readonly neutral: ReadonlyArray<unknown>;
  }
  | {
    readonly _tag: "Harmless";
    /** The values that change nothing. */
    readonly values: ReadonlyArray<unknown> | "any";
  }
  | { readonly _tag: "Refused"; readonly why: string };

const honoured = (how: string): Treatment => ({ _tag: "Honoured", how });
const passed = (as: SamplingParameter, ...neutral: ReadonlyArray<unknown>): Treatment => ({
  _tag: "Passed",
  as,
  neutral,
});
const refused = (why: string): Treatment => ({ _tag: "Refused", why });
const only = (...values: ReadonlyArray<unknown>): Treatment => ({
  _tag: "Harmless",
  values,
});
const hint: Treatment = { _tag: "Harmless", values: "any" };

/** Every parameter of the Chat Completions request, by name. */
export const parameterTable: Readonly<Record<string, Treatment>> = {
  messages: honoured("the conversation"),
  model: honoured("chooses the model; a suffix such as `:details` chooses the view"),
  stream: honoured("server-sent events or one JSON object"),
  stream_options: honoured("`include_usage`"),
  max_completion_tokens: honoured("tokens of one model turn"),
  max_tokens: honoured("the older name of `max_completion_tokens`"),
  temperature: passed("temperature", 1),
  top_p: passed("topP", 1),
  top_k: passed("topK", 0, -1),
  min_p: passed("minP", 0),
  frequency_penalty: passed("frequencyPenalty", 0),
  presence_penalty: passed("presencePenalty", 0),
  repetition_penalty: passed("repetitionPenalty", 1),
  seed: passed("seed"),
  chat_template_kwargs: passed("chatTemplateArguments", {}),
  verbosity: passed("verbosity", "medium"),
  store: passed("store", false),
  stop: honoured("passed to the model; empty texts are left out"),
  reasoning_effort: honoured("passed to the model"),
  response_format: honoured("governs the last message of the run"),
  tools: honoured("offered to the model beside the server's own tools; the caller answers them"),
  tool_choice: honoured("passed to the model"),
  parallel_tool_calls: honoured("passed to the model"),
  metadata: honoured(
    "`view`, `session_id`, `parent_turn`, `detached` and `ask` are read; the rest is logged nowhere and kept nowhere",
  ),
  user: honoured("the user, within the caller's own key"),
  safety_identifier: honoured("the user, when `user` is absent"),

  n: only(1),
  logprobs: only(false),
  top_logprobs: only(0),
  logit_bias: only({}),
  modalities: only(["text"]),
  service_tier: only("auto", "default"),
  functions: only([]),
  function_call: only("auto", "none"),
  prompt_cache_key: hint,
  prompt_cache_retention: hint,
  prompt_cache_options: hint,

  audio: refused("answers are text"),
  moderation: refused("nothing is moderated here"),
  prediction: refused("predicted outputs are not supported"),
  web_search_options: refused("there is no web search; sandboxes have the network they were given"),
};

const passedParameters = Object.entries(parameterTable).flatMap(([name, treatment]) =>
  treatment._tag === "Passed" ? [[name, treatment] as const] : []
);

const includes = (values: ReadonlyArray<unknown>, value: unknown): boolean =>
  values.some((accepted) => JSON.stringify(accepted) === JSON.stringify(value));

/** What is given that reaches only some models: parameters in the table's order, then `strict` of tools. */
export const sampled = (
  body: Pick<ChatRequest, "tools"> & Readonly<Record<string, unknown>>,
): ReadonlyArray<Given> => {
  const given = passedParameters.flatMap(([name, { as, neutral }]): ReadonlyArray<Given> => {
    const value = body[name];
    return value === undefined || value === null || includes(neutral, value) ? [] : [{ name, as }];
  });
  const isStrict = body.tools?.some(({ function: { strict } }) => strict === true) === true;
  return isStrict ? [...given, { name: "tools[function].function.strict", as: "strictTools" }] : given;
};

/** Values as a person reads them: `"auto" or "default"`. */
const listed = (values: ReadonlyArray<unknown>): string => values.map((value) => JSON.stringify(value)).join(" or ");

/**
 * Finds the first parameter of a body that cannot be honoured; undefined when all can.
 *
 * A name that OpenAI does not know is refused as OpenAI refuses it.
 */
export const refusedParameter = (body: Readonly<Record<string, unknown>>): InvalidRequest | undefined => {
  for (const [name, value] of Object.entries(body)) {
    if (value === null) continue;
    const treatment = Object.hasOwn(parameterTable, name) ? parameterTable[name] : undefined;
    if (treatment === undefined) {
      return new InvalidRequest({
        param: name,
        why: `Unrecognized request argument supplied: ${headOf(name, 100)}`,
        code: "unknown_parameter",
      });
    }
    if (treatment._tag === "Refused") {
      return new InvalidRequest({
        param: name,
        why: `Unsupported parameter: '${name}': ${treatment.why}`,
        code: "unsupported_parameter",
      });
    }
    if (treatment._tag === "Harmless" && treatment.values !== "any" && !includes(treatment.values, value)) {
      return new InvalidRequest({
        param: name,
        why: `Unsupported value for '${name}': only ${listed(treatment.values)} is supported here`,
        code: "unsupported_value",
      });
    }
  }
  return undefined;
};
