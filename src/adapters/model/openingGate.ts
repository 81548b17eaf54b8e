/**
 * The way from "a turn is wanted" to "it is opened": first come, first served, and fair between principals.
 *
 * Opening a turn is work of ours: its messages are lowered, its request is made and sent. Of a crowd that
 * comes at once only some are opened in each turn of the event loop, so that what is already streaming, and
 * who comes after, is served in between. No deadline runs before a turn has passed.
 */
import { Effect } from "effect";

/** Turns that are opened in one turn of the event loop: a few milliseconds of work. */
const openedPerLoopTurn = 8;

/** Waits, each for its turn, by principal; principals take turns. */
class FairQueue {
  readonly #waiting = new Map<string, Array<() => void>>();

  add(principal: string, pass: () => void): () => void {
    const own = this.#waiting.get(principal);
    if (own === undefined) this.#waiting.set(principal, [pass]);
    else own.push(pass);
    return () => this.#remove(principal, pass);
  }

  /** Lets the next of the principal pass whose turn it is; false when nobody waits. */
  passOne(): boolean {
    for (const [principal, own] of this.#waiting) {
      const pass = own.shift();
      // Its place in the order of principals is now the last.
      this.#waiting.delete(principal);
      if (own.length > 0) this.#waiting.set(principal, own);
      if (pass === undefined) continue;
      pass();
      return true;
    }
    return false;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  #remove(principal: string, pass: () => void): void {
    const own = this.#waiting.get(principal);
    const at = own?.indexOf(pass) ?? -1;
    if (own === undefined || at < 0) return;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(principal);
  }
}

/** A gate of one process. */
export class OpeningGate {
  readonly #queue = new FairQueue();
  #passed = 0;
  #isResetDue = false;

  /** Waits until a turn of this principal may be opened; nearly always that is at once. */
  pass(principal: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.#queue.isEmpty && this.#passed < openedPerLoopTurn) {
        this.#count();
        resume(Effect.void);
        return;
      }
      this.#resetSoon();
      const leave = this.#queue.add(principal, () => resume(Effect.void));
      return Effect.sync(leave);
    });
  }

  #count(): void {
    this.#passed += 1;
    this.#resetSoon();
  }

  /** Lets the event loop look at its sockets before more may pass. */
  #resetSoon(): void {
    if (this.#isResetDue) return;
    this.#isResetDue = true;
    setImmediate(() => {
      this.#isResetDue = false;
      this.#passed = 0;
      while (this.#passed < openedPerLoopTurn && this.#queue.passOne()) this.#count();
    });
  }
}
