/**
 * The toolbox of a process whose tools live behind an MCP server: `MCP_SERVER_URL`.
 */
import { Cache, type Cause, Duration, Effect, Exit, Layer, Option, RcMap, Redacted, type Scope } from "effect";
import { FetchHttpClient, HttpClient } from "effect/http";
import { Settings } from "../../config.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { ToolDeclaration, ToolResult } from "../../domain/Tool.ts";
import type { SandboxError } from "../../services/Sandbox.ts";
import { Toolbox, type ToolCallOptions, ToolServerUnavailable } from "../../services/Toolbox.ts";
import { callOn } from "./callOn.ts";
import { httpEndpoint } from "./endpoints.ts";
import { connect, type Connection, type ConnectionError } from "./McpConnection.ts";

/** How long a connection outlives its last use. */
const connectionIdle = Duration.minutes(5);
/** Connections at once; one owner has one. */
const connectionsMax = 1000;
/** How long a prompt is used before it is asked for again. */
const promptFresh = Duration.minutes(5);
/** Prompts kept. */
const promptsMax = 1000;
/** Wait for the server's word that it is alive. */
const healthMax = Duration.seconds(2);
/** The prompt of the server that explains its tools. */
const promptName = "agent_system_prompt";
/** The server's name in errors. */
const server = "mcp-server";

/** From here on a status says that the server, not the request, is in trouble. */
const serverErrorStatus = 500;

type Use = (connection: Connection) => Effect.Effect<ToolResult, ConnectionError | SandboxError>;

/** A tool as the model is offered it. */
export const declarationsOf = ({ tools }: Connection): ReadonlyArray<ToolDeclaration> =>
  tools.map(({ name, description, inputSchema }) => ({
    name,
    description: description ?? "",
    parameters: inputSchema,
  }));

const refused = ({ message }: { readonly message: string }) =>
  Effect.succeed<ToolResult>({ text: `Error: ${message}`, isError: true });

/**
 * Tools and prompt of the server at `MCP_SERVER_URL`, in the name of each owner.
 *
 * *Details*: the owner goes out as `x-user-id` under a name that tells nothing about it, with
 * `CAISSON_MCP_API_KEY` as the credential. One connection per owner is shared by its runs and closed when
 * idle; a one-request owner has its own, which ends with the run and takes the remote sandbox with it.
 * A run begins on a connection that answers, if there can be one. A connection whose session is gone is
 * replaced once before a call is sent again: the call was not
 * carried out. A server that cannot be reached is `ToolServerUnavailable`, within seconds.
 */
export const layer = (url: string): Layer.Layer<Toolbox, never, Settings> =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const http = yield* HttpClient.HttpClient;
      const key = settings.mcpApiKey;

      const headersOf = (id: string, ephemeral: boolean): Record<string, string> => ({
        "x-user-id": id,
        ...(ephemeral && { "x-caisson-ephemeral": "true" }),
        ...(Option.isSome(key) && { authorization: `Bearer ${Redacted.value(key.value)}` }),
      });
      const connections: RcMap.RcMap<string, Connection, ToolServerUnavailable | Cause.ExceededCapacityError> =
        yield* RcMap.make({
          // A failed connection must not be remembered for the idle time.
          lookup: (id: string) =>
            Effect.tapError(
              connect(httpEndpoint(server, url, headersOf(id, false))),
              () => RcMap.invalidate(connections, id),
            ),
          idleTimeToLive: connectionIdle,
          capacity: connectionsMax,
        });

      /** The shared connection of an owner; one of its own for the current scope when the pool is full. */
      const pooled = (id: string): Effect.Effect<Connection, ToolServerUnavailable, Scope.Scope> =>
        RcMap.get(connections, id).pipe(
          Effect.catchTag("ExceededCapacityError", () => connect(httpEndpoint(server, url, headersOf(id, false)))),
        );

      /** Runs on the owner's connection, once more on a new one when the server had forgotten the session. */
      const onPooled = <A>(id: string, use: (live: Connection) => Effect.Effect<A, ConnectionError | SandboxError>) => {
        const once = Effect.scoped(Effect.flatMap(pooled(id), use)).pipe(
          Effect.tapError(({ _tag }) =>
            _tag === "SessionLost" || _tag === "ToolServerUnavailable" ? RcMap.invalidate(connections, id) : Effect.void
          ),
        );
        return once.pipe(Effect.catchTag("SessionLost", () => once));
      };

      /** The shared connection of an owner for a run that begins: one that answers now. */
      const fresh = (id: string) =>
        pooled(id).pipe(
          Effect.tap(({ alive }) => alive),
          Effect.catchTags({
            SessionLost: () => Effect.andThen(RcMap.invalidate(connections, id), pooled(id)),
            ToolServerUnavailable: () => Effect.andThen(RcMap.invalidate(connections, id), pooled(id)),
          }),
        );

      const forgotten = () => new ToolServerUnavailable({ server, detail: "the server forgot a session at once" });

      const prompts = yield* Cache.makeWith(
        (id: string) =>
          onPooled(id, (connection) => connection.prompt(promptName)).pipe(
            Effect.catchTags({
              SessionLost: forgotten,
              // A server that is none of ours has no such prompt; its tools explain themselves.
              RequestRefused: () => Effect.succeed(`You are ${settings.agentName}. Use the tools you are offered.`),
            }),
          ),
        { capacity: promptsMax, timeToLive: (exit) => Exit.isSuccess(exit) ? promptFresh : Duration.zero },
      );

      const healthUrl = new URL("/health", url);

      return Toolbox.of({
        open: Effect.fnUntraced(function* (owner: Owner) {
          const id = ownerKey(owner);
          const connection = owner.ephemeral
            ? yield* connect(httpEndpoint(server, url, headersOf(id, true)))
            : yield* fresh(id);
          const run = (use: Use) => owner.ephemeral ? use(connection) : onPooled(id, use);
          return {
            declarations: declarationsOf(connection),
            call: (call: ToolCall, options: ToolCallOptions = {}) => {
              const { onOutput } = options;
              const onProgress = onOutput === undefined ? undefined : (text: string) => onOutput("stdout", text);
              return run((live) => callOn(live, call.name, call, onProgress)).pipe(
                Effect.catchTags({ SessionLost: forgotten, RequestRefused: refused }),
              );
            },
          };
        }),
        systemPrompt: (owner) => Cache.get(prompts, ownerKey(owner)),
        serverConnected: http.get(healthUrl).pipe(
          Effect.timeout(healthMax),
          Effect.match({ onSuccess: ({ status }) => status < serverErrorStatus, onFailure: () => false }),
        ),
      });
    }),
  ).pipe(Layer.provide(FetchHttpClient.layer));
