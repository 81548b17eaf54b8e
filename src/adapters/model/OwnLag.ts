/**
 * The time in which this process, and no provider, was slow.
 *
 * What a provider has sent while the event loop was held lies in sockets, and it takes some turns of the loop
 * to read the sockets of thousands; none of that may count as the provider's silence.
 */
import { Clock, Effect, type Scope } from "effect";

/** How often the loop is asked for a turn, in milliseconds: seldom enough to cost nothing. */
const everyMs = 250;
/** A turn that comes so much later says that the loop was held, in milliseconds. */
const lateMsMin = 100;

/** Adds up the time in which the event loop was held. */
export class OwnLag {
  #heldMs = 0;

  /** All of it until now, in milliseconds; what a wait had is the difference. */
  readonly heldMs = (): number => this.#heldMs;

  /** Takes in how long a pause lasted that should have lasted `plannedMs`: a late one counts as a whole. */
  count(plannedMs: number, passedMs: number): void {
    if (passedMs - plannedMs >= lateMsMin) this.#heldMs += passedMs;
  }
}

/** Watches the loop until the scope closes. */
export const watched: Effect.Effect<OwnLag, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock;
  const lag = new OwnLag();
  const turn = Effect.suspend(() => {
    const startNanos = clock.monotonicTimeNanosUnsafe();
    return Effect.map(
      Effect.sleep(everyMs),
      () => lag.count(everyMs, Number(clock.monotonicTimeNanosUnsafe() - startNanos) / 1e6),
    );
  });
  yield* Effect.forkScoped(Effect.forever(turn));
  return lag;
});
