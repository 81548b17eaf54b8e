/**
 * One connection to an MCP server, as a scoped value: its tools, its prompts, and calls that end.
 *
 * Every wait has a deadline, and while a call runs the server is asked now and then whether it is still
 * there, because a server that died takes the answer with it and nothing else would tell.
 */
import { Duration, Effect, Latch, Schema, type Scope } from "effect";
import { Client } from "@modelcontextprotocol/sdk/client";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolResultSchema, ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types";
import { version } from "../../domain/version.ts";
import { ToolServerUnavailable } from "../../services/Toolbox.ts";
import { CurrentSpan, traceparentOf } from "../../services/Tracing.ts";

/** Wait for a server to start, answer initialize and list its tools. */
const connectMax = Duration.seconds(20);
/** Wait for an answer that takes no work. */
const answerMax = Duration.seconds(10);
/** Wait for a server to take leave; it is gone anyway when it does not. */
const leaveMax = Duration.seconds(2);
/** How often a server is asked whether it is still there while a call runs. */
const heartbeat = Duration.seconds(15);
/** The longest call: the longest command our own server runs, and a minute for its start. */
const callMax = Duration.seconds(660);
/** Pages of a tool list; a server that offers more pages is not listed to its end. */
const toolPagesMax = 20;

/** The server no longer knows the session; the request was not carried out. */
export class SessionLost extends Schema.TaggedError<SessionLost>()("SessionLost", { server: Schema.String }) {}

/** The server refused a request in its own words, such as an unknown tool. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  code: Schema.Int,
  message: Schema.String,
}) {}

/** Everything a request can fail with. */
export type ConnectionError = ToolServerUnavailable | SessionLost | RequestRefused;

/** How a server is reached. */
export interface Endpoint {
  /** Its name in errors and logs. */
  readonly server: string;
  readonly makeTransport: () => Transport;
  /** Says goodbye before the transport closes, where the transport has a way to. */
  readonly leave: (transport: Transport) => Promise<void>;
  /** It is part of this deployment, so it is told the span of each call. */
  readonly tellsSpans?: boolean;
}

/** A live connection. */
export interface Connection {
  readonly tools: ReadonlyArray<Tool>;
  /** Succeeds when the server answers and still knows this session. */
  readonly alive: Effect.Effect<void, ToolServerUnavailable | SessionLost>;
  /**
   * Calls a tool; `onProgress` gets the message of each progress notification, and the server `meta` beside the
   * arguments.
   *
   * *Details*: interruption cancels the call on the server.
   */
  readonly call: (
    name: string,
    args: Readonly<Record<string, unknown>>,
    onProgress?: (message: string) => void,
    meta?: Readonly<Record<string, unknown>>,
  ) => Effect.Effect<CallToolResult, ConnectionError>;
  /** The text of a prompt that takes no arguments. */
  readonly prompt: (name: string) => Effect.Effect<string, ConnectionError>;
}

/** A rejection of the SDK as a typed error; its text is for the log. */
const failureOf = (server: string) => (cause: unknown): ConnectionError => {
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (httpStatus(cause) === 404) return new SessionLost({ server });
  if (cause instanceof McpError && !lostCodes.has(cause.code)) {
    return new RequestRefused({ code: cause.code, message: refusalText(cause) });
  }
  return new ToolServerUnavailable({ server, detail, cause });
};

/** Codes that the SDK itself makes when no answer came. */
const lostCodes: ReadonlySet<number> = new Set([ErrorCode.ConnectionClosed, ErrorCode.RequestTimeout]);

const decodeStatus = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.Literal(404) }));
const httpStatus = (cause: unknown): number | undefined =>
  cause instanceof McpError || decodeStatus(cause)._tag === "None" ? undefined : 404;

/** The SDK writes its own code before the server's words. */
const refusalText = (error: McpError): string => error.message.replace(/^MCP error -?\d+: /, "");

/** Makes a request of the SDK an effect that fails as this module's errors say. */
type Attempt = <A>(run: (signal: AbortSignal) => Promise<A>) => Effect.Effect<A, ConnectionError>;

/** All tools of a server, page by page. */
const listTools = Effect.fnUntraced(function* (client: Client, attempt: Attempt) {
  const tools: Array<Tool> = [];
  let cursor: string | undefined;
  for (let page = 0; page < toolPagesMax; page++) {
    const listed = yield* attempt((signal) => client.listTools(cursor === undefined ? {} : { cursor }, { signal }));
    tools.push(...listed.tools);
    cursor = listed.nextCursor;
    if (cursor === undefined) break;
  }
  return tools;
});

/** Fails when the server is gone, asking it at every sign of trouble and once in a while. */
const watching = <E>(doubt: Latch.Latch, ping: Effect.Effect<void, E>): Effect.Effect<never, E> =>
  Effect.forever(
    Effect.suspend(() => {
      doubt.closeUnsafe();
      return doubt.await;
    }).pipe(Effect.timeoutOption(heartbeat), Effect.andThen(ping)),
  );

/**
 * Connects to a server and lists its tools; the connection closes with the scope.
 *
 * *Fails with* `ToolServerUnavailable`.
 */
export const connect: (endpoint: Endpoint) => Effect.Effect<Connection, ToolServerUnavailable, Scope.Scope> = Effect
  .fnUntraced(function* ({ server, makeTransport, leave, tellsSpans = false }) {
    const failed = failureOf(server);
    const unavailable = (detail: string) => new ToolServerUnavailable({ server, detail });
    const attempt: Attempt = (run) => Effect.tryPromise({ try: run, catch: failed });
    const within = (limit: Duration.Duration) => <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.timeoutOrElse(effect, {
        duration: limit,
        orElse: () => Effect.fail(unavailable(`no answer within ${Duration.format(limit)}`)),
      });

    const client = new Client({ name: "caisson", version });
    const doubt = yield* Latch.make();
    client.onerror = () => {
      doubt.openUnsafe();
    };
    const transport = makeTransport();
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => leave(transport).catch(() => undefined)).pipe(
        Effect.timeoutOption(leaveMax),
        Effect.andThen(Effect.promise(() => client.close().catch(() => undefined))),
        Effect.timeoutOption(leaveMax),
      )
    );

    const tools = yield* attempt((signal) => client.connect(transport, { signal })).pipe(
      Effect.andThen(
        Effect.suspend(() =>
          client.getServerCapabilities()?.tools === undefined ? Effect.succeed([]) : listTools(client, attempt)
        ),
      ),
      within(connectMax),
      Effect.catchTags({
        SessionLost: () => Effect.fail(unavailable("nothing at this address speaks MCP")),
        RequestRefused: (error) => Effect.fail(unavailable(error.message)),
      }),
    );

    const ping = attempt((signal) => client.ping({ signal })).pipe(
      within(answerMax),
      Effect.asVoid,
      Effect.catchTag("RequestRefused", () => Effect.void),
    );
    const watch = Effect.catchTag(
      watching(doubt, ping),
      "SessionLost",
      () => Effect.fail(unavailable("the server lost the session under a call")),
    );

    return {
      tools,
      alive: ping,
      call: Effect.fnUntraced(function* (name, args, onProgress, said) {
        const span = yield* CurrentSpan;
        const spanned = tellsSpans && span !== undefined && { traceparent: traceparentOf(span) };
        const meta = (said !== undefined || spanned !== false) && { _meta: { ...said, ...spanned } };
        return yield* attempt((signal) =>
          client.request(
            { method: "tools/call", params: { name, arguments: { ...args }, ...meta } },
            CallToolResultSchema,
            {
              signal,
              timeout: Duration.toMillis(callMax),
              ...(onProgress !== undefined && {
                onprogress: ({ message }) => {
                  if (message !== undefined) onProgress(message);
                },
              }),
            },
          )
        ).pipe(Effect.raceFirst(watch));
      }),
      prompt: (name) =>
        attempt((signal) => client.getPrompt({ name }, { signal })).pipe(
          within(answerMax),
          Effect.map(({ messages }) =>
            messages.map(({ content }) => content.type === "text" ? content.text : "").join("\n")
          ),
        ),
    };
  });
