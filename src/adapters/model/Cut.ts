/**
 * Ends the opening of an answer from outside, when it has taken too long.
 *
 * One belongs to one turn. What opens waits in the turn's own fiber, and hears of its end here: racing it against a
 * timer would cost two fibers for each turn.
 */
import { Effect } from "effect";
import type { Fault } from "./fault.ts";

/** The end of an opening, once it is cut. */
export class Cut {
  #failure: Fault | undefined;
  #heard: ((failure: Fault) => void) | undefined;

  /** What it was cut with, if it was. */
  get failure(): Fault | undefined {
    return this.#failure;
  }

  /** Ends what opens now, and whatever would open afterwards. */
  now(failure: Fault): void {
    this.#failure ??= failure;
    const heard = this.#heard;
    this.#heard = undefined;
    heard?.(this.#failure);
  }

  /** Calls back when it is cut, at once when it has been; only the newest that asked is called. */
  whenCut(heard: (failure: Fault) => void): void {
    if (this.#failure === undefined) this.#heard = heard;
    else heard(this.#failure);
  }

  /** Waits for nothing else. *Fails with* what it is cut with. */
  readonly awaited: Effect.Effect<never, Fault> = Effect.callback((resume) =>
    this.whenCut((failure) => resume(Effect.fail(failure)))
  );
}
