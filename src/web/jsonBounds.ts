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

/**
 * A look at a text that can be taken in steps, so that a long one holds nobody up.
 *
 * *Details*: linear in the text, and over at the first bound that is passed. Strings are skipped, so what they hold
 * counts nothing; whether the text is JSON is not checked.
 */
export class JsonLook {
  /** The first bound that the text passes; undefined while it keeps both. */
  passed: JsonTooComplex | undefined;
  #at = 0;
  #depth = 0;
  #values = 0;
  #isInString = false;

  constructor(private readonly text: string) {}

  get isOver(): boolean {
    return this.passed !== undefined || this.#at >= this.text.length;
  }

  /** Looks at so many characters more; the end of a string without escapes is found beyond them, too. */
  step(characters: number): void {
    const end = Math.min(this.text.length, this.#at + characters);
    while (this.#at < end && this.passed === undefined) {
      if (this.#isInString) this.#inString(end);
      else this.#outside(end);
    }
  }

  /** Goes on in a string that holds an escape. */
  #inString(end: number): void {
    const { text } = this;
    let at = this.#at;
    for (; at < end; at++) {
      const code = text.charCodeAt(at);
      if (code === backslash) at++;
      else if (code === quote) {
        this.#isInString = false;
        at++;
        break;
      }
    }
    this.#at = at;
  }

  #outside(end: number): void {
    const { text } = this;
    let [at, depth, values] = [this.#at, this.#depth, this.#values];
    for (; at < end && !this.#isInString; at++) {
      switch (text.charCodeAt(at)) {
        case quote: {
          // Most strings hold no escape: finding their end is a search that the engine does at once.
          const found = text.indexOf('"', at + 1);
          if (found < 0) at = text.length;
          else if (text.charCodeAt(found - 1) === backslash) this.#isInString = true;
          else at = found;
          break;
        }
        case openBrace:
        case openBracket:
          depth++;
          values++;
          if (depth > depthMax) this.passed = new JsonTooComplex({ bound: "depth", limit: depthMax });
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
      if (values > valuesMax) this.passed = new JsonTooComplex({ bound: "values", limit: valuesMax });
      if (this.passed !== undefined) break;
    }
    [this.#at, this.#depth, this.#values] = [at, depth, values];
  }
}
