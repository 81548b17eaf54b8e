/**
 * The lives of sandboxes: each from the first step of its start to the last of its release.
 *
 * A life is *starting*, *running* or *ended*, in this order and never back. It ends once, whoever asks
 * for it: its opener failed, it was idle, somebody needed the room, it was reset, or the server stops.
 */
import { Effect, Equal, Exit, Fiber, Hash, Scope } from "effect";
import type { Owner, OwnerKey } from "../../../domain/Owner.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";

/** Names an owner in a map; two are the same when their keys are. */
export class Place implements Equal.Equal {
  constructor(readonly key: OwnerKey, readonly owner: Owner) {}
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Place && that.key === this.key;
  }
  [Hash.symbol](): number {
    return Hash.string(this.key);
  }
}

/** One life. */
export interface Life<A> {
  readonly place: Place;
  /** Holds the lock, the place and the sandbox; closed when the life ends, whoever still refers to it. */
  readonly scope: Scope.Closeable;
  readonly start: Fiber.Fiber<A, SandboxError>;
  /** Absent while it starts. */
  sandbox: A | undefined;
}

/** What the one who shares lives among their users must do and knows. */
export interface Sharing {
  /** No later user gets this life. */
  readonly forget: (place: Place) => Effect.Effect<void>;
  /** When a life without users would end by itself; nothing while it has some. */
  readonly expiryOf: (place: Place) => number | undefined;
}

/** Lives by owner: at most one of each is not ended. */
export class Lives<A> {
  private readonly byOwner = new Map<OwnerKey, Life<A>>();

  constructor(private readonly sharing: Sharing) {}

  /** The owner's life that is not ended. */
  of(key: OwnerKey): Life<A> | undefined {
    return this.byOwner.get(key);
  }

  /** *nothing → starting*: begins a life whose start runs in a scope of its own. */
  begin(place: Place, start: Effect.Effect<A, SandboxError, Scope.Scope>): Effect.Effect<Life<A>> {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make();
      const fiber = yield* start.pipe(Scope.provide(scope), Effect.forkIn(scope));
      const life: Life<A> = { place, scope, start: fiber, sandbox: undefined };
      this.byOwner.set(place.key, life);
      return life;
    });
  }

  /** *starting → running*, or to *ended* when the start failed; answers how the start went. */
  settled(life: Life<A>): Effect.Effect<Exit.Exit<A, SandboxError>> {
    return Effect.tap(Effect.interruptible(Fiber.await(life.start)), (exit) => {
      if (Exit.isFailure(exit)) return this.end(life);
      life.sandbox = exit.value;
      return Effect.void;
    });
  }

  /** *starting, running → ended*, under whoever uses it; nothing when it is ended already. */
  end(life: Life<A>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.byOwner.get(life.place.key) !== life) return Effect.void;
      this.byOwner.delete(life.place.key);
      return Effect.andThen(this.sharing.forget(life.place), this.release(life));
    }).pipe(Effect.uninterruptible);
  }

  /** Ends a life and waits until nothing of it is left, also where somebody else is ending it. */
  endWholly(life: Life<A>): Effect.Effect<void> {
    return Effect.andThen(this.end(life), this.release(life));
  }

  /** Ends all at once, so that a shutdown does not take the sum of all stops. */
  readonly endAll: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.byOwner.values()], (life) => this.end(life), { concurrency: "unbounded", discard: true })
  );

  /** The running life that nobody has used for the longest time, among those of a principal when one is named. */
  longestIdle(principal: string | undefined): Life<A> | undefined {
    let oldest: { readonly life: Life<A>; readonly expiresAt: number } | undefined;
    for (const life of this.byOwner.values()) {
      if (life.sandbox === undefined) continue;
      if (principal !== undefined && life.place.owner.principal !== principal) continue;
      const expiresAt = this.sharing.expiryOf(life.place);
      if (expiresAt === undefined) continue;
      if (oldest === undefined || expiresAt < oldest.expiresAt) oldest = { life, expiresAt };
    }
    return oldest?.life;
  }

  private release(life: Life<A>): Effect.Effect<void> {
    // The start goes first, so that nothing is added to a scope that is being closed.
    return Effect.andThen(Fiber.interrupt(life.start), Scope.close(life.scope, Exit.void));
  }
}
