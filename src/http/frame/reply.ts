/**
 * From an error to what goes over the wire, before the first byte and after it alike.
 */
import { Schema } from "effect";
import { rowOf } from "./errorTable.ts";
import type { FieldNames } from "../../web/errors/FieldNames.ts";
import type { HttpError } from "./errors.ts";

/** OpenAI's error object; all four keys are always there. */
export const ErrorEnvelope = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String,
    type: Schema.String,
    param: Schema.NullOr(Schema.String),
    code: Schema.NullOr(Schema.String),
  }),
}).annotate({ identifier: "ErrorResponse" });
export type ErrorEnvelope = typeof ErrorEnvelope.Type;

/** An error as it goes over the wire. */
export interface ErrorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly envelope: ErrorEnvelope;
}

/** Statuses after which the official clients retry by themselves. */
const retriedByClients = (status: number) => status === 408 || status === 409 || status === 429 || status >= 500;

/**
 * The longest wait that clients are asked to sit out.
 *
 * OpenAI's Node client ignores `retry-after` above 60 seconds and then retries within 8, so a longer
 * wait must forbid the retry.
 */
const retryAfterMsMax = 60_000;

/** What the answer to a failed request depends on beside the error. */
export interface ReplyOptions {
  /** A tool has already run: trying again would run it again, so clients are told not to. */
  readonly toolsHaveRun?: boolean;
  /** How the caller calls what it told a run; absent where it told one nothing. */
  readonly names?: FieldNames | undefined;
}

/** Turns any error into what goes over the wire. */
export const toReply = (error: HttpError, options: ReplyOptions = {}): ErrorReply => {
  const row = rowOf(error);
  const { status, type } = row;
  const retryAfterMs = row.retryAfterMs?.(error);
  const retry = row.retry && options.toolsHaveRun !== true && (retryAfterMs ?? 0) <= retryAfterMsMax;
  return {
    status,
    headers: {
      ...row.headers?.(error),
      ...(retriedByClients(status) ? { "x-should-retry": String(retry) } : {}),
      ...(retryAfterMs === undefined ? {} : {
        "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
        "retry-after-ms": String(Math.max(1, Math.round(retryAfterMs))),
      }),
    },
    envelope: {
      error: {
        message: row.message(error, options.names),
        type,
        param: row.param?.(error, options.names) ?? null,
        code: row.codeOf === undefined ? row.code : row.codeOf(error),
      },
    },
  };
};
