/**
 * What the MCP server refuses, and in which words.
 *
 * Two closed unions: an {@link RpcFailure} is the answer to one
 * JSON-RPC request, a {@link Refusal} is the answer to an HTTP request that reached no session.
 * Neither carries anything of the server's inside; causes go to the log.
 */
import { Schema } from "effect";
import { headOf } from "../domain/cutText.ts";
import type { ToolboxError } from "../services/Toolbox.ts";
import { invalid, type Row, type RowKey, type Rows, server } from "../web/errors/Row.ts";
import { type SharedError, sharedRows } from "../web/errors/sharedRows.ts";

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
export const internalError = (): RpcFailure =>
  new RpcFailure({ code: rpcCode.internalError, message: "Internal error" });

/** Text of a caller is echoed no longer than this. */
const shownCharactersMax = 64;

/** What the caller of a tool is told when the machinery under it failed. */
export const toolboxFailureText = (error: ToolboxError): string => rows[keyOf(error)].message(error);

// Refusals of HTTP requests --------------------------------------------------------------------

/** The `Host` header names a host this server does not answer to: a rebound DNS name, or a missing setting. */
export class ForeignHost extends Schema.TaggedError<ForeignHost>()("ForeignHost", {}) {}
/** A header that names a user or a session cannot be used as one. */
export class HeaderRefused extends Schema.TaggedError<HeaderRefused>()("HeaderRefused", {
  header: Schema.String,
}) {}
/** The method is none of POST, GET and DELETE. */
export class MethodRefused extends Schema.TaggedError<MethodRefused>()("MethodRefused", {}) {}
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

/** Reasons for a refusal that only this door has. */
type OwnRefusal =
  | ForeignHost
  | HeaderRefused
  | MethodRefused
  | MalformedMessage
  | SessionRequired
  | SessionNotFound
  | TooManySessions
  | EventForgotten
  | SessionBusy
  | UnsupportedVersion;

/** Every reason for which an HTTP request is refused before a session sees it. */
export type Refusal = OwnRefusal | Exclude<SharedError, ToolboxError>;

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

// Table ------------------------------------------------------------------------------------------

/** Time after which a caller over a cap may ask again. */
const capRetryMs = 30_000;
/** A request of the same session ends soon. */
const busyRetryMs = 1_000;

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

const ownRows: Rows<OwnRefusal> = {
  ForeignHost: invalid(403, "host_not_allowed", "The Host header names a host that this server does not answer to.", {
    message: () => "Forbidden: this host name is not served here",
  }),
  HeaderRefused: invalid(400, "invalid_header", "A header that names a user or a session cannot be used as one.", {
    rpcCode: rpcCode.invalidRequest,
    message: ({ header }) => `Bad request: the header ${header} has no usable value`,
  }),
  MethodRefused: invalid(405, "method_not_supported", "The method is none of POST, GET and DELETE.", {
    message: () => "Method not allowed",
    headers: () => ({ allow: "GET, POST, DELETE" }),
  }),
  MalformedMessage: invalid(400, "invalid_message", "The body is JSON but no JSON-RPC message.", {
    rpcCode: rpcCode.invalidRequest,
    message: () => "Invalid request: the body is no JSON-RPC 2.0 message",
  }),
  SessionRequired: invalid(400, "session_required", "A request outside a session that does not open one.", {
    message: () => "Bad request: send initialize first, then the header Mcp-Session-Id",
  }),
  SessionNotFound: invalid(404, "session_not_found", "There is no such session, or it is another owner's.", {
    rpcCode: rpcCode.sessionNotFound,
    message: () => "Session not found",
  }),
  TooManySessions: {
    ...server(503, "too_many_sessions", true, "A cap on sessions is reached; 429 where it is the caller's own.", {
      message: tooManySessionsText,
      retryAfterMs: () => capRetryMs,
    }),
    statusOf: ({ scope }) => scope === "server" ? 503 : 429,
  },
  EventForgotten: invalid(400, "event_forgotten", "A stream cannot be resumed after this event.", {
    message: () => "Bad request: no stream can be resumed after this event",
  }),
  SessionBusy: {
    ...invalid(429, "session_busy", "The session has as many requests and streams open as it may.", {
      message: ({ limit }) => `Too many requests: a session may have ${limit} open at once`,
      retryAfterMs: () => busyRetryMs,
    }),
    retry: true,
  },
  UnsupportedVersion: invalid(400, "unsupported_version", "A protocol revision that is not spoken here.", {
    // A code of its own for versions exists since 2026-07-28, and there it forbids to fall back to initialize.
    rpcCode: rpcCode.methodNotFound,
    message: ({ requested, supported }) =>
      `Unsupported protocol version ${headOf(requested, shownCharactersMax)}: begin with initialize; supported are ${
        supported.join(", ")
      }`,
  }),
};

/** A row for everything that this door refuses; what both doors refuse is told in the same words. */
export const refusalTable: Rows<Refusal | ToolboxError> = { ...sharedRows, ...ownRows };

const rows: { readonly [K in RowKey<Refusal | ToolboxError>]: Row<Refusal | ToolboxError> } = refusalTable;

const keyOf = (error: Refusal | ToolboxError): RowKey<Refusal | ToolboxError> =>
  error._tag === "SandboxError" ? `SandboxError.${error.reason._tag}` : error._tag;

/** The answer to a refused request: nothing of the server's inside is in it. */
export const answerOf = (refusal: Refusal): RefusalAnswer => {
  const row = rows[keyOf(refusal)];
  const retryAfterMs = row.retryAfterMs?.(refusal);
  return {
    status: row.statusOf?.(refusal) ?? row.status,
    headers: {
      ...row.headers?.(refusal),
      ...(retryAfterMs !== undefined && { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
    },
    body: {
      jsonrpc: "2.0",
      id: null,
      error: {
        code: row.rpcCode ?? rpcCode.refused,
        message: row.message(refusal),
      },
    },
  };
};
