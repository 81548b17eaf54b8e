/**
 * The one reader of `.env`, for the server, the project's tasks and whatever computes their permissions.
 *
 * It needs nothing but leave to read the file: no identity of the process, no library.
 */
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** The file that is read, in the working directory. */
export const dotEnvFile = ".env";

/** The byte order marks of the encodings that editors on Windows write. */
const decode = (bytes: Uint8Array): string =>
  bytes[0] === 0xff && bytes[1] === 0xfe
    ? new TextDecoder("utf-16le").decode(bytes)
    // A leading mark of UTF-8 is dropped by the decoder.
    : new TextDecoder().decode(bytes);

/** The variables of a `.env` file; lines may end as they do on Windows. */
export const parseDotEnv = (bytes: Uint8Array): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(parseEnv(decode(bytes)))) {
    if (value !== undefined) found[name] = value;
  }
  return found;
};

/** What a value may be quoted by, within which lines are its own. */
const quotes: ReadonlySet<string> = new Set(["'", '"', "`"]);

/** The quote that a line leaves open, undefined when it closes it or has none. */
const leftOpen = (value: string): string | undefined => {
  const [quote = ""] = value;
  return quotes.has(quote) && !value.includes(quote, 1) ? quote : undefined;
};

/**
 * The numbers of the lines in a `.env` file that nothing is read from, such as `NAME: value`; the first is 1.
 *
 * *Details*: comments, empty lines and the inner lines of a quoted value are none of them.
 */
export const strayLines = (bytes: Uint8Array): ReadonlyArray<number> => {
  const stray: Array<number> = [];
  let open: string | undefined;
  for (const [index, line] of decode(bytes).split("\n").entries()) {
    if (open !== undefined) {
      if (line.includes(open)) open = undefined;
      continue;
    }
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const equals = text.indexOf("=");
    const name = text.slice(0, Math.max(0, equals)).replace(/^export\s+/, "").trimEnd();
    if (equals < 0 || !/^[A-Za-z_][\w.-]*$/.test(name)) stray.push(index + 1);
    else open = leftOpen(text.slice(equals + 1).trimStart());
  }
  return stray;
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
export const readDotEnv = (): Readonly<Record<string, string>> => parseDotEnv(readBytes());

/** {@link strayLines} of the `.env` file of the working directory; throws when it cannot be read. */
export const readStrayLines = (): ReadonlyArray<number> => strayLines(readBytes());
