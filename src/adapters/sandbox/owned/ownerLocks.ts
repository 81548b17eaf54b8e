/**
 * One lock per owner, there while somebody holds it or waits for it.
 */
import { Effect, type Scope, Semaphore } from "effect";
import type { OwnerKey } from "../../../domain/Owner.ts";

interface Lock {
  readonly semaphore: Semaphore.Semaphore;
  interested: number;
}

/** The locks of all owners. */
export class OwnerLocks {
  private readonly locks = new Map<OwnerKey, Lock>();

  /** Holds the owner's lock for the scope, first come, first served: nobody else starts or destroys meanwhile. */
  hold(key: OwnerKey): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.join(key)),
      (lock) => Effect.sync(() => this.leave(key, lock)),
    ).pipe(Effect.flatMap(({ semaphore }) => Semaphore.takeScoped(semaphore, 1)), Effect.asVoid);
  }

  private join(key: OwnerKey): Lock {
    const lock = this.locks.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), interested: 0 };
    lock.interested++;
    this.locks.set(key, lock);
    return lock;
  }

  private leave(key: OwnerKey, lock: Lock): void {
    if (--lock.interested === 0) this.locks.delete(key);
  }
}
