/**
 * How intricate a JSON text is, told before it is parsed.
 *
 * Parsing makes an object for every brace and a slot for every value, so thirty megabytes of `{}` cost
 * seconds and gigabytes where thirty megabytes of text cost nothing. Counting costs a look at each
 * character outside of strings.
 */
import { JsonTooComplex } from "./BodyError.ts";

/** Levels of nesting; a schema of a tool has a dozen, and what reads a body recurses. */
export const depthMax = 256;
/**
 * Values and keys in all: ten thousand messages with their tool calls have a hundred thousand. As many as
 * this are parsed and checked within the time that other requests can wait.
 */
export const valuesMax = 200_000;

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** Where a string that begins at `start` ends; the length of the text when it does not. */
const stringEnd = (text: string, start: number): number => {
  // Most strings hold no escape: finding their end is a search that the engine does at once.
  const found = text.indexOf('"', start + 1);
  if (found < 0) return text.length;
  if (text.charCodeAt(found - 1) !== backslash) return found;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
  }
  return text.length;
};

/**
 * The first bound that a text passes, undefined when it keeps both; whether it is JSON is not checked.
 *
 * *Details*: linear in the text, and it stops at the first bound. Strings are skipped, so what they hold
 * counts nothing.
 */
export const jsonTooComplex = (text: string): JsonTooComplex | undefined => {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = stringEnd(text, at);
        break;
      case openBrace:
      case openBracket:
        depth++;
        values++;
        if (depth > depthMax) return new JsonTooComplex({ bound: "depth", limit: depthMax });
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case comma:
      case colon:
        values++;
        break;
      default:
        continue;
    }
    if (values > valuesMax) return new JsonTooComplex({ bound: "values", limit: valuesMax });
  }
  return undefined;
};
