/**
 * Cutting foreign text for display.
 *
 * A character beyond the basic plane is two units of a string. A cut between them leaves half a character, which some
 * JSON readers and databases refuse, so every place that shortens somebody's text does it here.
 */

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Whether a cut before `at` would part the two halves of one character. */
const partsPair = (text: string, at: number): boolean =>
  at > 0 && at < text.length && isHighSurrogate(text.charCodeAt(at - 1)) && isLowSurrogate(text.charCodeAt(at));

/** The beginning of a text, at most `unitsMax` UTF-16 units and never half a character. */
export const headOf = (text: string, unitsMax: number): string =>
  text.length <= unitsMax ? text : text.slice(0, partsPair(text, unitsMax) ? unitsMax - 1 : unitsMax);

/** The end of a text, at most `unitsMax` UTF-16 units and never half a character. */
export const tailOf = (text: string, unitsMax: number): string => {
  if (text.length <= unitsMax) return text;
  const from = text.length - unitsMax;
  return text.slice(partsPair(text, from) ? from + 1 : from);
};

/** A text of at most `unitsMax` UTF-16 units as it is, a longer one cut there and marked with `…`. */
export const cutText = (text: string, unitsMax: number): string =>
  text.length <= unitsMax ? text : `${headOf(text, unitsMax)}…`;

/** Keeps head and tail of a text that is longer than `unitsMax` UTF-16 units, and says how much is left out. */
export const cutMiddle = (text: string, unitsMax: number): string => {
  if (text.length <= unitsMax) return text;
  const half = Math.floor(unitsMax / 2);
  const [head, tail] = [headOf(text, half), tailOf(text, half)];
  return `${head}\n… ${text.length - head.length - tail.length} characters left out …\n${tail}`;
};
