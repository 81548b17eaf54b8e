/**
 * Further MCP servers of `CAISSON_MCP_SERVERS`: their tools under a prefix, one connection per owner.
 *
 * They are the deployment's choice but not part of it: one that is down or slow must not end a run, so
 * its failures are results the model reads.
 */
import { type Cause, Duration, Effect, RcMap, type Scope } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { ToolDeclaration, ToolResult } from "../../domain/Tool.ts";
import type { ToolServer, ToolServers } from "../../domain/ToolServer.ts";
import type { ToolCallOptions, ToolServerUnavailable } from "../../services/Toolbox.ts";
import { callOn } from "./callOn.ts";
import { httpEndpoint, stdioEndpoint } from "./endpoints.ts";
import { connect, type Connection, type Endpoint } from "./McpConnection.ts";
import { makeToolLists } from "./toolLists.ts";

/** Between a server's name and a tool's; a server's name has no underscore, so the first one splits them. */
const separator = "__";
/** How long a connection outlives its last use. */
const connectionIdle = Duration.minutes(5);
/** Connections at once, over all servers and owners; each may be a process. */
const connectionsMax = 256;
/** What providers accept as a tool's name. */
const acceptedName = /^[A-Za-z0-9_-]{1,64}$/;

/** The tools of all further servers for one owner. */
export interface FurtherTools {
  readonly declarations: ReadonlyArray<ToolDeclaration>;
  /** Carries out a call to a prefixed name; undefined when the name has no such prefix. */
  readonly call: (call: ToolCall, options: ToolCallOptions) => Effect.Effect<ToolResult> | undefined;
}

const endpointOf = (name: string, server: ToolServer, owner: string): Endpoint =>
  "url" in server
    ? httpEndpoint(name, server.url, { "x-user-id": owner, ...server.headers })
    : stdioEndpoint(name, server);

const connectionKey = (server: string, owner: string): string => `${server}/${owner}`;

/**
 * Opens the pool of further servers for as long as the scope is open; what it yields opens one owner's tools.
 *
 * *Details*: tool lists are everybody's, see {@link makeToolLists}; an owner's connection is made at the first
 * call. A process is never shared between owners.
 */
export const make: (
  servers: ToolServers,
) => Effect.Effect<(owner: Owner) => Effect.Effect<FurtherTools, never, Scope.Scope>, never, Scope.Scope> = Effect
  .fnUntraced(
    function* (servers) {
      const connections: RcMap.RcMap<string, Connection, ToolServerUnavailable | Cause.ExceededCapacityError> =
        yield* RcMap.make({
          lookup: (key: string) => {
            const [name = "", owner = ""] = key.split("/");
            const server = servers[name];
            return server === undefined
              ? Effect.die(new Error(`no server is named ${name}`))
              : Effect.tapError(connect(endpointOf(name, server, owner)), () => RcMap.invalidate(connections, key));
          },
          idleTimeToLive: connectionIdle,
          capacity: connectionsMax,
        });

      const listOf = yield* makeToolLists(Effect.fnUntraced(function* (name: string) {
        const { tools } = yield* RcMap.get(connections, connectionKey(name, listingOwner));
        return tools.flatMap((tool): ReadonlyArray<ToolDeclaration> => {
          const prefixed = `${name}${separator}${tool.name}`;
          return acceptedName.test(prefixed)
            ? [{ name: prefixed, description: tool.description ?? "", parameters: tool.inputSchema }]
            : [];
        });
      }, Effect.scoped));

      const callTo = (owner: Owner, name: string, tool: string, call: ToolCall, options: ToolCallOptions) => {
        const key = connectionKey(name, ownerKey(owner));
        const { onOutput } = options;
        const onProgress = onOutput === undefined ? undefined : (text: string) => onOutput("stdout", text);
        const once = Effect.scoped(
          Effect.flatMap(RcMap.get(connections, key), (connection) => callOn(connection, tool, call, onProgress)),
        ).pipe(
          Effect.tapError(({ _tag }) => _tag === "RequestRefused" ? Effect.void : RcMap.invalidate(connections, key)),
        );
        const failed = (text: string) => Effect.succeed<ToolResult>({ text: `Error: ${text}`, isError: true });
        return once.pipe(
          Effect.catchTag("SessionLost", () => once),
          Effect.tapError((error) => Effect.logWarning("call to further MCP server failed", name, error)),
          Effect.catchTags({
            RequestRefused: ({ message }) => failed(message),
            SessionLost: () => failed(`${name} lost the session`),
            ToolServerUnavailable: () => failed(`${name} is not available at the moment`),
            ExceededCapacityError: () => failed(`too many connections to tool servers at the moment`),
            SandboxError: () => failed(`${name} could not run this at the moment`),
          }),
        );
      };

      const names = Object.keys(servers);
      /** A one-request owner never comes back; its connections end with the run. */
      const leave = (owner: Owner) =>
        Effect.forEach(names, (name) => RcMap.invalidate(connections, connectionKey(name, ownerKey(owner))));

      return Effect.fnUntraced(function* (owner) {
        if (owner.ephemeral) yield* Effect.addFinalizer(() => leave(owner));
        const found = yield* Effect.forEach(names, listOf, { concurrency: "unbounded" });
        return {
          declarations: found.flat(),
          call: (call, options) => {
            const at = call.name.indexOf(separator);
            const name = call.name.slice(0, Math.max(at, 0));
            return at > 0 && Object.hasOwn(servers, name)
              ? callTo(owner, name, call.name.slice(at + separator.length), call, options)
              : undefined;
          },
        };
      });
    },
  );

/** In whose name tool lists are asked for; no owner's key looks like it. */
const listingOwner = "everyone";
