/**
 * What a Python source file declares, read without executing it.
 *
 * Only what stands at the left margin counts: functions, classes, the docstrings under them, and
 * `__all__`. Strings and comments are blanked first, so that code inside them is never taken for code.
 */
import type { PythonMember } from "../../domain/PythonModule.ts";

/** What a module says of itself. */
export interface PythonSource {
  /** First line of the module's docstring, "" when it has none. */
  readonly summary: string;
  /** Public functions and classes in source order; those of `__all__` when it is a plain list. */
  readonly members: ReadonlyArray<PythonMember>;
}

/** Characters of one declaration's head; a longer one is no signature for a prompt. */
const headCharsMax = 2_000;

/** Declarations read of one module. */
const declarationsMax = 300;

const stringStart = /(?:[rRbBuUfF]{0,2})("""|'''|"|')/y;

/** The index after the string that opens at `at` with `quote`. A string that is never closed ends with its line. */
const stringEnd = (source: string, at: number, quote: string): number => {
  for (let index = at; index < source.length; index++) {
    if (source[index] === "\\") index++;
    else if (source.startsWith(quote, index)) return index + quote.length;
    else if (quote.length === 1 && source[index] === "\n") return index;
  }
  return source.length;
};

/** The source at the same length with every string and comment blanked; a blanked string has no line breaks. */
const blank = (source: string): string => {
  const pieces: Array<string> = [];
  let from = 0;
  for (let at = 0; at < source.length;) {
    const char = source[at];
    let end = at;
    if (char === "#") {
      const newline = source.indexOf("\n", at);
      end = newline < 0 ? source.length : newline;
    } else if (char === '"' || char === "'") {
      const quote = source.startsWith(char.repeat(3), at) ? char.repeat(3) : char;
      end = stringEnd(source, at + quote.length, quote);
    }
    if (end === at) at++;
    else {
      pieces.push(source.slice(from, at), " ".repeat(end - at));
      at = from = end;
    }
  }
  pieces.push(source.slice(from));
  return pieces.join("");
};

/** The index of the colon that ends the head of a declaration, outside any bracket; -1 when there is none. */
const headEnd = (blanked: string, from: number): number => {
  const limit = Math.min(blanked.length, from + headCharsMax);
  for (let at = from, depth = 0; at < limit; at++) {
    const char = blanked.charAt(at);
    if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (depth === 0 && char === ":") return at;
    else if (depth === 0 && char === "\n" && blanked[at - 1] !== "\\") return -1;
  }
  return -1;
};

/** The first line of the docstring that starts at or after `from`, "" when something else comes first. */
const docstringLine = (source: string, from: number): string => {
  const gap = /(?:\s|#[^\n]*\n|\\\n)*/y;
  gap.lastIndex = from;
  gap.exec(source);
  stringStart.lastIndex = gap.lastIndex;
  const found = stringStart.exec(source);
  const quote = found?.[1];
  if (found === null || quote === undefined || /[bBfF]/.test(found[0])) return "";
  const start = stringStart.lastIndex;
  const text = source.slice(start, stringEnd(source, start, quote) - quote.length);
  return text.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? "";
};

/** The names of `__all__ = ["a", "b"]`, undefined when there is none that is a plain list. */
const exported = (source: string, blanked: string): ReadonlySet<string> | undefined => {
  const at = /^__all__[ \t]{0,20}(?::[^=\n]{0,200})?=[ \t]{0,20}[[(]/m.exec(blanked);
  if (at === null) return undefined;
  const open = at.index + at[0].length;
  const close = blanked.slice(open).search(/[\])]/);
  if (close < 0) return undefined;
  return new Set([...source.slice(open, open + close).matchAll(/["'](\w+)["']/g)].flatMap((found) => found[1] ?? []));
};

/** A line without the comment at its end; one with quotes in it is kept, for its sign may stand in a string. */
const uncommented = (line: string): string => {
  const at = line.indexOf("#");
  return at < 0 || /["']/.test(line.slice(at)) ? line : line.slice(0, at);
};

const tidy = (head: string): string =>
  head.replace(/\\\n/g, " ").split("\n").map(uncommented).join("\n").replace(/\s+/g, " ").replace(/([(\[{]) /g, "$1")
    .replace(/,? ([)\]}])/g, "$1").trim();

/** Reads a module's source. */
export const readPythonSource = (text: string): PythonSource => {
  const source = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const blanked = blank(source);
  const all = exported(source, blanked);
  const members = new Map<string, PythonMember>();
  let read = 0;
  for (const found of blanked.matchAll(/^(async[ \t]{1,20}def|def|class)[ \t]{1,20}(\w{1,200})/gm)) {
    if (++read > declarationsMax) break;
    const [whole, keyword = "", name = ""] = found;
    if (all === undefined ? name.startsWith("_") : !all.has(name)) continue;
    const end = headEnd(blanked, found.index + whole.length);
    if (end < 0) continue;
    const head = tidy(source.slice(found.index + whole.length - name.length, end));
    const signature = keyword === "class" ? `class ${head}` : keyword === "def" ? head : `async ${head}`;
    // A later definition of a name is the one that callers get.
    members.delete(name);
    members.set(name, { signature, summary: docstringLine(source, end + 1) });
  }
  return { summary: docstringLine(source, 0), members: [...members.values()] };
};
