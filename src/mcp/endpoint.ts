/**
 * The `/mcp` endpoint: an HTTP request either reaches a session of its own caller or is refused.
 */
import { Effect, Exit, Option, Schema, type Scope, Stream } from "effect";
import { type HttpServerRequest, HttpServerResponse } from "effect/http";
// @ts-types="@modelcontextprotocol/sdk/types"
import { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
import type { SettingsService } from "../config.ts";
import type { LimitsService } from "../services/Limits.ts";
import { type BodiesService, parseJson } from "../web/body.ts";
import type { Caller, CallersService } from "./callers.ts";
import {
  answerOf,
  MalformedMessage,
  MethodRefused,
  type Refusal,
  SessionRequired,
  UnsupportedVersion,
} from "./errors.ts";
import { McpNotes } from "./requestFrame.ts";
import type { Heard } from "./Session.ts";
import type { Session, SessionTable } from "./sessions.ts";

/** What the endpoint works with. */
export interface EndpointParts {
  readonly sessions: SessionTable;
  readonly callers: CallersService;
  readonly limits: LimitsService;
  readonly bodies: BodiesService;
  /** Fails when the request's host or origin is not served. */
  readonly checkAddress: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<void, Refusal>;
  readonly settings: Pick<SettingsService, "bodyBytesMax">;
}

/** The key of the revision a request of 2026-07-28 and later names in its own `_meta`. */
const envelopeVersionKey = "io.modelcontextprotocol/protocolVersion";

/** As much of a message as decides where it goes; the SDK checks the rest. */
const Peeked = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Struct({
    _meta: Schema.optionalKey(Schema.Struct({ [envelopeVersionKey]: Schema.optionalKey(Schema.String) })),
    requestId: Schema.optionalKey(Schema.Unknown),
    /** Of a call: its tool. */
    name: Schema.optionalKey(Schema.Unknown),
  })),
});
type Peeked = typeof Peeked.Type;
const peek = Schema.decodeUnknownOption(Peeked);

/**
 * Answers one request to `/mcp`; every refusal is an answer.
 *
 * *Details*: host and origin are checked first, then the caller, then the body. The session counts as
 * used until the response is sent, streams included.
 */
export const makeEndpoint = ({ sessions, callers, limits, bodies, checkAddress, settings }: EndpointParts) => {
  const readBody = (request: HttpServerRequest.HttpServerRequest) =>
    Effect.flatMap(bodies.text(request, { bytesMax: settings.bodyBytesMax }), parseJson);

  const open = Effect.fnUntraced(function* (caller: Caller, message: Peeked, body: unknown, web: Request) {
    if (message.method !== "initialize") return yield* new SessionRequired();
    const session = yield* sessions.open(caller);
    return yield* session.handle(web, body).pipe(
      // A first request that was refused leaves no session behind.
      Effect.onExit((exit) => Exit.isSuccess(exit) && exit.value.ok ? Effect.void : session.close),
    );
  });

  const pass = Effect.fnUntraced(function* (session: Session, web: Request, body: unknown, heard: Heard) {
    const response = yield* session.handle(web, body, heard);
    if (web.method === "DELETE" && response.ok) yield* session.close;
    return response;
  });

  const serve = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    tell: (id: Peeked["id"]) => void,
  ): Effect.fn.Return<Response, Refusal, Scope.Scope> {
    yield* checkAddress(request);
    if (!["POST", "GET", "DELETE"].includes(request.method)) return yield* new MethodRefused();
    const notes = yield* McpNotes;
    const caller = yield* callers.of(request.headers);
    notes.user = caller.shown;
    const body = request.method === "POST" ? yield* readBody(request) : undefined;
    // Batches belong to older revisions and only to open sessions; the SDK bounds and checks them.
    const message = Array.isArray(body) ? Option.none<Peeked>() : peek(body);
    if (Option.isSome(message)) {
      tell(message.value.id);
      noteMessage(notes, message.value);
    }
    yield* checkVersion(request, message);
    const web = new Request(mcpUrl, { method: request.method, headers: transportHeaders(request) });
    const id = request.headers["mcp-session-id"];
    if (id !== undefined) {
      const session = yield* sessions.use(id, caller);
      // Every call of a batch counts, and holds its place until the response is sent.
      for (let calls = callsIn(body); calls > 0; calls--) yield* limits.admit(caller.owner);
      return yield* pass(session, web, body, heardIn(message));
    }
    if (request.method !== "POST") return yield* new SessionRequired();
    if (Option.isNone(message)) return yield* Array.isArray(body) ? new SessionRequired() : new MalformedMessage();
    return yield* open(caller, message.value, body, web);
  });

  return (
    request: HttpServerRequest.HttpServerRequest,
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope> =>
    Effect.suspend(() => {
      let id: Peeked["id"];
      return serve(request, (told) => {
        id = told;
      }).pipe(
        Effect.map(answered),
        Effect.catch((refusal) => {
          const { status, headers, body } = answerOf(refusal);
          return Effect.as(
            Effect.map(McpNotes, (notes) => {
              notes.error = refusal._tag;
            }),
            HttpServerResponse.jsonUnsafe({ ...body, id: id ?? null }, { status, headers }),
          );
        }),
      );
    });
};

/** A name that may stand in a line of the log. */
const harmlessName = /^[\w./-]{1,64}$/;

const noteMessage = (notes: McpNotes, { method, params }: Peeked): void => {
  if (method !== undefined && harmlessName.test(method)) notes.method = method;
  if (method === "tools/call" && typeof params?.name === "string" && harmlessName.test(params.name)) {
    notes.tool = params.name;
  }
};

const isCall = Schema.is(Schema.Struct({ method: Schema.Literal("tools/call") }));

/** How many tools a body calls. */
const callsIn = (body: unknown): number => (Array.isArray(body) ? body : [body]).filter(isCall).length;

/** What a message means to the cancellation of calls. */
const heardIn = (message: Option.Option<Peeked>): Heard => {
  if (Option.isNone(message)) return {};
  const { id, method, params } = message.value;
  const requestId = params?.requestId;
  return method === "notifications/cancelled" && (typeof requestId === "string" || typeof requestId === "number")
    ? { cancels: requestId }
    : method === undefined
    ? {}
    : { id };
};

/** The headers that the SDK's transport reads. No other reaches it: credentials have done their work. */
const transportHeaderNames = ["accept", "content-type", "last-event-id", "mcp-protocol-version", "mcp-session-id"];

/** The two types an answer may have; the transport looks for them by name. */
const answerTypes = ["application/json", "text/event-stream"] as const;

/** Whether a header `Accept` takes a type by a wildcard; its weights are of no interest where both are needed. */
const takesByWildcard = (accept: string, type: string): boolean =>
  accept.split(",").some((range) => {
    const [name = ""] = range.split(";", 1);
    return name.trim() === "*/*" || name.trim() === `${type.slice(0, type.indexOf("/"))}/*`;
  });

/** The header as the transport reads it: what a wildcard takes stands in it by name. */
const acceptedTypes = (accept: string): string =>
  [accept, ...answerTypes.filter((type) => takesByWildcard(accept, type))].join(", ");

const transportHeaders = ({ headers }: HttpServerRequest.HttpServerRequest): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const name of transportHeaderNames) {
    const value = headers[name];
    if (value !== undefined) found[name] = name === "accept" ? acceptedTypes(value.toLowerCase()) : value;
  }
  return found;
};

/** Written first of all: Node sends the head of an answer with its first bytes, and an event may be long in coming. */
const noBytes = new Uint8Array(0);

/** The transport's answer; its head leaves at once, and its body is cancelled when the client goes. */
const answered = ({ status, headers, body }: Response): HttpServerResponse.HttpServerResponse => {
  const options = { status, headers: Object.fromEntries(headers) };
  return body === null ? HttpServerResponse.empty(options) : HttpServerResponse.stream(
    Stream.prepend(Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause }), [noBytes]),
    options,
  );
};

/** The SDK reads only path and query of a request's address; its host was checked before. */
const mcpUrl = "http://localhost/mcp";

const checkVersion = (request: HttpServerRequest.HttpServerRequest, message: Option.Option<Peeked>) => {
  const named = Option.getOrUndefined(message)?.params?._meta?.[envelopeVersionKey] ??
    request.headers["mcp-protocol-version"];
  return named === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(named)
    ? Effect.void
    : Effect.fail(new UnsupportedVersion({ requested: named, supported: SUPPORTED_PROTOCOL_VERSIONS }));
};
