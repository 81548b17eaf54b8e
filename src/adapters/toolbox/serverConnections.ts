/**
 * The connections to the server of `MCP_SERVER_URL`: one per owner, shared by its runs.
 */
import { type Cause, Duration, Effect, type Option, RcMap, type Redacted, type Scope } from "effect";
import type { SandboxError } from "../../services/Sandbox.ts";
import type { ToolServerUnavailable } from "../../services/Toolbox.ts";
import { type AskingOwner, callerHeaders } from "../../services/toolServerCaller.ts";
import { httpEndpoint } from "./endpoints.ts";
import { connect, type Connection, type ConnectionError } from "./McpConnection.ts";

/** How long a connection outlives its last use. */
const connectionIdle = Duration.minutes(5);
/** Connections at once; one owner has one. */
const connectionsMax = 1000;

/** The server's name in errors. */
export const serverName = "mcp-server";

/** Connections by owner. */
export interface ServerConnections {
  /** A connection that nobody shares; it ends with the scope, and an ephemeral owner's sandbox with it. */
  readonly own: (owner: AskingOwner) => Effect.Effect<Connection, ToolServerUnavailable, Scope.Scope>;
  /** The shared connection of an owner for a run that begins: one that answers now, if there can be one. */
  readonly fresh: (owner: AskingOwner) => Effect.Effect<Connection, ConnectionError, Scope.Scope>;
  /** Uses the shared connection, once more on a new one when the server had forgotten the session. */
  readonly use: <A>(
    owner: AskingOwner,
    use: (live: Connection) => Effect.Effect<A, ConnectionError | SandboxError>,
  ) => Effect.Effect<A, ConnectionError | SandboxError>;
}

type Pool = RcMap.RcMap<string, Connection, ToolServerUnavailable | Cause.ExceededCapacityError>;

/** Opens the pool for as long as the scope is open. */
export const makeServerConnections: (
  url: string,
  key: Option.Option<Redacted.Redacted<string>>,
) => Effect.Effect<ServerConnections, never, Scope.Scope> = Effect.fnUntraced(function* (url, key) {
  const connectAs = (asking: AskingOwner) =>
    connect({ ...httpEndpoint(serverName, url, callerHeaders(asking, key)), tellsSpans: true });
  const pool: Pool = yield* RcMap.make({
    // A failed connection must not be remembered for the idle time.
    lookup: (id: string) => Effect.tapError(connectAs({ key: id, ephemeral: false }), () => RcMap.invalidate(pool, id)),
    idleTimeToLive: connectionIdle,
    capacity: connectionsMax,
  });

  /** The shared connection of an owner; one of its own for the current scope when the pool is full. */
  const pooled = (owner: AskingOwner): Effect.Effect<Connection, ToolServerUnavailable, Scope.Scope> =>
    RcMap.get(pool, owner.key).pipe(Effect.catchTag("ExceededCapacityError", () => connectAs(owner)));

  const forget = ({ key: id }: AskingOwner) => RcMap.invalidate(pool, id);

  return {
    own: connectAs,
    fresh: (owner) => {
      const again = () => Effect.andThen(forget(owner), pooled(owner));
      return pooled(owner).pipe(
        Effect.tap(({ alive }) => alive),
        Effect.catchTags({ SessionLost: again, ToolServerUnavailable: again }),
      );
    },
    use: (owner, use) => {
      const once = Effect.scoped(Effect.flatMap(pooled(owner), use)).pipe(
        Effect.tapError(({ _tag }) =>
          _tag === "SessionLost" || _tag === "ToolServerUnavailable" ? forget(owner) : Effect.void
        ),
      );
      return Effect.catchTag(once, "SessionLost", () => once);
    },
  };
});
