/**
 * The toolbox of a process whose tools live behind an MCP server: `MCP_SERVER_URL`.
 */
import { Cache, Duration, Effect, Exit, Layer } from "effect";
import { FetchHttpClient, HttpClient } from "effect/http";
import { Settings } from "../../config.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { ToolDeclaration, ToolResult } from "../../domain/Tool.ts";
import type { SandboxError } from "../../services/Sandbox.ts";
import { Toolbox, type ToolCallOptions, type Tools, ToolServerUnavailable } from "../../services/Toolbox.ts";
import { askingOwner } from "../../services/toolServerCaller.ts";
import { callOn } from "./callOn.ts";
import type { Connection, ConnectionError } from "./McpConnection.ts";
import { makeServerConnections, type ServerConnections, serverName } from "./serverConnections.ts";

/** How long a prompt is used before it is asked for again. */
const promptFresh = Duration.minutes(5);
/** Prompts kept. */
const promptsMax = 1000;
/** Wait for the server's word that it is alive. */
const healthMax = Duration.seconds(2);
/** The prompt of the server that explains its tools. */
const promptName = "agent_system_prompt";

/** From here on a status says that the server, not the request, is in trouble. */
const serverErrorStatus = 500;

type Use = (connection: Connection) => Effect.Effect<ToolResult, ConnectionError | SandboxError>;

/** A tool as the model is offered it. */
const declarationsOf = ({ tools }: Connection): ReadonlyArray<ToolDeclaration> =>
  tools.map(({ name, description, inputSchema }) => ({
    name,
    description: description ?? "",
    parameters: inputSchema,
  }));

const refused = ({ message }: { readonly message: string }) =>
  Effect.succeed<ToolResult>({ text: `Error: ${message}`, isError: true });

const forgotten = () =>
  new ToolServerUnavailable({ server: serverName, detail: "the server forgot a session at once" });

/** The tools that a connection offers; `run` carries out what is asked of it. */
const toolsOf = (
  connection: Connection,
  run: (use: Use) => Effect.Effect<ToolResult, ConnectionError | SandboxError>,
): Tools => ({
  declarations: declarationsOf(connection),
  call: (call: ToolCall, { onOutput, ...of }: ToolCallOptions = {}) => {
    const onProgress = onOutput === undefined ? undefined : (text: string) => onOutput("stdout", text);
    return run((live) => callOn(live, call.name, call, onProgress, of)).pipe(
      Effect.catchTags({ SessionLost: forgotten, RequestRefused: refused }),
    );
  },
});

const opened = (connections: ServerConnections) =>
  Effect.fnUntraced(function* (of: Owner) {
    const owner = askingOwner(of);
    if (owner.ephemeral) {
      const connection = yield* connections.own(owner);
      return toolsOf(connection, (use) => use(connection));
    }
    const connection = yield* Effect.catchTags(connections.fresh(owner), {
      SessionLost: forgotten,
      RequestRefused: forgotten,
    });
    return toolsOf(connection, (use) => connections.use(owner, use));
  });

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
      const { mcpApiKey, agentName } = yield* Settings;
      const http = yield* HttpClient.HttpClient;
      const connections = yield* makeServerConnections(url, mcpApiKey);

      const prompts = yield* Cache.makeWith(
        (key: string) =>
          connections.use({ key, ephemeral: false }, (connection) => connection.prompt(promptName)).pipe(
            Effect.catchTags({
              SessionLost: forgotten,
              // A server that is none of ours has no such prompt; its tools explain themselves.
              RequestRefused: () => Effect.succeed(`You are ${agentName}. Use the tools you are offered.`),
            }),
          ),
        { capacity: promptsMax, timeToLive: (exit) => Exit.isSuccess(exit) ? promptFresh : Duration.zero },
      );

      return Toolbox.of({
        open: opened(connections),
        systemPrompt: (owner) => Cache.get(prompts, ownerKey(owner)),
        serverConnected: http.get(new URL("/health", url)).pipe(
          Effect.timeout(healthMax),
          Effect.match({ onSuccess: ({ status }) => status < serverErrorStatus, onFailure: () => false }),
        ),
      });
    }),
  ).pipe(Layer.provide(FetchHttpClient.layer));
