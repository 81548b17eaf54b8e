/**
 * The file of hashed API keys: making, listing and revoking them.
 *
 * The file is replaced as a whole, so a server that reads it sees the old keys or the new ones.
 */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DateTime, Effect, Option, Schema } from "effect";
import type { SettingsService } from "../../config.ts";
import { decodeKeyFile, type KeyFile, makeKey, StoredKey } from "./apiKeys.ts";

/** The key file cannot be read, written or changed as asked. */
export class KeyFileError extends Schema.TaggedError<KeyFileError>()("KeyFileError", {
  path: Schema.String,
  why: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `${this.path}: ${this.why}`;
  }
}

/** The key file of a server and of the task that keeps it: the one that is named, else the data directory's. */
export const keyFilePath = (settings: Pick<SettingsService, "apiKeysFile" | "dataPath">): string =>
  Option.getOrElse(settings.apiKeysFile, () => join(settings.dataPath, "keys.json"));

const empty: KeyFile = { version: 1, keys: [] };

/** Whether a file system call failed for want of the file. */
export const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ENOENT";

/** Reads the keys of a file; a file that is not there yet has none. */
export const readKeys = Effect.fnUntraced(function* (path: string) {
  const text = yield* Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => cause }).pipe(
    Effect.catch((cause) =>
      isMissing(cause)
        ? Effect.succeed(JSON.stringify(empty))
        : Effect.fail(new KeyFileError({ path, why: "cannot be read", cause }))
    ),
  );
  return yield* Effect.mapError(
    decodeKeyFile(text),
    (cause) => new KeyFileError({ path, why: "is not a key file", cause }),
  );
});

const writeKeys = (path: string, file: KeyFile) =>
  Effect.tryPromise({
    try: async () => {
      const directory = dirname(path);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const temporary = `${path}.new`;
      await writeFile(temporary, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
      await chmod(temporary, 0o600);
      await rename(temporary, path);
    },
    catch: (cause) => new KeyFileError({ path, why: "cannot be written", cause }),
  });

const isName = Schema.is(StoredKey.fields.name);

/** Adds a key under a name and returns it; it cannot be read again. A name may have several keys. */
export const createKey = Effect.fnUntraced(function* (path: string, name: string) {
  if (!isName(name)) {
    return yield* new KeyFileError({ path, why: "a name is 1 to 64 letters, digits and ._@-" });
  }
  const file = yield* readKeys(path);
  const { key, stored } = makeKey(name, DateTime.formatIso(yield* DateTime.now));
  yield* writeKeys(path, { ...file, keys: [...file.keys, stored] });
  return { key, stored };
});

/** Removes the key with an id, or every key of a name, and returns what was removed. */
export const revokeKeys = Effect.fnUntraced(function* (path: string, idOrName: string) {
  const file = yield* readKeys(path);
  const revoked = file.keys.filter(({ id, name }) => id === idOrName || name === idOrName);
  if (revoked.length === 0) {
    return yield* new KeyFileError({ path, why: "has no key with this id or name; keys list shows those it has" });
  }
  yield* writeKeys(path, { ...file, keys: file.keys.filter((key) => !revoked.includes(key)) });
  return revoked;
});
