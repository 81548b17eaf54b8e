/**
 * Work of ours on texts that may be long, done in steps between which others are served.
 */
import { Effect } from "effect";

/** Characters or bytes of a text that are worked on at a time: a few milliseconds of any work of ours. */
export const stepLength = 4 * 1024 * 1024;

/**
 * Lets the event loop serve everybody else, sockets included.
 *
 * *Details*: a timer. While an immediate waits, Deno asks the system for what has arrived only at every 61st round.
 */
export const loopTurn: Effect.Effect<void> = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 0);
  return Effect.sync(() => clearTimeout(timer));
});
