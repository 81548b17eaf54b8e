/**
 * What becomes of every request parameter of Chat Completions: one table.
 *
 * A parameter is honoured, or accepted only with a value that changes nothing, or refused by name.
 * None is ignored in silence, because a client that asks for `n: 3` must not get one answer. `null`
 * always means "not given".
 */
import { InvalidRequest } from "../../frame/errors.ts";

/** How a parameter is treated. */
export type Treatment =
  | { readonly _tag: "Honoured"; readonly how: string }
  | {
    readonly _tag: "Harmless";
    /** The values that change nothing. */
    readonly values: ReadonlyArray<unknown> | "any";
  }
  | { readonly _tag: "Refused"; readonly why: string };

const honoured = (how: string): Treatment => ({ _tag: "Honoured", how });
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
  temperature: honoured("passed to the model"),
  top_p: honoured("passed to the model"),
  stop: honoured("passed to the model"),
  seed: honoured("passed to the model"),
  reasoning_effort: honoured("passed to the model"),
  response_format: honoured("governs the last message of the run"),
  tools: honoured("offered to the model beside the server's own tools; the caller answers them"),
  tool_choice: honoured("passed to the model"),
  parallel_tool_calls: honoured("passed to the model"),
  metadata: honoured("`view` and `session_id` are read; the rest is logged nowhere and kept nowhere"),
  user: honoured("the user, within the caller's own key"),
  safety_identifier: honoured("the user, when `user` is absent"),

  n: only(1),
  logprobs: only(false),
  top_logprobs: only(0),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
  store: only(false),
  modalities: only(["text"]),
  service_tier: only("auto", "default"),
  verbosity: only("medium"),
  functions: only([]),
  function_call: only("auto", "none"),
  prompt_cache_key: hint,
  prompt_cache_retention: hint,

  audio: refused("answers are text"),
  prediction: refused("predicted outputs are not supported"),
  web_search_options: refused("there is no web search; sandboxes have the network they were given"),
};

const includes = (values: ReadonlyArray<unknown>, value: unknown): boolean =>
  values.some((accepted) => JSON.stringify(accepted) === JSON.stringify(value));

/** Values as a person reads them: `"auto" or "default"`. */
export const listed = (values: ReadonlyArray<unknown>): string =>
  values.map((value) => JSON.stringify(value)).join(" or ");

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
        why: `Unrecognized request argument supplied: ${name.slice(0, 100)}`,
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
