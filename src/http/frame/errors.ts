/**
 * Every error a caller can be told, and what it is told.
 *
 * One closed union, one table of facts that `docs/errors.md` is generated from, one exhaustive
 * function. The same function answers before and after the first byte, so an error reads the same in
 * both places. What is unknown has its own last door: `InternalError`.
 */
import { Schema } from "effect";
import type { RunError } from "../../runs/RunError.ts";
import type { IdentityUnavailable, Unauthorized } from "../../services/Identity.ts";
import type { UsageLedgerUnavailable } from "../../services/UsageLedger.ts";
import type { ModelErrorReason } from "../../services/Model.ts";
import type { SandboxErrorReason } from "../../services/Sandbox.ts";
import { cutText } from "../../domain/cutText.ts";

// Errors of this edge ----------------------------------------------------------------------------

/** The request is wrong; `param` names the field, `why` says what was expected. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  param: Schema.NullOr(Schema.String),
  why: Schema.String,
  code: Schema.NullOr(Schema.String),
}) {
  override get message(): string {
    return this.why;
  }
}

/** There is nothing at this URL. */
export class UnknownUrl extends Schema.TaggedError<UnknownUrl>()("UnknownUrl", {
  method: Schema.String,
  path: Schema.String,
}) {}

/** There is something at this URL, but not for this method. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  method: Schema.String,
  path: Schema.String,
  allow: Schema.Array(Schema.String),
}) {}

/** The body is not JSON by its own `content-type`. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  contentType: Schema.String,
}) {}

/** The body is larger than `CAISSON_BODY_BYTES_MAX`. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", { bytesMax: Schema.Int }) {}

/** There is no such artifact, or it is not this caller's. */
export class ArtifactNotFound extends Schema.TaggedError<ArtifactNotFound>()("ArtifactNotFound", {}) {}

/** A signed link is past its time. */
export class LinkExpired extends Schema.TaggedError<LinkExpired>()("LinkExpired", {}) {}

/** A file is larger than `MCP_ARTIFACT_SIZE_LIMIT_MB`. */
export class ArtifactTooLarge extends Schema.TaggedError<ArtifactTooLarge>()("ArtifactTooLarge", {
  bytesMax: Schema.Int,
}) {}

/** A `Range` begins behind the end of the file. */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  sizeBytes: Schema.Number,
}) {}

/** The user has no such session, or it has expired. */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>()("SessionNotFound", { id: Schema.String }) {}

/** Everything that can go wrong for a caller. */
export type HttpError =
  | RunError
  | Unauthorized
  | IdentityUnavailable
  | InvalidRequest
  | UnknownUrl
  | MethodNotAllowed
  | UnsupportedMediaType
  | BodyTooLarge
  | ArtifactNotFound
  | LinkExpired
  | ArtifactTooLarge
  | RangeNotSatisfiable
  | SessionNotFound
  | UsageLedgerUnavailable;

// Table ------------------------------------------------------------------------------------------

/** The name of a row: an error, or an error and its reason. */
export type ErrorKey =
  | Exclude<HttpError["_tag"], "ModelError" | "SandboxError">
  | `ModelError.${ModelErrorReason["_tag"]}`
  | `SandboxError.${SandboxErrorReason["_tag"]}`;

interface Facts {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  /**
   * Whether the same request may succeed later; it becomes `x-should-retry` where clients would retry by
   * themselves.
   */
  readonly retry: boolean;
  readonly when: string;
}

const invalid = (status: number, code: string | null, when: string): Facts => ({
  status,
  type: "invalid_request_error",
  code,
  retry: false,
  when,
});

const server = (status: number, code: string, retry: boolean, when: string): Facts => ({
  status,
  type: "server_error",
  code,
  retry,
  when,
});

/** What a caller is told for each error, but for the words of the message. */
export const errorTable: { readonly [K in ErrorKey]: Facts } = {
  InvalidRequest: invalid(400, null, "The body is not JSON, a field is wrong, or a parameter is not supported."),
  "ModelError.ContextTooLong": invalid(400, "context_length_exceeded", "The conversation does not fit the model."),
  "ModelError.PromptBlocked": invalid(400, "content_filter", "The provider refuses this prompt."),
  "ModelError.RequestRefused": invalid(400, "provider_refused_request", "The provider refuses a parameter."),
  FileError: invalid(400, "invalid_file", "An attached file cannot be written to the workspace."),
  Unauthorized: invalid(401, "invalid_api_key", "The credential is missing, wrong or expired."),
  UnknownUrl: invalid(404, "unknown_url", "There is nothing at this URL."),
  SessionNotFound: invalid(404, "session_not_found", "The user has no such session, or it has expired."),
  ModelNotFound: invalid(
    404,
    "model_not_found",
    "No configured provider serves this model; the message lists which do.",
  ),
  ArtifactNotFound: invalid(404, "artifact_not_found", "There is no such file in this user's workspace."),
  LinkExpired: invalid(410, "link_expired", "The link to a file is past its time; ask for a new one."),
  ArtifactTooLarge: invalid(413, "artifact_too_large", "The file is larger than MCP_ARTIFACT_SIZE_LIMIT_MB."),
  RangeNotSatisfiable: invalid(416, "range_not_satisfiable", "The range begins behind the end of the file."),
  MethodNotAllowed: invalid(405, "method_not_supported", "The URL exists for other methods; see the `allow` header."),
  BodyTooLarge: invalid(413, "request_too_large", "The body is larger than CAISSON_BODY_BYTES_MAX."),
  UnsupportedMediaType: invalid(415, "unsupported_media_type", "The content-type is not application/json."),
  UnknownCallAnswered: invalid(400, "invalid_value", "A tool message answers no call of the conversation."),
  RunCancelled: invalid(409, "run_cancelled", "The run was cancelled; what it completed is in its session."),
  IdempotencyKeyReused: invalid(422, "idempotency_key_reused", "An Idempotency-Key came with another request before."),
  TooManyRequests: {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    retry: true,
    when: "The principal or the user has reached a limit of this server.",
  },
  SpendingLimitReached: {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    retry: false,
    when: "The principal or the user has used what it may in a day.",
  },
  "ModelError.RateLimited": {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    retry: true,
    when: "The provider asks to slow down.",
  },
  "ModelError.QuotaExhausted": {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    retry: false,
    when: "The account behind the provider key is used up.",
  },
  InternalError: server(500, "internal_error", false, "A bug; the log has it under the request id."),
  "ModelError.BadCredentials": server(502, "provider_credentials", false, "The provider refuses the server's key."),
  "ModelError.ConnectionLost": server(502, "provider_connection", true, "The connection to the provider was lost."),
  "ModelError.BadOutput": server(502, "provider_bad_output", true, "The provider sent what is not its format."),
  ToolServerUnavailable: server(502, "tool_server_unavailable", true, "The MCP server does not answer."),
  "SandboxError.SandboxLost": server(502, "sandbox_lost", false, "The sandbox died under the request."),
  "SandboxError.StartFailed": server(502, "sandbox_start_failed", true, "A sandbox did not come up."),
  "ModelError.Unavailable": server(503, "provider_unavailable", true, "The provider is overloaded or broken."),
  "SandboxError.RuntimeUnavailable": server(503, "sandbox_unavailable", true, "The container engine does not answer."),
  "SandboxError.ImageMissing": server(503, "sandbox_image_missing", false, "The sandbox image is missing."),
  "SandboxError.NoCapacity": server(503, "sandbox_capacity", true, "Every sandbox is taken."),
  IdentityUnavailable: server(503, "identity_unavailable", true, "Credentials cannot be checked at the moment."),
  SessionsUnavailable: server(503, "sessions_unavailable", true, "The session store does not answer."),
  UsageLedgerUnavailable: server(503, "usage_unavailable", true, "The usage ledger cannot be read."),
  LimitsUnavailable: server(503, "limits_unavailable", true, "Rate limits cannot be checked at the moment."),
  ShuttingDown: server(503, "shutting_down", true, "The server is going down."),
  "ModelError.TimedOut": server(504, "provider_timeout", true, "The provider was silent for too long."),
};

// Reply ------------------------------------------------------------------------------------------

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

interface Words {
  readonly key: ErrorKey;
  readonly message: string;
  readonly param?: string | null;
  readonly code?: string | null;
  readonly retryAfterMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Characters of a caller's own text that an error repeats. */
const quotedMax = 200;
const quoted = (text: string) => cutText(text, quotedMax);

const modelWords = (provider: string, model: string, reason: ModelErrorReason): Words => {
  switch (reason._tag) {
    case "RateLimited":
      return {
        key: "ModelError.RateLimited",
        message: `Rate limit reached for ${model} at ${provider}. Please try again later.`,
        retryAfterMs: reason.retryAfterMs,
      };
    case "QuotaExhausted":
      return {
        key: "ModelError.QuotaExhausted",
        message: `The ${provider} account of this server has exceeded its quota.`,
      };
    case "ContextTooLong":
      return {
        key: "ModelError.ContextTooLong",
        message: `This conversation is longer than the context of ${model}.`,
        param: "messages",
      };
    case "PromptBlocked":
      return {
        key: "ModelError.PromptBlocked",
        message: `${provider} refuses this prompt: ${quoted(reason.why)}`,
        param: "messages",
      };
    case "BadCredentials":
      return { key: "ModelError.BadCredentials", message: `${provider} refuses the key of this server.` };
    case "RequestRefused":
      return {
        key: "ModelError.RequestRefused",
        message: `${provider} refuses this request for ${model}: a parameter or a message is not supported by it.`,
      };
    case "Unavailable":
      return {
        key: "ModelError.Unavailable",
        message: `${provider} is overloaded or not available. Please try again later.`,
        retryAfterMs: reason.retryAfterMs,
      };
    case "ConnectionLost":
      return { key: "ModelError.ConnectionLost", message: `The connection to ${provider} was lost.` };
    case "TimedOut":
      return {
        key: "ModelError.TimedOut",
        message: `${provider} did not answer within ${reason.limitMs / 1000} seconds (${reason.phase}).`,
      };
    case "BadOutput":
      return { key: "ModelError.BadOutput", message: `${provider} sent an answer that cannot be understood.` };
  }
};

const sandboxWords = (reason: SandboxErrorReason): Words => {
  switch (reason._tag) {
    case "RuntimeUnavailable":
      return { key: "SandboxError.RuntimeUnavailable", message: "The sandbox runtime is not available." };
    case "ImageMissing":
      return {
        key: "SandboxError.ImageMissing",
        message: `The sandbox image ${reason.image} is missing and could not be built.`,
      };
    case "StartFailed":
      return { key: "SandboxError.StartFailed", message: "The sandbox did not start." };
    case "SandboxLost":
      return {
        key: "SandboxError.SandboxLost",
        message: "The sandbox was lost while it worked; the next request gets a fresh one.",
      };
    case "NoCapacity":
      return {
        key: "SandboxError.NoCapacity",
        message: reason.scope === "principal"
          ? `All ${reason.limit} sandboxes of this key are in use.`
          : `All ${reason.limit} sandboxes of this server are in use.`,
        retryAfterMs: capacityRetryMs,
      };
  }
};

/** Sandboxes come free by idling out, not in an instant. */
const capacityRetryMs = 5_000;

const words = (error: HttpError): Words => {
  switch (error._tag) {
    case "ModelError":
      return modelWords(error.provider, error.model, error.reason);
    case "SandboxError":
      return sandboxWords(error.reason);
    case "ModelNotFound":
      return { key: error._tag, message: error.message, param: "model" };
    case "ToolServerUnavailable":
      return { key: error._tag, message: "The tool server is not available." };
    case "Unauthorized":
      return { key: error._tag, message: error.message, headers: { "www-authenticate": "Bearer" } };
    case "IdentityUnavailable":
      return { key: error._tag, message: "Credentials cannot be checked at the moment. Please try again later." };
    case "SessionsUnavailable":
      return { key: error._tag, message: "The session store is not available." };
    case "SessionNotFound":
      return { key: error._tag, message: `No such session: ${quoted(error.id)}` };
    case "TooManyRequests":
      return {
        key: error._tag,
        message: error.message,
        retryAfterMs: error.retryAfterMs,
        headers: {
          [`x-ratelimit-limit-${error.scope}`]: String(error.limit),
          [`x-ratelimit-remaining-${error.scope}`]: "0",
        },
      };
    case "SpendingLimitReached":
      return { key: error._tag, message: error.message, retryAfterMs: error.retryAfterMs };
    case "UsageLedgerUnavailable":
      return { key: error._tag, message: "The usage ledger cannot be read at the moment. Please try again later." };
    case "LimitsUnavailable":
      return { key: error._tag, message: "Rate limits cannot be checked at the moment. Please try again later." };
    case "FileError":
      return { key: error._tag, message: quoted(error.message), param: "messages" };
    case "InvalidRequest":
      return { key: error._tag, message: error.why, param: error.param, code: error.code };
    case "UnknownUrl":
      return { key: error._tag, message: `Unknown request URL: ${error.method} ${quoted(error.path)}` };
    case "MethodNotAllowed":
      return {
        key: error._tag,
        message: `Not allowed to ${error.method} on ${quoted(error.path)}`,
        headers: { allow: error.allow.join(", ") },
      };
    case "UnsupportedMediaType":
      return {
        key: error._tag,
        message: `Unsupported content-type '${quoted(error.contentType)}': expected application/json`,
      };
    case "BodyTooLarge":
      return { key: error._tag, message: `Request body too large: at most ${error.bytesMax} bytes are accepted` };
    case "ArtifactNotFound":
      return { key: error._tag, message: "There is no such artifact." };
    case "LinkExpired":
      return { key: error._tag, message: "This link has expired." };
    case "ArtifactTooLarge":
      return { key: error._tag, message: `The file is larger than the limit of ${error.bytesMax} bytes.` };
    case "RangeNotSatisfiable":
      return {
        key: error._tag,
        message: `The file has ${error.sizeBytes} bytes.`,
        headers: { "content-range": `bytes */${error.sizeBytes}` },
      };
    case "IdempotencyKeyReused":
      return { key: error._tag, message: "This Idempotency-Key was used with a different request." };
    case "UnknownCallAnswered":
      return {
        key: error._tag,
        message: `Messages with role 'tool' must answer a preceding call: there is no call '${quoted(error.callId)}'`,
        param: "messages",
      };
    case "RunCancelled":
      return { key: error._tag, message: "The run was cancelled." };
    case "ShuttingDown":
      return { key: error._tag, message: "The server is shutting down. Please retry." };
    case "InternalError":
      return { key: error._tag, message: "The server had an error while processing your request." };
  }
};

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
}

/** Turns any error into what goes over the wire. */
export const toReply = (error: HttpError, options: ReplyOptions = {}): ErrorReply => {
  const { key, message, param = null, code, retryAfterMs, headers = {} } = words(error);
  const facts = errorTable[key];
  const retry = facts.retry && options.toolsHaveRun !== true && (retryAfterMs ?? 0) <= retryAfterMsMax;
  return {
    status: facts.status,
    headers: {
      ...headers,
      ...(retriedByClients(facts.status) ? { "x-should-retry": String(retry) } : {}),
      ...(retryAfterMs === undefined ? {} : {
        "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
        "retry-after-ms": String(Math.max(1, Math.round(retryAfterMs))),
      }),
    },
    envelope: { error: { message, type: facts.type, param, code: code === undefined ? facts.code : code } },
  };
};
