/**
 * Times that a test may judge: one in which others had the processor says nothing of the code, so the best of a few
 * tries counts. What is slow by itself is slow in each of them.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { Effect } from "effect";

const triesMax = 5;
/** Tries of what waits for sockets and for others to be let at the processor: each is short. */
const promptTriesMax = 25;

/** Milliseconds of the processor that this process has had. */
export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The processor's milliseconds that the cheapest of five runs took: others may have it meanwhile. */
export const leastCpuMs = (run: () => unknown): number => {
  let leastMs = Infinity;
  for (let tries = 0; tries < triesMax; tries++) {
    const startedMs = cpuMs();
    run();
    leastMs = Math.min(leastMs, cpuMs() - startedMs);
  }
  return leastMs;
};

/**
 * Whether one thing takes no more times as long as another than it may, in one of five comparisons.
 *
 * *Details*: what is too short to be measured counts as a millisecond of the processor.
 */
export const growsWithin = (times: number, small: () => unknown, large: () => unknown): boolean =>
  Array.from({ length: triesMax }).some(() => leastCpuMs(large) < times * Math.max(1, leastCpuMs(small)));

/**
 * Measures until one time is within the bound, some times at most.
 */
export const isPrompt = <E, R>(boundMs: number, measure: Effect.Effect<number, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const tookMs: Array<number> = [];
    while (tookMs.length < promptTriesMax) {
      const ms = yield* measure;
      if (ms <= boundMs) return;
      tookMs.push(Math.round(ms));
    }
    assert.fail(`took ${tookMs.join(", ")} ms, which is to be at most ${boundMs}`);
  });
