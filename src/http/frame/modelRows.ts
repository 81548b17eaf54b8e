/**
 * The rows of what models and their providers fail with.
 */
import type { ModelError, ModelNotFound } from "../../services/Model.ts";
import type { FieldNames } from "../../web/errors/FieldNames.ts";
import { invalid, quoted, type Rows, server } from "../../web/errors/Row.ts";
import { runFieldOf } from "./providerFields.ts";

/** A field that a provider named, as the caller calls it; null where the caller has none of the kind. */
const callersName = (param: string | undefined, names: FieldNames | undefined): string | null => {
  const field = param === undefined ? undefined : runFieldOf(param);
  return field === undefined ? null : names?.[field] ?? null;
};

/** A row for every error of the Model port. */
export const modelRows: Rows<ModelError | ModelNotFound> = {
  ModelNotFound: invalid(
    404,
    "model_not_found",
    "No configured provider serves this model; the message lists which do.",
    { message: (error) => error.message, param: () => "model" },
  ),
  "ModelError.ContextTooLong": invalid(400, "context_length_exceeded", "The conversation does not fit the model.", {
    message: ({ model }) => `This conversation is longer than the context of ${model}.`,
    param: (_, names) => names?.messages ?? null,
  }),
  "ModelError.PromptBlocked": invalid(400, "content_filter", "The provider refuses this prompt.", {
    message: ({ provider, reason }) => `${provider} refuses this prompt: ${quoted(reason.why)}`,
    param: (_, names) => names?.messages ?? null,
  }),
  "ModelError.RequestRefused": invalid(400, "provider_refused_request", "The provider refuses a parameter.", {
    message: ({ provider, model, reason: { why, param } }, names) => {
      if (why !== undefined) return `${model} cannot answer this: ${why}.`;
      const what = param === undefined ? "a parameter or a message" : `'${callersName(param, names) ?? param}'`;
      return `${provider} refuses this request for ${model}: ${what} is not supported by it.`;
    },
    param: ({ reason }, names) => callersName(reason.param, names),
  }),
  "ModelError.RateLimited": {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    retry: true,
    when: "The provider asks to slow down.",
    message: ({ provider, model }) => `Rate limit reached for ${model} at ${provider}. Please try again later.`,
    retryAfterMs: ({ reason }) => reason.retryAfterMs,
  },
  "ModelError.QuotaExhausted": {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    retry: false,
    when: "The account behind the provider key is used up.",
    message: ({ provider }) => `The ${provider} account of this server has exceeded its quota.`,
  },
  "ModelError.BadCredentials": server(502, "provider_credentials", false, "The provider refuses the server's key.", {
    message: ({ provider }) => `${provider} refuses the key of this server.`,
  }),
  "ModelError.ConnectionLost": server(502, "provider_connection", true, "The connection to the provider was lost.", {
    message: ({ provider }) => `The connection to ${provider} was lost.`,
  }),
  "ModelError.BadOutput": server(502, "provider_bad_output", true, "The provider sent what is not its format.", {
    message: ({ provider }) => `${provider} sent an answer that cannot be understood.`,
  }),
  "ModelError.Unavailable": server(503, "provider_unavailable", true, "The provider is overloaded or broken.", {
    message: ({ provider }) => `${provider} is overloaded or not available. Please try again later.`,
    retryAfterMs: ({ reason }) => reason.retryAfterMs,
  }),
  "ModelError.TimedOut": server(504, "provider_timeout", true, "The provider was silent for too long.", {
    message: ({ provider, reason }) =>
      reason.isOwnLag === true
        ? `This server was too busy to hear whether ${provider} answers. Please try again later.`
        : `${provider} did not answer within ${reason.limitMs / 1000} seconds (${reason.phase}).`,
  }),
};
