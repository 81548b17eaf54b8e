/**
 * Explaining: what the Gemini SDK throws as a fault.
 *
 * The SDK keeps of an HTTP error its status and, as its message, the body's JSON text; response
 * headers are lost, so a wait comes from the body's `RetryInfo` only.
 */
import { Option, Schema } from "effect";
import {
  BadCredentials,
  BadOutput,
  ConnectionLost,
  ContextTooLong,
  QuotaExhausted,
  RateLimited,
  RequestRefused,
} from "../../../services/Model.ts";
import { type Fault, fault, unavailable } from "../fault.ts";

const ThrownByHttp = Schema.Struct({ name: Schema.Literal("ApiError"), status: Schema.Number, message: Schema.String });
const decodeThrown = Schema.decodeUnknownOption(ThrownByHttp);

const Body = Schema.Struct({
  error: Schema.Struct({
    message: Schema.optional(Schema.String),
    status: Schema.optional(Schema.String),
    details: Schema.optional(
      Schema.Array(
        Schema.Struct({
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

const httpFault = (status: number, message: string): Fault => {
  // A mid-stream error comes as "got status: UNAVAILABLE. {…}".
  const text = message.slice(Math.max(0, message.indexOf("{")));
  const body: Body["error"] = Option.match(decodeBody(text), { onNone: () => ({}), onSome: (found) => found.error });
  const said = body.message ?? "";
  const wait = retryAfterMs(body);
  switch (status) {
    case 400:
      if ((body.details ?? []).some((detail) => detail.reason?.startsWith("API_KEY_")) || /api key/i.test(said)) {
        return fault(new BadCredentials(), message);
      }
      return /exceeds the maximum number of tokens|token count.{0,500}exceed/i.test(said)
        ? fault(new ContextTooLong(), message)
        : fault(new RequestRefused(), message);
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
      return status >= 500 ? unavailable(status, message, wait) : fault(new RequestRefused(), message);
  }
};

/** Whether what the SDK says is that the body does not read as Gemini's events, as opposed to being cut short. */
const isForeignBody = (thrown: unknown, begun: boolean): boolean =>
  thrown instanceof SyntaxError || (!begun && thrown instanceof Error && thrown.message.startsWith("Incomplete JSON"));

/** Explains anything that the SDK or the fetch under it throws; `begun` when a chunk had come before. */
export const explain = (thrown: unknown, begun: boolean): Fault => {
  const http = decodeThrown(thrown);
  if (Option.isSome(http)) return httpFault(http.value.status, http.value.message);
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return isForeignBody(thrown, begun)
    ? fault(new BadOutput({ why: "the response is not a stream of JSON events" }), text, thrown)
    : fault(new ConnectionLost(), text, thrown);
};
