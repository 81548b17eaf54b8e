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

const isMissing = (thrown: unknown): boolean => thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";

/** Reads the `.env` file of the working directory, none when there is no such file; throws when it cannot be read. */
export const readDotEnv = (): Readonly<Record<string, string>> => {
  try {
    return parseDotEnv(readFileSync(dotEnvFile));
  } catch (thrown) {
    if (isMissing(thrown)) return {};
    throw thrown;
  }
};
