/**
 * One sandbox per owner: started on first use, shared, stopped when idle, counted and replaced.
 *
 * Knows nothing about how a sandbox is made; adapters pass a scoped `start`. What always holds:
 *
 * - An owner never has two sandboxes: a start waits until its predecessor is released, because both use
 *   the same workspace.
 * - Who opens at the same time shares one start, and it goes on while anyone waits for it.
 * - A start that failed is not remembered.
 * - A sandbox that died is replaced at the next open, and never ends the one that replaced it.
 * - A place is taken before a start begins and left after the release is through.
 * - Room is made at the cost of who was idle longest, and only who is idle: first the principal's own
 *   when it is that principal's limit.
 * - After a reset nobody gets the sandbox that was, and nobody opens before it is destroyed.
 * - A shutdown stops all at once.
 */
import { Cause, Duration, Effect, Exit, MutableHashMap, RcMap, type Scope } from "effect";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { ownerKey } from "../../../domain/ids.ts";
import { SandboxError, SandboxLost, type SandboxState } from "../../../services/Sandbox.ts";
import { Lives, Place } from "./lives.ts";
import { OwnerLocks } from "./ownerLocks.ts";
import { type PlaceLimits, Places } from "./places.ts";

/** What {@link make} needs to know of a sandbox. */
export interface Closable {
  /** Whether the sandbox can never run a command again. */
  readonly isClosed: Effect.Effect<boolean>;
}

export interface PerOwnerOptions<A extends Closable> extends PlaceLimits {
  /** Starts an owner's sandbox; closing the scope stops it and keeps the workspace. */
  readonly start: (owner: Owner, key: OwnerKey) => Effect.Effect<A, SandboxError, Scope.Scope>;
  /** Time after the last use at which a sandbox is stopped; an ephemeral owner's is stopped at once. */
  readonly idle: Duration.Duration;
}

/** The sandboxes of one server by owner. */
export interface PerOwner<A extends Closable> {
  /**
   * Opens the owner's sandbox for the current scope, starting one when there is none or it died.
   *
   * *Details*: an idle sandbox of somebody else is stopped to make room before anyone is refused, the
   * same principal's first when it is that principal's limit.
   *
   * *Fails with* `SandboxError`: what `start` failed with, `NoCapacity`, or `SandboxLost` when the
   * sandbox was reset or died again while it was being opened.
   */
  readonly open: (owner: Owner) => Effect.Effect<A, SandboxError, Scope.Scope>;
  /** Stops the owner's sandbox under whoever uses it, then runs `destroy` before the owner can have another. */
  readonly reset: <E, R>(owner: Owner, destroy: Effect.Effect<void, E, R>) => Effect.Effect<void, E, R>;
  /** How the owner's sandbox is, without starting one. */
  readonly status: (owner: Owner) => Effect.Effect<SandboxState>;
  /** As `open`, but undefined where no sandbox has started, or the one that did died. */
  readonly openRunning: (owner: Owner) => Effect.Effect<A | undefined, SandboxError, Scope.Scope>;
  /** The owner's sandbox as it is now, undefined when there is none that has started; it is not held. */
  readonly running: (owner: Owner) => Effect.Effect<A | undefined>;
  /** Sandboxes that take a place now. */
  readonly count: Effect.Effect<number>;
}

/** A dead sandbox is replaced this often in one `open`, so that a start which always dies is an error and no loop. */
const replacementsMax = 2;

const lost = (detail: string) => new SandboxError({ reason: new SandboxLost(), detail });

/** Takes a place for a principal, ending idle lives until there is one. */
const takePlace = Effect.fnUntraced(function* <A>(
  places: Places,
  lives: Lives<A>,
  principal: string,
): Effect.fn.Return<void, SandboxError> {
  for (let result = places.take(principal); result !== "taken"; result = places.take(principal)) {
    const idle = lives.longestIdle(result === "principal is full" ? principal : undefined);
    if (idle === undefined) return yield* places.refusal(principal, result);
    yield* lives.end(idle);
  }
});

/** When an entry without users goes; nothing while it has some, is not there, or the map is closed. */
const expiryOf = <K, A, E>(map: RcMap.RcMap<K, A, E>, key: K): number | undefined => {
  if (map.state._tag === "Closed") return undefined;
  const entry = MutableHashMap.get(map.state.map, key);
  return entry._tag === "None" || entry.value.refCount > 0 ? undefined : entry.value.expiresAt;
};

/** Makes an empty set of sandboxes; closing the scope stops all of them at once. */
export const make = Effect.fnUntraced(function* <A extends Closable>(
  options: PerOwnerOptions<A>,
): Effect.fn.Return<PerOwner<A>, never, Scope.Scope> {
  const locks = new OwnerLocks();
  const places = new Places(options);
  const lives: Lives<A> = new Lives<A>({
    forget: (place) => RcMap.invalidate(map, place),
    expiryOf: (place) => expiryOf(map, place),
  });

  const start = Effect.fnUntraced(function* ({ key, owner }: Place) {
    yield* locks.hold(key);
    yield* Effect.acquireRelease(
      takePlace(places, lives, owner.principal),
      () => Effect.sync(() => places.leave(owner.principal)),
    );
    return yield* options.start(owner, key);
  });

  const lookup = Effect.fnUntraced(function* (place: Place): Effect.fn.Return<A, SandboxError, Scope.Scope> {
    const life = yield* lives.begin(place, start(place));
    // RcMap interrupts a lookup nobody waits for; this then stops the start.
    yield* Effect.addFinalizer(() => lives.endWholly(life));
    // A failure ends the life, for RcMap would keep it for the whole idle time, and with it the place and the lock.
    const exit = yield* lives.settled(life);
    if (Exit.isSuccess(exit)) return exit.value;
    return yield* Cause.hasInterrupts(exit.cause)
      ? lost("the sandbox was stopped while it started")
      : Effect.failCause(exit.cause);
  }, Effect.uninterruptible);

  const map: RcMap.RcMap<Place, A, SandboxError> = yield* RcMap.make({
    lookup,
    idleTimeToLive: (place: Place) => place.owner.ephemeral ? Duration.zero : options.idle,
  });
  // RcMap stops its entries one after another.
  yield* Effect.addFinalizer(() => lives.endAll);

  return {
    open: openFrom(map, lives),
    openRunning: Effect.fnUntraced(function* (owner) {
      const key = ownerKey(owner);
      if (lives.of(key)?.sandbox === undefined) return undefined;
      const sandbox = yield* RcMap.get(map, new Place(key, owner));
      return (yield* sandbox.isClosed) ? undefined : sandbox;
    }),
    reset: (owner, destroy) =>
      Effect.gen(function* () {
        const key = ownerKey(owner);
        const life = lives.of(key);
        // The lock is asked for before the present life ends, so that no later opener gets in between.
        const ended = life === undefined ? Effect.void : lives.end(life);
        yield* Effect.all([locks.hold(key), ended], { concurrency: "unbounded" });
        yield* destroy;
      }).pipe(Effect.scoped),
    status: (owner) =>
      Effect.sync(() => {
        const life = lives.of(ownerKey(owner));
        if (life === undefined) return "none";
        if (life.sandbox === undefined) return "starting";
        return expiryOf(map, life.place) === undefined ? "busy" : "idle";
      }),
    running: (owner) => Effect.sync(() => lives.of(ownerKey(owner))?.sandbox),
    count: Effect.sync(() => places.count),
  };
});

/** Opening that replaces what has died. */
const openFrom = <A extends Closable>(map: RcMap.RcMap<Place, A, SandboxError>, lives: Lives<A>) =>
  Effect.fnUntraced(function* (owner: Owner): Effect.fn.Return<A, SandboxError, Scope.Scope> {
    const place = new Place(ownerKey(owner), owner);
    for (let attempt = 0; attempt < replacementsMax; attempt++) {
      const sandbox = yield* RcMap.get(map, place);
      if (!(yield* sandbox.isClosed)) return sandbox;
      const life = lives.of(place.key);
      // Somebody else may have replaced it meanwhile: their new one must not end for the old one's death.
      if (life !== undefined && life.sandbox === sandbox) yield* lives.end(life);
    }
    return yield* lost(`the sandbox died ${replacementsMax} times while it was opened`);
  });
