/**
 * The table of MCP sessions: who may use which, and for how long.
 *
 * A session has a place from before it is connected until its scope closes; it is in the table while it can
 * be used. It counts as used while a request or a stream of it is open.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Scope } from "effect";
import { Settings, type SettingsService } from "../config.ts";
import { makeId } from "../domain/ids.ts";
import type { Caller } from "./callers.ts";
import { SessionBusy, SessionNotFound, TooManySessions } from "./errors.ts";
import { type ConnectedSession, connectSession } from "./Session.ts";
import { makePlaces, type Occupant, type Places } from "./sessionPlaces.ts";
import { Surfaces, type SurfacesService } from "./Surface.ts";

/** One session, as the HTTP door uses it. */
export interface Session {
  readonly id: string;
  readonly handle: ConnectedSession["handle"];
  /** Ends the session: its running calls are answered, then its streams close. */
  readonly close: Effect.Effect<void>;
}

/** What the table offers. */
export interface SessionTable {
  /**
   * Opens a session bound to its caller.
   *
   * *Details*: a principal at its bound loses the session it has not used for longest; when the server is
   * full, the principal that holds most does.
   *
   * *Fails with* `TooManySessions` when a cap is reached and nothing idle can make room.
   */
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
  /** Whether draining has begun: no session is opened any more. */
  readonly draining: Effect.Effect<boolean>;
  /** Sessions open now. */
  readonly size: Effect.Effect<number>;
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

/** A session from the moment it takes its place; `connected` is absent until it can be used. */
class Entry implements Occupant {
  readonly id = makeId("mcp");
  readonly claim: string;
  readonly principal: string;
  readonly close: Effect.Effect<void>;
  connected: ConnectedSession | undefined;
  /** Requests and streams that are open now. */
  inUse = 0;
  lastUsedMs: number;

  constructor({ claim, owner }: Caller, scope: Scope.Closeable, nowMs: number) {
    this.claim = claim;
    this.principal = owner.principal;
    this.close = Scope.close(scope, Exit.void);
    this.lastUsedMs = nowMs;
  }

  readonly isIdle = (): boolean => this.connected?.running() === 0 && this.inUse === 0;
}

/** Counts an entry as used until the scope closes. */
const hold = (entry: Entry, connected: ConnectedSession): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      entry.inUse += 1;
      return { id: entry.id, handle: connected.handle, close: entry.close };
    }),
    () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        entry.inUse -= 1;
        entry.lastUsedMs = now;
      }),
  );

/** Takes a place before anything is awaited, so that simultaneous openings cannot pass a bound together. */
const takePlace = (
  entries: Map<string, Entry>,
  places: Places<Entry>,
  entry: Entry,
): Effect.Effect<void, TooManySessions> =>
  Effect.suspend(() => {
    const verdict = places.decide(entry);
    if (verdict._tag === "Refuse") return Effect.fail(verdict.error);
    if (verdict._tag === "Open") {
      places.enter(entry);
      return Effect.void;
    }
    places.leave(verdict.idlest);
    entries.delete(verdict.idlest.id);
    places.enter(entry);
    return verdict.idlest.close;
  });

/** Closes sessions that were idle for the configured time, until the scope closes. */
const sweeping = (entries: ReadonlyMap<string, Entry>, idleSeconds: number) => {
  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis;
    const expired = [...entries.values()].filter((entry) =>
      entry.isIdle() && now - entry.lastUsedMs >= idleSeconds * 1000
    );
    yield* Effect.forEach(expired, (entry) => entry.close, { concurrency: "unbounded", discard: true });
  });
  const pause = Effect.sleep(Duration.seconds(idleSeconds / sweepsPerIdleTime));
  return Effect.forkScoped(Effect.forever(Effect.andThen(pause, sweep)));
};

/** Makes a table that closes every session, all at once, when its scope closes. */
export const make: (
  surfaces: SurfacesService,
  limits: Limits,
) => Effect.Effect<SessionTable, never, Scope.Scope> = Effect.fnUntraced(function* (surfaces, limits) {
  const entries = new Map<string, Entry>();
  const places = makePlaces<Entry>(limits);
  let draining = false;
  const all = yield* Effect.acquireRelease(Scope.make("parallel"), (scope) => Scope.close(scope, Exit.void));
  yield* sweeping(entries, limits.mcpSessionIdleSeconds);

  const connect = Effect.fnUntraced(function* (entry: Entry, { owner }: Caller) {
    const surface = yield* surfaces.open(owner);
    const connected = yield* connectSession(entry.id, surface, limits.keepAliveSeconds * 1000);
    entry.connected = connected;
    yield* Effect.acquireRelease(
      Effect.sync(() => entries.set(entry.id, entry)),
      () => Effect.sync(() => entries.delete(entry.id)),
    );
    return connected;
  });

  const open = Effect.fnUntraced(function* (caller: Caller) {
    if (draining) return yield* new TooManySessions({ scope: "server", limit: limits.mcpSessionsMax });
    const scope = yield* Scope.fork(all);
    const entry = new Entry(caller, scope, yield* Clock.currentTimeMillis);
    yield* Scope.addFinalizer(scope, Effect.sync(() => places.leave(entry)));
    const connected = yield* takePlace(entries, places, entry).pipe(
      Effect.andThen(Scope.provide(connect(entry, caller), scope)),
      Effect.onError(() => entry.close),
    );
    return yield* hold(entry, connected);
  }, Effect.uninterruptible);

  return {
    open,
    use: (id, caller) =>
      Effect.suspend((): Effect.Effect<Session, SessionNotFound | SessionBusy, Scope.Scope> => {
        const entry = entries.get(id);
        if (entry?.connected === undefined || entry.claim !== caller.claim) return new SessionNotFound();
        return entry.inUse >= openAtOnceMax ? new SessionBusy({ limit: openAtOnceMax }) : hold(entry, entry.connected);
      }),
    drain: Effect.fnUntraced(function* (grace) {
      draining = true;
      const leaving = [...entries.values()];
      const calls = leaving.reduce((sum, { connected }) => sum + (connected?.running() ?? 0), 0);
      if (calls > 0) {
        yield* Effect.logInfo(`waiting for ${calls} running MCP calls, ${Duration.format(grace)} at most`);
      }
      const leave = ({ connected, close }: Entry) =>
        Effect.andThen(Effect.timeoutOption(connected?.settled ?? Effect.void, grace), close);
      yield* Effect.forEach(leaving, leave, { concurrency: "unbounded", discard: true });
    }),
    draining: Effect.sync(() => draining),
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
