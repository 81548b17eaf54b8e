/**
 * The one reader of `.env`, for the server, the project's tasks and whatever computes their permissions.
 *
 * It needs nothing but leave to read the file: no identity of the process, no library.
 */
import { readFileSync } from "node:fs";

/** The file that is read, in the working directory. */
export const dotEnvFile = ".env";

/** The byte order marks of the encodings that editors on Windows write. */
const decode = (bytes: Uint8Array): string =>
  bytes[0] === 0xff && bytes[1] === 0xfe
    ? new TextDecoder("utf-16le").decode(bytes)
    // A leading mark of UTF-8 is dropped by the decoder.
    : new TextDecoder().decode(bytes);

/** What a `.env` file says, and the numbers of its lines that say nothing; the first line is 1. */
interface DotEnv {
  readonly variables: Readonly<Record<string, string>>;
  readonly stray: ReadonlyArray<number>;
}

/** What a value may be quoted by, within which lines are its own. */
const quotes: ReadonlySet<string> = new Set(["'", '"', "`"]);

/** Where the quote that a text begins with is closed, else -1; a `\\` keeps the next character between `"`. */
const closingQuote = (text: string): number => {
  const quote = text[0];
  for (let at = 1; at < text.length; at++) {
    if (text[at] === "\\" && quote === '"') at += 1;
    else if (text[at] === quote) return at;
  }
  return -1;
};

const escapes: Readonly<Record<string, string>> = { n: "\n", '"': '"', "\\": "\\" };

const quotedValue = (text: string, end: number): string => {
  const inner = text.slice(1, end);
  return text[0] === '"' ? inner.replace(/\\(.)/gs, (whole, character: string) => escapes[character] ?? whole) : inner;
};

/** A value without quotes ends where a comment begins, or with its line. */
const bareValue = (line: string): string => (line.split("#")[0] ?? "").trim();

/** The quoted value that begins in a line and the number of lines it takes; undefined where its quote is not closed. */
const quotedFrom = (lines: ReadonlyArray<string>, first: string, index: number) => {
  if (!quotes.has(first[0] ?? "")) return undefined;
  const here = closingQuote(first);
  if (here > 0) return { value: quotedValue(first, here), lines: 1 };
  let text = first;
  for (let more = 1; index + more < lines.length && more < quotedLinesMax; more++) {
    text += `\n${lines[index + more]}`;
    const end = closingQuote(text);
    if (end > 0) return { value: quotedValue(text, end), lines: more + 1 };
  }
  return undefined;
};

/** Lines of one value; a private key has some thirty. Each further one is read over again. */
const quotedLinesMax = 200;

/**
 * Reads a `.env` file, the same under every runtime: Node's and Deno's own readers differ, and Node 18 has none.
 *
 * *Details*: lines may end as they do on Windows, `export` may stand before a name. Comments and empty lines are not
 * stray.
 */
export const parseDotEnv = (bytes: Uint8Array): DotEnv => {
  const variables: Record<string, string> = {};
  const stray: Array<number> = [];
  const lines = decode(bytes).replaceAll("\r\n", "\n").split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? "").trim();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = line.slice(0, Math.max(0, equals)).replace(/^export\s+/, "").trimEnd();
    if (!/^[A-Za-z_][\w.-]*$/.test(name)) {
      stray.push(index + 1);
      continue;
    }
    const first = line.slice(equals + 1).trimStart();
    const quoted = quotedFrom(lines, first, index);
    variables[name] = quoted === undefined ? bareValue(first) : quoted.value;
    index += (quoted?.lines ?? 1) - 1;
  }
  return { variables, stray };
};

const isMissing = (thrown: unknown): boolean => thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";

const readBytes = (): Uint8Array => {
  try {
    return readFileSync(dotEnvFile);
  } catch (thrown) {
    if (isMissing(thrown)) return new Uint8Array();
    throw thrown;
  }
};

/** Reads the `.env` file of the working directory, none when there is no such file; throws when it cannot be read. */
export const readDotEnv = (): Readonly<Record<string, string>> => parseDotEnv(readBytes()).variables;

/** The numbers of the lines of that file which say nothing; throws when it cannot be read. */
export const readStrayLines = (): ReadonlyArray<number> => parseDotEnv(readBytes()).stray;
