/**
 * Explaining: what the Anthropic SDK throws as a fault.
 *
 * An HTTP error has a status, headers and the body's `error.type`; an `error` event inside a stream
 * has the type only; anything else is the connection's.
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

/** The API has no field for it: the message begins with the path of what is wrong. */
const paramOf = (message: string): string | undefined => /^([a-z_][\w.]{0,100}): /.exec(message)?.[1];

const httpFault = (status: number, { message, headers }: Thrown): Fault => {
  const wait = retryAfterMs(headers);
  switch (status) {
    case 400:
      if (/credit balance|spend limit/i.test(message)) return fault(new QuotaExhausted(), message);
      return /prompt is too long|context (limit|window)/i.test(message)
        ? fault(new ContextTooLong(), message)
        : refusedRequest(message, paramOf(message));
    case 401:
    case 403:
      return fault(new BadCredentials(), message);
    case 402:
      return fault(new QuotaExhausted(), message);
    case 404:
      return /model/i.test(message) ? fault({ _tag: "UnknownModel" }, message) : refusedRequest(message);
    case 408:
    case 409:
      return unavailable(status, message, wait);
    case 429:
      return fault(new RateLimited(wait === undefined ? {} : { retryAfterMs: wait }), message);
    default:
      return status >= 500 ? unavailable(status, message, wait) : refusedRequest(message);
  }
};

/** Explains what the SDK throws at an error answer; anything else it throws is the connection's. */
export const explain = (thrown: unknown): Fault => {
  const known = Option.getOrUndefined(decodeThrown(thrown));
  if (known?.status !== undefined) return named(httpFault(known.status, known), known.status, known.type);
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return fault(new ConnectionLost(), text, thrown);
};

const Inner = Schema.Struct({
  type: Schema.optional(Schema.NullOr(Schema.String)),
  message: Schema.optional(Schema.NullOr(Schema.String)),
});
const decodeInner = Schema.decodeUnknownOption(Inner);

/** Explains an `error` event inside a stream, which has the type only; a new type is the server's fault. */
export const explainBody = (error: unknown): Fault => {
  const { type, message } = Option.getOrElse(decodeInner(error), (): typeof Inner.Type => ({}));
  const found = httpFault(statusByType[type ?? ""] ?? 500, { message: message ?? JSON.stringify(error) ?? "" });
  return named(found, undefined, type);
};
