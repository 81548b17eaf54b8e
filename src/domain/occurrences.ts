/**
 * Where bytes occur in bytes, in linear time whatever either holds.
 */

/** Length of the longest proper prefix of the needle that also ends at each of its bytes. */
const bordersOf = (needle: Uint8Array): Int32Array => {
  const borders = new Int32Array(needle.length);
  let matched = 0;
  for (let at = 1; at < needle.length; at++) {
    while (matched > 0 && needle[at] !== needle[matched]) matched = borders[matched - 1] ?? 0;
    if (needle[at] === needle[matched]) matched++;
    borders[at] = matched;
  }
  return borders;
};

/**
 * The offsets at which a needle stands in a text, first to last, none of them overlapping.
 *
 * *Details*: Knuth, Morris and Pratt's search, because the engine's own takes the product of both lengths for texts
 * that repeat themselves, and both are a model's own. An empty needle is nowhere.
 */
export const occurrencesOf = (text: Uint8Array, needle: Uint8Array): ReadonlyArray<number> => {
  if (needle.length === 0) return [];
  const borders = bordersOf(needle);
  const found: Array<number> = [];
  let matched = 0;
  for (let at = 0; at < text.length; at++) {
    while (matched > 0 && text[at] !== needle[matched]) matched = borders[matched - 1] ?? 0;
    if (text[at] === needle[matched]) matched++;
    if (matched === needle.length) {
      found.push(at + 1 - needle.length);
      matched = 0;
    }
  }
  return found;
};
