/**
 * Explaining: what the Anthropic SDK throws as a fault.
 *
 * An HTTP error has a status, headers and the body's `error.type`; an `error` event inside a stream
 * has the type only; anything else is the connection's or the JSON's.
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

const Thrown = Schema.Struct({
  status: Schema.optional(Schema.Number),
  type: Schema.optional(Schema.NullOr(Schema.String)),
  message: Schema.String,
  headers: Schema.optional(Schema.instanceOf(Headers)),
});
type Thrown = typeof Thrown.Type;
const decodeThrown = Schema.decodeUnknownOption(Thrown);
const decodeSeconds = Schema.decodeUnknownOption(Schema.FiniteFromString);

const retryAfterMs = (headers: Headers | undefined): number | undefined => {
  const exact = Option.getOrUndefined(decodeSeconds(headers?.get("retry-after-ms")));
  const seconds = Option.getOrUndefined(decodeSeconds(headers?.get("retry-after")));
  const wait = exact ?? (seconds === undefined ? undefined : Math.ceil(seconds * 1000));
  return wait !== undefined && wait >= 0 ? wait : undefined;
};

/** The statuses that the API gives its error types; events in a stream carry the type only. */
const statusByType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

const httpFault = (status: number, { message, headers }: Thrown): Fault => {
  const wait = retryAfterMs(headers);
  switch (status) {
    case 400:
      if (/credit balance|spend limit/i.test(message)) return fault(new QuotaExhausted(), message);
      return /prompt is too long|context (limit|window)/i.test(message)
        ? fault(new ContextTooLong(), message)
        : fault(new RequestRefused(), message);
    case 401:
    case 403:
      return fault(new BadCredentials(), message);
    case 402:
      return fault(new QuotaExhausted(), message);
    case 404:
      return /model/i.test(message) ? fault({ _tag: "UnknownModel" }, message) : fault(new RequestRefused(), message);
    case 408:
    case 409:
      return unavailable(status, message, wait);
    case 429:
      return fault(new RateLimited(wait === undefined ? {} : { retryAfterMs: wait }), message);
    default:
      return status >= 500 ? unavailable(status, message, wait) : fault(new RequestRefused(), message);
  }
};

/** Explains anything that the SDK or the fetch under it throws. */
export const explain = (thrown: unknown): Fault => {
  const known = Option.getOrUndefined(decodeThrown(thrown));
  const status = known?.status ?? statusByType[known?.type ?? ""];
  if (known !== undefined && status !== undefined) return httpFault(status, known);
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  if (thrown instanceof SyntaxError) {
    return fault(new BadOutput({ why: "the response is not a stream of JSON events" }), text, thrown);
  }
  return known?.type === undefined || known.type === null
    ? fault(new ConnectionLost(), text, thrown)
    : unavailable(500, text);
};
