/**
 * What has arrived of a provider's answer and has not been read yet.
 *
 * One belongs to one turn. The connection feeds it from its own callbacks, the turn's stream reads it; it
 * keeps no more than a bounded number of values, and asks the connection to pause above that.
 */
import { Array as Arr, Cause, Effect } from "effect";
import type { Pulling } from "../../services/opening.ts";
import { BodyReader } from "./bodyReader.ts";
import type { Fault } from "./fault.ts";

/** Values that wait before the connection is paused: several socket reads, and little memory. */
const waitingMax = 1024;

/** The connection, as far as reading it can be held up. */
export interface Flow {
  readonly pause: () => void;
  readonly resume: () => void;
}

/** A queue with one writer and one reader. */
export class Arrivals {
  readonly #body = new BodyReader();
  readonly #flow: Flow;
  #isPaused = false;
  #hasEnded = false;
  #failure: Fault | undefined;
  #wake: (() => void) | undefined;
  #isWakeDue = false;
  #hasWoken = false;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** Whether it is known that nothing more will come. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the answer itself said that nothing follows. */
  get saidDone(): boolean {
    return this.#body.saidDone;
  }

  /** Whether the reader waits for the provider. */
  get isAwaited(): boolean {
    return this.#wake !== undefined && !this.#isWakeDue;
  }

  /** Takes in text from the connection. */
  feed(text: string): void {
    const before = this.#body.foundCount;
    this.#body.feed(text);
    if (this.#body.foundCount > waitingMax && !this.#isPaused) {
      this.#isPaused = true;
      this.#flow.pause();
    }
    if (this.#body.foundCount > before || this.#body.isOver) this.#wakeSoon();
  }

  /** Takes in that the provider has sent everything. */
  end(): void {
    if (this.#hasEnded) return;
    this.#body.end();
    this.#hasEnded = true;
    this.#wakeSoon();
  }

  /** Takes in that nothing more will come; what has arrived is still read first. */
  fail(failure: Fault): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#failure = failure;
    this.#wakeSoon();
  }

  /**
   * Reads what has arrived since the last time, and waits when that is nothing.
   *
   * *Details*: what one read of the socket brings comes together, but the first value never waits for a
   * second. Ends with the body, fails with what is wrong with it.
   */
  readonly read: Pulling<unknown, Fault> = Effect.suspend(() => this.#now() ?? this.#later);

  /** The outcome of a read, undefined while the provider has to be waited for. */
  #now(): Pulling<unknown, Fault> | undefined {
    const values = this.#body.take();
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#flow.resume();
    }
    if (Arr.isReadonlyArrayNonEmpty(values)) return Effect.succeed(values);
    if (this.#body.failure !== undefined) return Effect.fail(this.#body.failure);
    if (this.#failure !== undefined) return Effect.fail(this.#failure);
    return this.#hasEnded || this.#body.isOver ? Cause.done() : undefined;
  }

  /** Waits until something has arrived, and is woken with it. */
  readonly #later: Pulling<unknown, Fault> = Effect.callback((resume) => {
    // Looked at again: a fiber may yield between its look and its wait.
    const arrived = this.#now();
    if (arrived !== undefined) return resume(arrived);
    this.#wake = () => resume(this.#now() ?? this.read);
    return Effect.sync(() => {
      this.#wake = undefined;
    });
  });

  /** Wakes the reader: at once for the first value, else when this read of the socket has been taken in. */
  #wakeSoon(): void {
    if (this.#wake === undefined || this.#isWakeDue) return;
    if (!this.#hasWoken) {
      this.#hasWoken = true;
      this.#tell();
      return;
    }
    this.#isWakeDue = true;
    queueMicrotask(() => {
      this.#isWakeDue = false;
      this.#tell();
    });
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
