/**
 * One sandbox per owner: started on first use, shared, stopped when idle, counted and replaced.
 *
 * Knows nothing about how a sandbox is made; adapters pass a scoped `start`. One owner never has two
 * sandboxes at once: a start waits until its predecessor is released, because both use the same
 * workspace.
 */
import { Cause, Duration, Effect, Equal, Exit, Fiber, Hash, MutableHashMap, RcMap, Scope, Semaphore } from "effect";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import { ownerKey } from "../../../domain/ids.ts";
import { NoCapacity, SandboxError, SandboxLost } from "../../../services/Sandbox.ts";

/** What {@link make} needs to know of a sandbox. */
export interface Closable {
  /** Whether the sandbox can never run a command again. */
  readonly isClosed: Effect.Effect<boolean>;
}

export interface PerOwnerOptions<A extends Closable> {
  /** Starts an owner's sandbox; closing the scope stops it and keeps the workspace. */
  readonly start: (owner: Owner, key: OwnerKey) => Effect.Effect<A, SandboxError, Scope.Scope>;
  /** Time after the last use at which a sandbox is stopped; an ephemeral owner's is stopped at once. */
  readonly idle: Duration.Duration;
  /** Sandboxes at once in all, those being started and stopped included. */
  readonly countMax: number;
  /** Sandboxes at once for one principal. */
  readonly countPerPrincipalMax: number;
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
  /** Sandboxes that take a place now. */
  readonly count: Effect.Effect<number>;
}

/** A dead sandbox is replaced this often in one `open`, so that a start which always dies is an error and no loop. */
const replacementsMax = 2;

/** Names an owner in the map; two are the same when their keys are. */
class Place implements Equal.Equal {
  constructor(readonly key: OwnerKey, readonly owner: Owner) {}
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Place && that.key === this.key;
  }
  [Hash.symbol](): number {
    return Hash.string(this.key);
  }
}

/** One sandbox from the first step of its start to the last of its release. */
interface Life<A> {
  readonly place: Place;
  /** Holds the lock, the place and the sandbox; closed when the sandbox ends, whoever still refers to it. */
  readonly scope: Scope.Closeable;
  readonly start: Fiber.Fiber<A, SandboxError>;
  sandbox: A | undefined;
}

interface Lock {
  readonly semaphore: Semaphore.Semaphore;
  interested: number;
}

const lost = (detail: string) => new SandboxError({ reason: new SandboxLost(), detail });

/** Makes an empty set of sandboxes; closing the scope stops all of them at once. */
export const make = Effect.fnUntraced(function* <A extends Closable>(
  options: PerOwnerOptions<A>,
): Effect.fn.Return<PerOwner<A>, never, Scope.Scope> {
  const lives = new Map<OwnerKey, Life<A>>();
  const locks = new Map<OwnerKey, Lock>();
  const perPrincipal = new Map<string, number>();
  let count = 0;

  /** Holds the owner's lock for the scope: nobody else starts or destroys meanwhile. */
  const lock = (key: OwnerKey) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const found = locks.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), interested: 0 };
        found.interested++;
        locks.set(key, found);
        return found;
      }),
      (found) =>
        Effect.sync(() => {
          if (--found.interested === 0) locks.delete(key);
        }),
    ).pipe(Effect.flatMap((found) => Semaphore.takeScoped(found.semaphore, 1)));

  const stop = (life: Life<A>) =>
    // The start goes first, so that nothing is added to a scope that is being closed.
    Fiber.interrupt(life.start).pipe(Effect.andThen(Scope.close(life.scope, Exit.void)));

  /** Stops a life under its users and forgets it, unless it is already forgotten. */
  const end = (life: Life<A>) =>
    Effect.suspend(() => {
      if (lives.get(life.place.key) !== life) return Effect.void;
      lives.delete(life.place.key);
      return RcMap.invalidate(map, life.place).pipe(Effect.andThen(stop(life)));
    }).pipe(Effect.uninterruptible);

  /** The life that nobody has used for the longest time. */
  const longestIdle = (principal: string | undefined): Life<A> | undefined => {
    if (map.state._tag === "Closed") return undefined;
    let oldest: { readonly life: Life<A>; readonly expiresAt: number } | undefined;
    for (const life of lives.values()) {
      if (life.sandbox === undefined) continue;
      if (principal !== undefined && life.place.owner.principal !== principal) continue;
      const entry = MutableHashMap.get(map.state.map, life.place);
      if (entry._tag === "None" || entry.value.refCount > 0) continue;
      if (oldest === undefined || entry.value.expiresAt < oldest.expiresAt) {
        oldest = { life, expiresAt: entry.value.expiresAt };
      }
    }
    return oldest?.life;
  };

  const takePlace = Effect.fnUntraced(function* (principal: string): Effect.fn.Return<void, SandboxError> {
    while (true) {
      const ofPrincipal = perPrincipal.get(principal) ?? 0;
      const principalFull = ofPrincipal >= options.countPerPrincipalMax;
      if (!principalFull && count < options.countMax) break;
      const idle = longestIdle(principalFull ? principal : undefined);
      if (idle === undefined) {
        return yield* new SandboxError({
          reason: principalFull
            ? new NoCapacity({ scope: "principal", limit: options.countPerPrincipalMax })
            : new NoCapacity({ scope: "server", limit: options.countMax }),
          detail: `${count} sandboxes in all, ${ofPrincipal} of this principal, none idle`,
        });
      }
      yield* end(idle);
    }
    count++;
    perPrincipal.set(principal, (perPrincipal.get(principal) ?? 0) + 1);
  });

  const leavePlace = (principal: string) =>
    Effect.sync(() => {
      count--;
      const left = (perPrincipal.get(principal) ?? 1) - 1;
      if (left === 0) perPrincipal.delete(principal);
      else perPrincipal.set(principal, left);
    });

  const begin = Effect.fnUntraced(function* (place: Place) {
    yield* lock(place.key);
    const { principal } = place.owner;
    yield* Effect.acquireRelease(takePlace(principal), () => leavePlace(principal));
    return yield* options.start(place.owner, place.key);
  });

  const lookup = Effect.fnUntraced(function* (place: Place): Effect.fn.Return<A, SandboxError, Scope.Scope> {
    const scope = yield* Scope.make();
    const start = yield* begin(place).pipe(Scope.provide(scope), Effect.forkIn(scope));
    const life: Life<A> = { place, scope, start, sandbox: undefined };
    lives.set(place.key, life);
    yield* Effect.addFinalizer(() => Effect.andThen(end(life), stop(life)));
    // RcMap interrupts a lookup nobody waits for; the finalizer above then stops the start.
    const exit = yield* Effect.interruptible(Fiber.await(start));
    if (Exit.isSuccess(exit)) {
      life.sandbox = exit.value;
      return exit.value;
    }
    // RcMap would keep a failure for the whole idle time, and with it the place and the lock.
    yield* end(life);
    return yield* Cause.hasInterrupts(exit.cause)
      ? lost("the sandbox was stopped while it started")
      : Effect.failCause(exit.cause);
  }, Effect.uninterruptible);

  const map = yield* RcMap.make({
    lookup,
    idleTimeToLive: (place: Place) => place.owner.ephemeral ? Duration.zero : options.idle,
  });
  // RcMap stops its entries one after another; a shutdown must not take the sum of all stops.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => Effect.forEach(Array.from(lives.values()), end, { concurrency: "unbounded", discard: true }))
  );

  const open = Effect.fnUntraced(function* (owner: Owner): Effect.fn.Return<A, SandboxError, Scope.Scope> {
    const place = new Place(ownerKey(owner), owner);
    for (let attempt = 0; attempt < replacementsMax; attempt++) {
      const sandbox = yield* RcMap.get(map, place);
      if (!(yield* sandbox.isClosed)) return sandbox;
      const life = lives.get(place.key);
      // Somebody else may have replaced it meanwhile: their new one must not end for the old one's death.
      if (life !== undefined && life.sandbox === sandbox) yield* end(life);
    }
    return yield* lost(`the sandbox died ${replacementsMax} times while it was opened`);
  });

  const reset = <E, R>(owner: Owner, destroy: Effect.Effect<void, E, R>) =>
    Effect.gen(function* () {
      const key = ownerKey(owner);
      const life = lives.get(key);
      // The lock is asked for before the present life ends, so that no later opener gets in between.
      yield* Effect.all([lock(key), life === undefined ? Effect.void : end(life)], { concurrency: "unbounded" });
      yield* destroy;
    }).pipe(Effect.scoped);

  return { open, reset, count: Effect.sync(() => count) };
});
