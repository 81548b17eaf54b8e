/**
 * The way from "work is wanted" to "it is begun": first come, first served, and fair between principals.
 *
 * Beginning is work of ours: a request is read and its run started, or a turn is lowered and sent to its provider. Of
 * a crowd that comes at once only some begin in each turn of the event loop, so that what is already streaming, and
 * who comes after, is served in between.
 */
import { Effect } from "effect";

/** Waits, each for its turn, by principal; principals take turns. */
class FairQueue {
  readonly #waiting = new Map<string, Set<() => void>>();

  add(principal: string, pass: () => void): () => void {
    const own = this.#waiting.get(principal);
    if (own === undefined) this.#waiting.set(principal, new Set([pass]));
    else own.add(pass);
    return () => this.#remove(principal, pass);
  }

  /** Lets the next of the principal pass whose turn it is; false when nobody waits. */
  passOne(): boolean {
    for (const [principal, own] of this.#waiting) {
      // Its place in the order of principals is now the last.
      this.#waiting.delete(principal);
      for (const pass of own) {
        own.delete(pass);
        if (own.size > 0) this.#waiting.set(principal, own);
        pass();
        return true;
      }
    }
    return false;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  #remove(principal: string, pass: () => void): void {
    const own = this.#waiting.get(principal);
    if (own?.delete(pass) === true && own.size === 0) this.#waiting.delete(principal);
  }
}

/**
 * A gate of one process.
 *
 * *Details*: whoever leaves while it waits is forgotten. No deadline of a peer should run before it has passed.
 */
export class OpeningGate {
  readonly #perLoopTurn: number;
  readonly #queue = new FairQueue();
  #passed = 0;
  #isResetDue = false;

  /** Of `perLoopTurn` beginnings the work should be a few milliseconds. */
  constructor(perLoopTurn: number) {
    this.#perLoopTurn = perLoopTurn;
  }

  /** Waits until one more of this principal may begin; nearly always that is at once. */
  pass(principal: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.#queue.isEmpty || this.#passed >= this.#perLoopTurn) return this.#wait(principal);
      this.#count();
      return Effect.void;
    });
  }

  #wait(principal: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const leave = this.#queue.add(principal, () => resume(Effect.void));
      this.#resetSoon();
      return Effect.sync(leave);
    });
  }

  #count(): void {
    this.#passed += 1;
    this.#resetSoon();
  }

  /**
   * Lets the event loop look at its sockets before more may pass.
   *
   * *Details*: while somebody waits that takes a timer. An immediate makes Deno's loop go round without them: it asks
   * the system for what has arrived only at every 61st round as long as there is something else to do.
   */
  #resetSoon(): void {
    if (this.#isResetDue) return;
    this.#isResetDue = true;
    const reset = () => {
      this.#passed = 0;
      while (this.#passed < this.#perLoopTurn && this.#queue.passOne()) this.#passed += 1;
      this.#isResetDue = false;
      if (this.#passed > 0) this.#resetSoon();
    };
    if (this.#queue.isEmpty) setImmediate(reset);
    else setTimeout(reset, 0);
  }
}
