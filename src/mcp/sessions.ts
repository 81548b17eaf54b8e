/**
 * The table of MCP sessions: who may use which, for how long, and how many there may be.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Scope } from "effect";
// @ts-types="@modelcontextprotocol/sdk/server/webStandardStreamableHttp"
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { RequestId } from "@modelcontextprotocol/sdk/types";
import { Settings, type SettingsService } from "../config.ts";
import { makeId } from "../domain/ids.ts";
import { makeEarlyCancellations } from "./earlyCancellations.ts";
import { rpcCode, SessionBusy, SessionNotFound, TooManySessions } from "./errors.ts";
import { makeEventStore } from "./eventStore.ts";
import type { Caller } from "./callers.ts";
import { connect } from "./protocolServer.ts";
import { Surfaces, type SurfacesService } from "./Surface.ts";

/** One session, as the HTTP door uses it. */
export interface Session {
  readonly id: string;
  /**
   * Hands a request of this session to the transport; `body` is its parsed body, if it has one, and
   * `heard` is the request or cancellation in it.
   */
  readonly handle: (request: Request, body?: unknown, heard?: Heard) => Effect.Effect<Response>;
  /** Ends the session: its streams close and its running calls are interrupted first. */
  readonly close: Effect.Effect<void>;
}

/** What a message means to the cancellation of calls. */
export interface Heard {
  readonly id?: RequestId | undefined;
  /** The call that the message cancels. */
  readonly cancels?: RequestId | undefined;
}

/** What the table offers. */
export interface SessionTable {
  /** Opens a session bound to its caller. *Fails with* `TooManySessions` when a cap is reached. */
  readonly open: (caller: Caller) => Effect.Effect<Session, TooManySessions, Scope.Scope>;
  /**
   * Finds a session of this very caller and counts it as used until the scope closes.
   *
   * *Fails with* `SessionNotFound`, for another caller's session too, and with `SessionBusy` when too much
   * of it is open.
   */
  readonly use: (id: string, caller: Caller) => Effect.Effect<Session, SessionNotFound | SessionBusy, Scope.Scope>;
  /**
   * Ends every session, each when its running calls have ended or the grace is over, and opens no new
   * one. Streams that only wait end at once.
   */
  readonly drain: (grace: Duration.Duration) => Effect.Effect<void>;
  /** Sessions open now. */
  readonly size: Effect.Effect<number>;
}

interface Entry extends Session {
  readonly settled: Effect.Effect<void>;
  readonly claim: string;
  /** Requests and streams that are open now. */
  inUse: number;
  lastUsedMs: number;
}

type Limits = Pick<
  SettingsService,
  "mcpSessionIdleSeconds" | "mcpSessionsPerOwnerMax" | "mcpSessionsMax" | "keepAliveSeconds"
>;

/** How often idle sessions are looked for, as a share of the idle time. */
const sweepsPerIdleTime = 4;

/**
 * Requests and streams that one session may have open: twice the calls it may run, for what a client sends
 * beside them. A stream whose answer went elsewhere, because a client used an id twice, stays open.
 */
const openAtOnceMax = 64;

/** Wait that a client is asked for before it resumes a broken stream. */
const reconnectMs = 1000;

/** Makes a table that closes every session, all at once, when its scope closes. */
export const make: (
  surfaces: SurfacesService,
  limits: Limits,
) => Effect.Effect<SessionTable, never, Scope.Scope> = Effect.fnUntraced(function* (surfaces, limits) {
  const entries = new Map<string, Entry>();
  const places = new Map<string, number>();
  let placesTaken = 0;
  let draining = false;
  const all = yield* Effect.acquireRelease(Scope.make("parallel"), (scope) => Scope.close(scope, Exit.void));

  /** Takes a place before anything is awaited, so that simultaneous openings cannot pass a cap together. */
  const takePlace = (claim: string) =>
    Effect.suspend(() => {
      const owned = places.get(claim) ?? 0;
      if (owned >= limits.mcpSessionsPerOwnerMax) {
        return new TooManySessions({ scope: "owner", limit: limits.mcpSessionsPerOwnerMax });
      }
      if (draining || placesTaken >= limits.mcpSessionsMax) {
        return new TooManySessions({ scope: "server", limit: limits.mcpSessionsMax });
      }
      places.set(claim, owned + 1);
      placesTaken += 1;
      return Effect.void;
    });
  const leavePlace = (claim: string) =>
    Effect.sync(() => {
      const left = (places.get(claim) ?? 1) - 1;
      if (left > 0) places.set(claim, left);
      else places.delete(claim);
      placesTaken -= 1;
    });

  const start = Effect.fnUntraced(function* (caller: Caller, scope: Scope.Closeable) {
    const id = makeId("mcp");
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      eventStore: makeEventStore(),
      retryInterval: reconnectMs,
      keepAliveMs: limits.keepAliveSeconds * 1000,
    });
    // A cancelled request gets no answer from the SDK, and its stream would stay open as long as the session.
    const abandon = (requestId: RequestId) =>
      Effect.ignore(Effect.tryPromise(() =>
        transport.send({
          jsonrpc: "2.0",
          id: requestId,
          error: { code: rpcCode.requestCancelled, message: "Request cancelled" },
        })
      ));
    const cancellations = makeEarlyCancellations();
    const surface = yield* surfaces.open(caller.owner);
    const { settled } = yield* connect(surface, { transport, abandon });
    const entry: Entry = {
      id,
      claim: caller.claim,
      settled,
      inUse: 0,
      lastUsedMs: yield* Clock.currentTimeMillis,
      handle: (request, body, { id: called, cancels } = {}) =>
        Effect.promise(async () => {
          if (cancels !== undefined) cancellations.cancelled(cancels);
          const response = await transport.handleRequest(request, body === undefined ? {} : { parsedBody: body });
          if (called !== undefined && cancellations.arrived(called)) {
            transport.onmessage?.({
              jsonrpc: "2.0",
              method: "notifications/cancelled",
              params: { requestId: called },
            });
          }
          return response;
        }),
      close: Scope.close(scope, Exit.void),
    };
    yield* Effect.acquireRelease(
      Effect.sync(() => entries.set(id, entry)),
      () => Effect.sync(() => entries.delete(id)),
    );
    return entry;
  });

  const hold = (entry: Entry) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        entry.inUse += 1;
        return entry;
      }),
      () =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          entry.inUse -= 1;
          entry.lastUsedMs = now;
        }),
    );

  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const idleMs = limits.mcpSessionIdleSeconds * 1000;
    const expired = [...entries.values()].filter((entry) => entry.inUse === 0 && now - entry.lastUsedMs >= idleMs);
    yield* Effect.forEach(expired, (entry) => entry.close, { concurrency: "unbounded", discard: true });
  });
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(Effect.sleep(Duration.seconds(limits.mcpSessionIdleSeconds / sweepsPerIdleTime)), sweep),
    ),
  );

  return {
    open: (caller) =>
      Effect.uninterruptible(Effect.gen(function* () {
        yield* takePlace(caller.claim);
        const scope = yield* Scope.fork(all);
        yield* Scope.addFinalizer(scope, leavePlace(caller.claim));
        const entry = yield* Effect.onError(
          Scope.provide(start(caller, scope), scope),
          () => Scope.close(scope, Exit.void),
        );
        return yield* hold(entry);
      })),
    use: (id, caller) =>
      Effect.suspend((): Effect.Effect<Session, SessionNotFound | SessionBusy, Scope.Scope> => {
        const entry = entries.get(id);
        if (entry === undefined || entry.claim !== caller.claim) return new SessionNotFound();
        return entry.inUse >= openAtOnceMax ? new SessionBusy({ limit: openAtOnceMax }) : hold(entry);
      }),
    drain: (grace) =>
      Effect.suspend(() => {
        draining = true;
        const leave = (entry: Entry) => Effect.andThen(Effect.timeoutOption(entry.settled, grace), entry.close);
        return Effect.forEach([...entries.values()], leave, { concurrency: "unbounded", discard: true });
      }),
    size: Effect.sync(() => entries.size),
  };
});

/** The session table of a server, shared by its routes and its shutdown. */
export class McpSessions extends Context.Service<McpSessions, SessionTable>()("caisson/mcp/McpSessions") {
  /** A table whose sessions end with the layer. */
  static readonly layer: Layer.Layer<McpSessions, never, Surfaces | Settings> = Layer.effect(
    McpSessions,
    Effect.gen(function* () {
      return yield* make(yield* Surfaces, yield* Settings);
    }),
  );
}
