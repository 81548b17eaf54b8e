/**
 * The line in which starts wait for their turn, fair between principals.
 */
import { Effect, PartitionedSemaphore, type Scope } from "effect";
import { SandboxError, StartFailed } from "../../../services/Sandbox.ts";

/** A hundred starts on one core take half a minute, on a busy one twice that; who waits longer is better told so. */
const waitMsMax = 120_000;

/** Turns to start a sandbox. */
export interface StartLine {
  /**
   * Waits for a turn and holds it until the scope closes.
   *
   * *Details*: who of a principal came first is served first; principals take turns, so one that starts
   * many delays another by one start.
   *
   * *Fails with* `SandboxError`, reason `StartFailed`, after two minutes without a turn.
   */
  readonly turn: (principal: string) => Effect.Effect<void, SandboxError, Scope.Scope>;
}

/** Makes a line with so many turns at once, at least one. */
export const make = Effect.fnUntraced(function* (turnsAtOnce: number): Effect.fn.Return<StartLine> {
  const turns = yield* PartitionedSemaphore.make<string>({ permits: Math.max(1, turnsAtOnce) });
  return {
    turn: (principal) =>
      Effect.acquireRelease(turns.take(principal, 1), () => turns.release(1), { interruptible: true }).pipe(
        Effect.timeoutOrElse({
          duration: waitMsMax,
          orElse: () =>
            Effect.fail(
              new SandboxError({ reason: new StartFailed(), detail: `no turn to start within ${waitMsMax} ms` }),
            ),
        }),
      ),
  };
});
