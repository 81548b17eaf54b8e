/**
 * Explaining: what an OpenAI-compatible server says when it cannot answer, as a fault.
 */
import { Option, Schema } from "effect";
import { BadCredentials, ContextTooLong, PromptBlocked, QuotaExhausted, RateLimited } from "../../../services/Model.ts";
import { type Fault, fault, named, refusedRequest, unavailable } from "../fault.ts";
import type { HttpFailure } from "../exchange.ts";

const Text = Schema.optional(Schema.NullOr(Schema.String));

/** OpenAI's inner error object; some servers put a number in `code` or send the object bare. */
const Inner = Schema.Struct({
  message: Text,
  param: Schema.optional(Schema.Unknown),
  type: Text,
  code: Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Number]))),
});
type Inner = typeof Inner.Type;
const decodeInner = Schema.decodeUnknownOption(Inner);
const decodeEnvelope = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ error: Schema.Unknown })));
const decodeBare = Schema.decodeUnknownOption(Schema.fromJsonString(Inner));

const innerOf = (error: unknown): Inner =>
  typeof error === "string" ? { message: error } : Option.getOrElse(decodeInner(error), () => ({}));

const bodyOf = (text: string): Inner =>
  Option.match(decodeEnvelope(text), {
    onSome: ({ error }) => innerOf(error),
    onNone: () => Option.getOrElse(decodeBare(text), () => ({})),
  });

const isSpent = (inner: Inner): boolean =>
  /insufficient_quota|billing|credit_balance|spend_limit|usage_limit/.test(`${inner.type} ${inner.code}`);

const isTooLong = (inner: Inner): boolean =>
  inner.code === "context_length_exceeded" || inner.type === "exceed_context_size_error" ||
  /context (length|window|size)|maximum context|too many tokens|prompt is too long/i.test(inner.message ?? "");

const isBlocked = (inner: Inner): boolean =>
  /content_filter|content_policy|moderation/.test(`${inner.type} ${inner.code}`);

const classify = (status: number, inner: Inner, detail: string, retryAfterMs: number | undefined): Fault => {
  switch (status) {
    case 401:
    case 403:
      return isBlocked(inner) ? blocked(inner, detail) : fault(new BadCredentials(), detail);
    case 402:
      return fault(new QuotaExhausted(), detail);
    case 404:
      return /model/i.test(`${inner.code} ${inner.message}`)
        ? fault({ _tag: "UnknownModel" }, detail)
        : refused(inner, detail);
    case 408:
    case 409:
      return unavailable(status, detail, retryAfterMs);
    case 429:
      return isSpent(inner)
        ? fault(new QuotaExhausted(), detail)
        : fault(new RateLimited(retryAfterMs === undefined ? {} : { retryAfterMs }), detail);
    default:
      if (status >= 500) return unavailable(status, detail, retryAfterMs);
      if (isTooLong(inner)) return fault(new ContextTooLong(), detail);
      return isBlocked(inner) ? blocked(inner, detail) : refused(inner, detail);
  }
};

/** Servers that know only the newer name refuse the older as a parameter, and some only say so. */
const wantsNewLimit = (inner: Inner): boolean =>
  inner.param === "max_tokens" || /max_tokens.{0,200}max_completion_tokens/s.test(inner.message ?? "");

const refused = (inner: Inner, detail: string): Fault => ({
  ...refusedRequest(detail, typeof inner.param === "string" ? inner.param : undefined),
  ...(wantsNewLimit(inner) ? { limitField: "max_completion_tokens" } : {}),
});

const blocked = (inner: Inner, detail: string): Fault =>
  fault(new PromptBlocked({ why: String(inner.code ?? inner.type ?? "content policy") }), detail);

/** Explains an answer whose status is no success. */
export const explain = ({ status, text, retryAfterMs }: HttpFailure): Fault => {
  const inner = bodyOf(text);
  return named(classify(status, inner, `HTTP ${status}: ${text}`, retryAfterMs), status, inner.code ?? inner.type);
};

/** Statuses by the names that errors without one go by. */
const statusByName: ReadonlyArray<readonly [RegExp, number]> = [
  [/rate_limit|insufficient_quota/, 429],
  [/invalid_api_key|authentication|permission/, 401],
  [/model_not_found/, 404],
  [/context_length|invalid_request|content_filter|content_policy/, 400],
];

/** Explains an `error` inside a stream, where no status tells what it means; a server's fault when nothing does. */
export const explainBody = (error: unknown): Fault => {
  const inner = innerOf(error);
  const numeric = typeof inner.code === "number" ? inner.code : undefined;
  const known = statusByName.find(([pattern]) => pattern.test(`${inner.code} ${inner.type}`))?.[1];
  const status = numeric !== undefined && numeric >= 400 && numeric <= 599 ? numeric : known ?? 500;
  return named(classify(status, inner, JSON.stringify(error), undefined), undefined, inner.code ?? inner.type);
};
