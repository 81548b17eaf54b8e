/**
 * Explaining: what the Gemini SDK throws as a fault.
 *
 * The SDK keeps of an HTTP error its status and, as its message, the body's JSON text; response
 * headers are lost, so a wait comes from the body's `RetryInfo` only. Inside a stream an error is an event.
 */
import { Option, Schema } from "effect";
import {
  BadCredentials,
  ConnectionLost,
  ContextTooLong,
  QuotaExhausted,
  RateLimited,
} from "../../../services/Model.ts";
import { type Fault, fault, named, refusedRequest, unavailable } from "../fault.ts";

const ThrownByHttp = Schema.Struct({ name: Schema.Literal("ApiError"), status: Schema.Number, message: Schema.String });
const decodeThrown = Schema.decodeUnknownOption(ThrownByHttp);

const Body = Schema.Struct({
  error: Schema.Struct({
    code: Schema.optional(Schema.NullOr(Schema.Number)),
    message: Schema.optional(Schema.String),
    status: Schema.optional(Schema.String),
    details: Schema.optional(
      Schema.Array(
        Schema.Struct({
          /** Of `BadRequest`. */
          fieldViolations: Schema.optional(Schema.Array(Schema.Struct({ field: Schema.optional(Schema.String) }))),
          /** Of `ErrorInfo`. */
          reason: Schema.optional(Schema.String),
          /** Of `RetryInfo`, such as "17.5s". */
          retryDelay: Schema.optional(Schema.String),
          /** Of `QuotaFailure`. */
          violations: Schema.optional(Schema.Array(Schema.Struct({ quotaId: Schema.optional(Schema.String) }))),
        }),
      ),
    ),
  }),
});
type Body = typeof Body.Type;
const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(Body));

const retryAfterMs = (body: Body["error"]): number | undefined => {
  for (const { retryDelay } of body.details ?? []) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(retryDelay ?? "")?.[1];
    if (seconds !== undefined) return Math.ceil(Number(seconds) * 1000);
  }
  return undefined;
};

/** A quota that will not be free again within a request's life: one per day, or one that is zero. */
const isSpent = (body: Body["error"]): boolean =>
  (body.details ?? []).some((detail) =>
    (detail.violations ?? []).some((violation) => /PerDay/i.test(violation.quotaId ?? ""))
  ) || /prepayment credits|billing|spending cap|limit: 0\b/i.test(body.message ?? "");

/** The field that the provider names as wrong. */
const paramOf = (body: Body["error"]): string | undefined =>
  (body.details ?? []).flatMap(({ fieldViolations = [] }) => fieldViolations).find(({ field }) => field !== undefined)
    ?.field;

const classify = (status: number, body: Body["error"], message: string): Fault => {
  const said = body.message ?? "";
  const wait = retryAfterMs(body);
  switch (status) {
    case 400:
      if ((body.details ?? []).some((detail) => detail.reason?.startsWith("API_KEY_")) || /api key/i.test(said)) {
        return fault(new BadCredentials(), message);
      }
      return /exceeds the maximum number of tokens|token count.{0,500}exceed/i.test(said)
        ? fault(new ContextTooLong(), message)
        : refusedRequest(message, paramOf(body));
    case 401:
    case 403:
      return fault(new BadCredentials(), message);
    case 402:
      return fault(new QuotaExhausted(), message);
    case 404:
      return fault({ _tag: "UnknownModel" }, message);
    case 408:
      return unavailable(status, message, wait);
    case 429:
      return isSpent(body)
        ? fault(new QuotaExhausted(), message)
        : fault(new RateLimited(wait === undefined ? {} : { retryAfterMs: wait }), message);
    default:
      return status >= 500 ? unavailable(status, message, wait) : refusedRequest(message, paramOf(body));
  }
};

/** Explains what the SDK throws at an error answer; anything else it throws is the connection's. */
export const explain = (thrown: unknown): Fault => {
  const http = Option.getOrUndefined(decodeThrown(thrown));
  if (http === undefined) {
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return fault(new ConnectionLost(), text, thrown);
  }
  const body = Option.getOrUndefined(decodeBody(http.message))?.error ?? {};
  return named(classify(http.status, body, http.message), http.status, body.status);
};

const decodeInner = Schema.decodeUnknownOption(Body.fields.error);

/** Explains an `error` that came inside a stream; a server's fault when it has no code. */
export const explainBody = (error: unknown): Fault => {
  const body = Option.getOrElse(decodeInner(error), (): Body["error"] => ({}));
  return named(classify(body.code ?? 500, body, JSON.stringify(error)), undefined, body.status ?? body.code);
};
