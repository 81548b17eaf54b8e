/** Random input that is the same in every run, so that a failure can be seen again. */

/** Numbers and bytes from a seed (mulberry32). */
export const makeRandom = (seed: number) => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
  return { below, bytes };
};
