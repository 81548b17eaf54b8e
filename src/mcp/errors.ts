/**
 * What the MCP server refuses, and in which words.
 *
 * Two closed unions and one exhaustive mapping each: an {@link RpcFailure} is the answer to one
 * JSON-RPC request, a {@link Refusal} is the answer to an HTTP request that reached no session.
 * Neither carries anything of the server's inside; causes go to the log.
 */
import { Schema } from "effect";
import type { LimitsUnavailable, TooManyRequests } from "../services/Limits.ts";
import type { ToolboxError } from "../services/Toolbox.ts";
import { headOf } from "../domain/cutText.ts";

/** JSON-RPC and MCP error codes; the specification fixes the numbers. */
export const rpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  refused: -32000,
  sessionNotFound: -32001,
  resourceNotFound: -32002,
  requestCancelled: -32800,
} as const;

/** The error answer to one JSON-RPC request; the SDK sends `code`, `message` and `data` as they are. */
export class RpcFailure extends Schema.TaggedError<RpcFailure>()("RpcFailure", {
  code: Schema.Int,
  message: Schema.String,
  data: Schema.optionalKey(Schema.Json),
}) {}

/** A method that this session does not offer. */
export const methodNotFound = (method: string): RpcFailure =>
  new RpcFailure({ code: rpcCode.methodNotFound, message: `Method not found: ${headOf(method, shownCharactersMax)}` });

/** Parameters that do not fit the method, in words that name the field. */
export const invalidParams = (why: string): RpcFailure => new RpcFailure({ code: rpcCode.invalidParams, message: why });

/** Anything that went wrong inside; the caller learns only that it did. */
export const internalError: RpcFailure = new RpcFailure({ code: rpcCode.internalError, message: "Internal error" });

/** Text of a caller is echoed no longer than this. */
const shownCharactersMax = 64;

/** What the caller of a tool is told when the machinery under it failed. */
export const toolboxFailureText = (error: ToolboxError): string => {
  switch (error._tag) {
    case "ToolServerUnavailable":
      return "The tool server is not available. Try again later.";
    case "SandboxError":
      switch (error.reason._tag) {
        case "RuntimeUnavailable":
          return "The sandbox runtime is not available. Try again later.";
        case "ImageMissing":
          return "The sandbox image is missing on this server.";
        case "StartFailed":
          return "The sandbox did not start. Try again later.";
        case "SandboxLost":
          return "The sandbox was lost while the command ran; the next call gets a new one.";
        case "NoCapacity":
          return error.reason.scope === "principal"
            ? "Too many of your sandboxes are running. Try again when one has stopped."
            : "Every sandbox of this server is taken. Try again later.";
      }
  }
};

// Refusals of HTTP requests --------------------------------------------------------------------

/** The `Host` header names a host this server does not answer to: a rebound DNS name, or a missing setting. */
export class ForeignHost extends Schema.TaggedError<ForeignHost>()("ForeignHost", {}) {}
/** A web page of another origin called. */
export class ForeignOrigin extends Schema.TaggedError<ForeignOrigin>()("ForeignOrigin", {}) {}
/** No credential, or one that is not known. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>()("Unauthenticated", {}) {}
/** Credentials cannot be checked at the moment. */
export class CredentialsUnavailable
  extends Schema.TaggedError<CredentialsUnavailable>()("CredentialsUnavailable", {}) {}
/** A header that names a user or a session cannot be used as one. */
export class HeaderRefused extends Schema.TaggedError<HeaderRefused>()("HeaderRefused", {
  header: Schema.String,
}) {}
/** The method is none of POST, GET and DELETE. */
export class MethodRefused extends Schema.TaggedError<MethodRefused>()("MethodRefused", {}) {}
/** The body is longer than the limit. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", { bytesMax: Schema.Int }) {}
/** The body could not be read to its end. */
export class BodyUnreadable extends Schema.TaggedError<BodyUnreadable>()("BodyUnreadable", {}) {}
/** The body is not JSON. */
export class MalformedJson extends Schema.TaggedError<MalformedJson>()("MalformedJson", {}) {}
/** The body is JSON but no JSON-RPC message. */
export class MalformedMessage extends Schema.TaggedError<MalformedMessage>()("MalformedMessage", {}) {}
/** A request outside a session that does not open one. */
export class SessionRequired extends Schema.TaggedError<SessionRequired>()("SessionRequired", {}) {}
/** No such session, or another owner's: the two are told apart by nobody. */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>()("SessionNotFound", {}) {}
/** A cap on sessions is reached. */
export class TooManySessions extends Schema.TaggedError<TooManySessions>()("TooManySessions", {
  scope: Schema.Literals(["owner", "principal", "server"]),
  limit: Schema.Int,
}) {}
/** A stream cannot be resumed after this event: it is not kept, or nothing follows it. */
export class EventForgotten extends Schema.TaggedError<EventForgotten>()("EventForgotten", {}) {}
/** The session has as many requests and streams open as it may. */
export class SessionBusy extends Schema.TaggedError<SessionBusy>()("SessionBusy", { limit: Schema.Int }) {}
/** A protocol revision that is not spoken here. */
export class UnsupportedVersion extends Schema.TaggedError<UnsupportedVersion>()("UnsupportedVersion", {
  requested: Schema.String,
  supported: Schema.Array(Schema.String),
}) {}

/** Every reason for which an HTTP request is refused before a session sees it. */
export type Refusal =
  | ForeignHost
  | ForeignOrigin
  | Unauthenticated
  | CredentialsUnavailable
  | HeaderRefused
  | MethodRefused
  | BodyTooLarge
  | BodyUnreadable
  | MalformedJson
  | MalformedMessage
  | SessionRequired
  | SessionNotFound
  | TooManySessions
  | EventForgotten
  | SessionBusy
  | TooManyRequests
  | LimitsUnavailable
  | UnsupportedVersion;

/** A refusal as it goes out. */
export interface RefusalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly jsonrpc: "2.0";
    readonly id: null;
    readonly error: { readonly code: number; readonly message: string; readonly data?: Schema.Json };
  };
}

const answer = (
  status: number,
  code: number,
  message: string,
  more: { readonly data?: Schema.Json; readonly headers?: Readonly<Record<string, string>> } = {},
): RefusalAnswer => ({
  status,
  headers: more.headers ?? {},
  body: { jsonrpc: "2.0", id: null, error: { code, message, ...(more.data !== undefined && { data: more.data }) } },
});

/** Seconds after which a caller over a cap may ask again. */
const retryAfterSeconds = "30";

const tooManySessionsText = ({ scope, limit }: TooManySessions): string => {
  switch (scope) {
    case "owner":
      return `Too many sessions: one user may have ${limit}; close one or wait`;
    case "principal":
      return `Too many sessions: all users of one key may have ${limit}, and none of them is idle; wait`;
    case "server":
      return "Too many sessions on this server: wait";
  }
};

/** The answer to a refused request: total over the union, and nothing of the server's inside in it. */
export const answerOf = (refusal: Refusal): RefusalAnswer => {
  switch (refusal._tag) {
    case "ForeignHost":
      return answer(403, rpcCode.refused, "Forbidden: this host name is not served here");
    case "ForeignOrigin":
      return answer(403, rpcCode.refused, "Forbidden: this origin may not call this server");
    case "Unauthenticated":
      return answer(401, rpcCode.refused, "Unauthorized: show a valid API key as a bearer token", {
        headers: { "www-authenticate": "Bearer" },
      });
    case "CredentialsUnavailable":
      return answer(503, rpcCode.refused, "Credentials cannot be checked at the moment: try again later", {
        headers: { "retry-after": retryAfterSeconds },
      });
    case "HeaderRefused":
      return answer(400, rpcCode.invalidRequest, `Bad request: the header ${refusal.header} has no usable value`);
    case "MethodRefused":
      return answer(405, rpcCode.refused, "Method not allowed", { headers: { allow: "GET, POST, DELETE" } });
    case "BodyTooLarge":
      return answer(413, rpcCode.refused, `Payload too large: a body may have ${refusal.bytesMax} bytes`);
    case "BodyUnreadable":
      return answer(400, rpcCode.invalidRequest, "Bad request: the body could not be read");
    case "MalformedJson":
      return answer(400, rpcCode.parseError, "Parse error: the body is not JSON");
    case "MalformedMessage":
      return answer(400, rpcCode.invalidRequest, "Invalid request: the body is no JSON-RPC 2.0 message");
    case "SessionRequired":
      return answer(400, rpcCode.refused, "Bad request: send initialize first, then the header Mcp-Session-Id");
    case "SessionNotFound":
      return answer(404, rpcCode.sessionNotFound, "Session not found");
    case "TooManySessions":
      return answer(refusal.scope === "server" ? 503 : 429, rpcCode.refused, tooManySessionsText(refusal), {
        headers: { "retry-after": retryAfterSeconds },
      });
    case "EventForgotten":
      return answer(400, rpcCode.refused, "Bad request: no stream can be resumed after this event");
    case "SessionBusy":
      return answer(429, rpcCode.refused, `Too many requests: a session may have ${refusal.limit} open at once`, {
        headers: { "retry-after": "1" },
      });
    case "TooManyRequests":
      return answer(429, rpcCode.refused, refusal.message, {
        headers: { "retry-after": String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))) },
      });
    case "LimitsUnavailable":
      return answer(503, rpcCode.refused, "Rate limits cannot be checked at the moment: try again later", {
        headers: { "retry-after": retryAfterSeconds },
      });
    case "UnsupportedVersion":
      return answer(
        400,
        // A code of its own for versions exists since 2026-07-28, and there it forbids to fall back to initialize.
        rpcCode.methodNotFound,
        `Unsupported protocol version ${
          headOf(refusal.requested, shownCharactersMax)
        }: begin with initialize; supported are ${refusal.supported.join(", ")}`,
      );
  }
};
