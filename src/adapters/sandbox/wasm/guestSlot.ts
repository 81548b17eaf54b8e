/**
 * The place of a guest process: one at a time, asked in turn, replaced when it can be used no more.
 *
 * *empty → occupied* when a guest has said hello; *occupied → empty* when it is discarded: it was killed
 * for a timeout or an interruption, ran out of memory, wore out, or went away by itself.
 */
import { Effect, Exit, Scope, Semaphore } from "effect";
import { SandboxError, SandboxLost, StartFailed } from "../../../services/Sandbox.ts";
import type { Guest, GuestGone } from "./Guest.ts";

/** Starts a guest in a scope whose closing kills it. */
export type StartGuest = Effect.Effect<Guest, GuestGone, Scope.Scope>;

/** The guest of one owner, whichever process it is. */
export class GuestSlot {
  private current: { readonly guest: Guest; readonly scope: Scope.Closeable } | undefined;

  private constructor(
    private readonly start: StartGuest,
    private readonly scope: Scope.Scope,
    private readonly turn: Semaphore.Semaphore,
  ) {}

  /** An empty slot; the scope's end kills what is in it then. */
  static make(start: StartGuest): Effect.Effect<GuestSlot, never, Scope.Scope> {
    return Effect.gen(function* () {
      return new GuestSlot(start, yield* Effect.scope, yield* Semaphore.make(1));
    });
  }

  /** Fills an empty slot. *Fails with* `SandboxError`, reason `StartFailed`. */
  get fill(): Effect.Effect<void, SandboxError> {
    return Effect.asVoid(Semaphore.withPermit(this.turn, this.occupied));
  }

  /**
   * Asks in turn; whatever cuts the request short takes the process with it, for its answer would be the
   * next one's.
   */
  inTurn<A, E>(use: (guest: Guest) => Effect.Effect<A, E>): Effect.Effect<A, E | SandboxError> {
    return Semaphore.withPermit(
      this.turn,
      Effect.flatMap(this.occupied, (running) => use(running).pipe(Effect.onInterrupt(() => this.replace))),
    );
  }

  /** *occupied → empty*, and a successor is started in the background. */
  get replace(): Effect.Effect<void> {
    return Effect.andThen(this.discard, Effect.asVoid(Effect.forkIn(Effect.ignore(this.fill), this.scope)));
  }

  /** Replaces a guest that went away under a request, which then fails with `SandboxLost`. */
  lost(gone: GuestGone): Effect.Effect<never, SandboxError> {
    return Effect.andThen(
      this.replace,
      new SandboxError({ reason: new SandboxLost(), detail: gone.detail, cause: gone.cause }),
    );
  }

  private get discard(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const old = this.current;
      this.current = undefined;
      return old === undefined ? Effect.void : Scope.close(old.scope, Exit.void);
    });
  }

  /** The guest, started when there is none; only in turn. */
  private get occupied(): Effect.Effect<Guest, SandboxError> {
    return Effect.gen({ self: this }, function* () {
      if (this.current !== undefined && !this.current.guest.isGone()) return this.current.guest;
      yield* this.discard;
      const scope = yield* Scope.fork(this.scope);
      const guest = yield* this.start.pipe(
        Scope.provide(scope),
        Effect.onError(() => Scope.close(scope, Exit.void)),
        Effect.mapError((gone) =>
          new SandboxError({ reason: new StartFailed(), detail: gone.detail, cause: gone.cause })
        ),
      );
      this.current = { guest, scope };
      return guest;
    });
  }
}
