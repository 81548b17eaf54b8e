/**
 * The rows of the errors that both doors tell: who calls, from where, with which body, and what is
 * missing under the tools.
 */
import type { IdentityUnavailable, Unauthorized } from "../../services/Identity.ts";
import type { LimitsUnavailable, TooManyRequests } from "../../services/Limits.ts";
import type { ToolboxError } from "../../services/Toolbox.ts";
import type { BodyError, JsonError } from "../BodyError.ts";
import type { ForeignOrigin } from "../origins.ts";
import type { ParserError } from "../ParserError.ts";
import { invalid, quoted, type Rows, server } from "./Row.ts";

/** Errors that both doors tell. */
export type SharedError =
  | Unauthorized
  | IdentityUnavailable
  | ForeignOrigin
  | BodyError
  | JsonError
  | ParserError
  | TooManyRequests
  | LimitsUnavailable
  | ToolboxError;

/** Sandboxes come free by idling out, not in an instant. */
const capacityRetryMs = 5_000;
/** A store that does not answer now is seldom back at once. */
const unavailableRetryMs = 5_000;
/** Large bodies that are on their way arrive or are given up within seconds. */
const bodiesRetryMs = 2_000;

/** JSON-RPC's own codes for a body that is no message; the specification fixes the numbers. */
const rpc = { parseError: -32_700, invalidRequest: -32_600 } as const;

/** What the client still sends is not read: the connection cannot be used again. */
const closed = () => ({ connection: "close" });

/** Rows about the request itself. */
const requestRows: Rows<BodyError | JsonError | ForeignOrigin> = {
  ForeignOrigin: invalid(403, "origin_not_allowed", "A web page of another origin called.", {
    message: () =>
      "Requests from web pages of this origin are not allowed: have the server's operator allow the origin, " +
      "or call from outside a browser.",
  }),
  MalformedJson: invalid(400, "invalid_json", "The body is not JSON.", {
    rpcCode: rpc.parseError,
    message: () => "We could not parse the JSON body of your request.",
  }),
  BodyNotUtf8: invalid(400, "invalid_json", "The body is not UTF-8.", {
    rpcCode: rpc.parseError,
    message: () =>
      "The request body is not UTF-8: some characters of it can be read in no way. Encode it as UTF-8 and send it again",
  }),
  JsonTooComplex: invalid(400, "json_too_complex", "The JSON body is nested too deeply or has too many values.", {
    rpcCode: rpc.invalidRequest,
    message: ({ bound, limit }) =>
      bound === "depth"
        ? `Expected JSON nested at most ${limit} levels deep: flatten it, or send the inner part as text`
        : `Expected JSON with at most ${limit} values and keys in all: send less at once, or send the data as a file`,
  }),
  BodyUnreadable: invalid(400, "unreadable_body", "The client stopped sending the body.", {
    rpcCode: rpc.invalidRequest,
    message: () => "The request body could not be read.",
  }),
  BodyTimedOut: invalid(408, "request_timeout", "The body arrives too slowly.", {
    message: ({ bytesPerSecondMin }) => `The request body arrives with less than ${bytesPerSecondMin} bytes a second.`,
    headers: closed,
  }),
  BodyTooLarge: invalid(413, "request_too_large", "The body is larger than CAISSON_BODY_BYTES_MAX.", {
    message: ({ bytesMax }) => `Request body too large: at most ${bytesMax} bytes are accepted`,
    headers: closed,
  }),
  UnsupportedMediaType: invalid(415, "unsupported_media_type", "The content-type is not application/json.", {
    message: ({ contentType }) => `Unsupported content-type '${quoted(contentType)}': expected application/json`,
  }),
  UnsupportedEncoding: invalid(415, "unsupported_encoding", "The body is compressed.", {
    message: ({ encoding }) => `Unsupported content-encoding '${quoted(encoding)}': send the body uncompressed`,
  }),
  TooManyBodies: server(503, "too_many_bodies", true, "Too many large bodies are being received at once.", {
    message: () => "The server is receiving too many large requests. Please try again.",
    retryAfterMs: () => bodiesRetryMs,
    headers: closed,
  }),
};

/** Rows about what never becomes a request. */
const parserRows: Rows<ParserError> = {
  RequestMalformed: invalid(400, "malformed_request", "What came is not HTTP/1.1, or breaks its rules.", {
    rpcCode: rpc.invalidRequest,
    message: () =>
      "What was sent is no request of HTTP/1.1: its first line, a header or the framing of its body is malformed. " +
      "This port speaks plain HTTP, without TLS",
    headers: closed,
  }),
  HeadersTooLarge: invalid(431, "headers_too_large", "The headers of the request are larger than 16 KiB.", {
    rpcCode: rpc.invalidRequest,
    message: ({ bytesMax }) => `The headers of the request are too large: at most ${bytesMax} bytes are read`,
    headers: closed,
  }),
  RequestTimedOut: invalid(408, "request_timeout", "The headers or the body are not there in their time.", {
    message: () => "The request did not arrive in time: its headers have a minute, the whole of it has five",
    headers: closed,
  }),
  ExpectationRefused: invalid(417, "expectation_failed", "The header Expect is not `100-continue`.", {
    message: () => "The header Expect asks for what is not done here: send 100-continue, or leave it out",
    headers: closed,
  }),
};

/** Rows about who calls and how often. */
const callerRows: Rows<Unauthorized | IdentityUnavailable | TooManyRequests | LimitsUnavailable> = {
  Unauthorized: invalid(401, "invalid_api_key", "The credential is missing, wrong or expired.", {
    message: (error) => error.message,
    headers: () => ({ "www-authenticate": "Bearer" }),
  }),
  IdentityUnavailable: server(503, "identity_unavailable", true, "Credentials cannot be checked at the moment.", {
    message: () => "Credentials cannot be checked at the moment. Please try again later.",
    retryAfterMs: () => unavailableRetryMs,
  }),
  TooManyRequests: {
    status: 429,
    type: "requests",
    code: "rate_limit_exceeded",
    retry: true,
    when: "The principal or the user has reached a limit of this server.",
    message: (error) => error.message,
    retryAfterMs: (error) => error.retryAfterMs,
    headers: (error) =>
      error.scope !== "requests" && error.scope !== "tokens" ? {} : {
        [`x-ratelimit-limit-${error.scope}`]: String(error.limit),
        [`x-ratelimit-remaining-${error.scope}`]: "0",
      },
  },
  LimitsUnavailable: server(503, "limits_unavailable", true, "Rate limits cannot be checked at the moment.", {
    message: () => "Rate limits cannot be checked at the moment. Please try again later.",
    retryAfterMs: () => unavailableRetryMs,
  }),
};

/** Rows about what is missing under the tools. */
const toolboxRows: Rows<ToolboxError> = {
  ToolServerUnavailable: server(502, "tool_server_unavailable", true, "The MCP server does not answer.", {
    message: () => "The tool server is not available. Please try again later.",
  }),
  "SandboxError.SandboxLost": server(502, "sandbox_lost", false, "The sandbox died under the request.", {
    message: () => "The sandbox was lost while it worked; the next call gets a fresh one.",
  }),
  "SandboxError.StartFailed": server(502, "sandbox_start_failed", true, "A sandbox did not come up.", {
    message: () => "The sandbox did not start. Please try again later.",
  }),
  "SandboxError.RuntimeUnavailable": server(503, "sandbox_unavailable", true, "The sandbox runtime does not answer.", {
    message: () => "The sandbox runtime is not available. Please try again later.",
  }),
  "SandboxError.ImageMissing": server(503, "sandbox_image_missing", false, "The sandbox image is missing.", {
    message: () => "The sandbox image is missing on this server.",
  }),
  "SandboxError.NoCapacity": server(503, "sandbox_capacity", true, "Every sandbox is taken.", {
    message: ({ reason }) =>
      reason.scope === "principal"
        ? `All ${reason.limit} sandboxes of this key are in use. Please try again when one has stopped.`
        : `All ${reason.limit} sandboxes of this server are in use. Please try again later.`,
    retryAfterMs: () => capacityRetryMs,
  }),
};

/** A row for every error that both doors tell. */
export const sharedRows: Rows<SharedError> = { ...requestRows, ...parserRows, ...callerRows, ...toolboxRows };
