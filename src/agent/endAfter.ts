/**
 * Ends a stream when its time is up, whatever it is waiting for.
 */
import { Array as Arr, Cause, type Duration, Effect, Exit, Fiber, type Scope, Stream } from "effect";
import type { Pulling } from "../services/opening.ts";

/** Elements that are read ahead of the reader while they are ready, so that a burst costs one reading. */
const readAheadMax = 64;

type Ending<E> = Exit.Exit<never, E | Cause.Done>;

/** A stream that is read in a fiber of its own, whenever its reader asks. */
class ReadAside<A, E, R> {
  #found: Array<A> = [];
  /** A reading ends with so many elements; 0 when its reader has gone on without it. */
  #wanted = 1;
  #isReading = false;
  /** Asked for another reading before the fiber of the last came to wait for it. */
  #isAsked = false;
  #expired = false;
  #ending: Ending<E> | undefined;
  #fiber: Fiber.Fiber<never, E | Cause.Done> | undefined;
  /** Begins the next reading, while its fiber waits for that. */
  #begin: (() => void) | undefined;
  /** Tells the reader, while it waits. */
  #tell: ((heard: Pulling<A, E, R>) => void) | undefined;
  readonly #readings: Effect.Effect<never, E | Cause.Done, R>;

  constructor(pull: Pulling<A, E, R>, readonly scope: Scope.Scope) {
    const read: Effect.Effect<never, E | Cause.Done, R> = Effect.flatMap(pull, (ready) => {
      for (const element of ready) this.#found.push(element);
      if (this.#found.length < this.#wanted) return read;
      this.#isReading = false;
      this.#wake();
      return asked;
    });
    const asked = Effect.callback<never, E | Cause.Done, R>((resume) => {
      if (this.#isAsked) {
        this.#isAsked = false;
        return resume(read);
      }
      this.#begin = () => resume(read);
      return Effect.sync(() => {
        this.#begin = undefined;
      });
    });
    this.#readings = Effect.onExit(read, (ending) =>
      Effect.sync(() => {
        this.#isReading = false;
        this.#ending = ending;
        this.#wake();
      }));
  }

  /** Ends the reading that is under way, and lets none follow. */
  readonly expire: Effect.Effect<void> = Effect.suspend(() => {
    this.#expired = true;
    return this.#isReading && this.#fiber !== undefined ? Fiber.interrupt(this.#fiber) : Effect.void;
  });

  readonly next: Pulling<A, E, R> = Effect.suspend(() => {
    if (this.#found.length > 0 || this.#isReading || this.#ending !== undefined) return this.#heard();
    if (this.#expired) return Cause.done();
    this.#isReading = true;
    if (this.#fiber !== undefined) {
      this.#wanted = readAheadMax;
      this.#ask();
      return this.#heard();
    }
    return Effect.flatMap(Effect.forkIn(this.#readings, this.scope, { startImmediately: true }), (fiber) => {
      this.#fiber = fiber;
      return this.#heard();
    });
  });

  #ask(): void {
    const begin = this.#begin;
    this.#begin = undefined;
    if (begin === undefined) this.#isAsked = true;
    else begin();
  }

  #wake(): void {
    const tell = this.#tell;
    this.#tell = undefined;
    tell?.(this.#heard());
  }

  /** What the reading has found; one that waits ends with its next array, so that nothing waits for more. */
  #heard(): Pulling<A, E, R> {
    if (this.#isReading) this.#wanted = 0;
    const ready = this.#found;
    if (Arr.isArrayNonEmpty(ready)) {
      this.#found = [];
      return Effect.succeed(ready);
    }
    if (this.#ending === undefined) return this.#told;
    return this.#expired && Exit.hasInterrupts(this.#ending) ? Cause.done() : this.#ending;
  }

  readonly #told: Pulling<A, E, R> = Effect.callback((resume) => {
    // Looked at again: a fiber may yield between its look and its wait.
    if (this.#found.length > 0 || this.#ending !== undefined) return resume(this.#heard());
    this.#tell = resume;
    return Effect.sync(() => {
      this.#tell = undefined;
    });
  });
}

/**
 * Ends a stream a given time after it was first read; what it is doing then is interrupted.
 *
 * *Details*: reading runs in a fiber of its own, one for the whole stream, so that the timer can interrupt it
 * without interrupting the reader. The first array is passed on as it comes; afterwards what is ready together
 * is passed on together, and what is slow is passed on at once. `Stream.interruptWhen` merges two streams,
 * and every array then crosses two fibers and a queue.
 */
export const endAfter = (time: Duration.Duration) => <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.transformPull(self, (pull, scope) =>
    Effect.suspend(() => {
      const aside = new ReadAside(pull, scope);
      const timer = Effect.andThen(Effect.sleep(time), aside.expire);
      return Effect.as(Effect.forkIn(timer, scope), aside.next);
    }));
