/**
 * The bytes of files on a disk: `files/OWNER/ID` in the data directory, readable by the server's own user only.
 *
 * Bytes are written beside their place and take it whole, so that a crash leaves drafts and never half a file. Several
 * instances share the directory.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Effect, Layer, Schema, Stream } from "effect";
import { Settings } from "../../config.ts";
import { makeToken } from "../../domain/ids.ts";
import { OwnerKey } from "../../domain/Owner.ts";
import { FileBytes, type FileBytesService, FilesUnavailable } from "../../services/FileStore.ts";

const folder = "files";
const folderMode = 0o700;
const fileMode = 0o600;
/** Bytes that are read at a time. */
const pieceBytes = 64 * 1024;
const draftSuffix = ".part";

const isOwnerKey = Schema.is(OwnerKey);
/** Ids are made here; whatever else is asked for is no name of a file. */
const isId = (text: string): boolean => /^file-[0-9a-f]{1,64}$/.test(text);

const codeOf = (cause: unknown): unknown => cause instanceof Error && "code" in cause ? cause.code : undefined;

const unavailable = (cause: unknown): FilesUnavailable => {
  const code = codeOf(cause);
  return new FilesUnavailable({
    reason: code === "ENOSPC" || code === "EDQUOT" ? "NoSpace" : code === "ENOENT" ? "Missing" : "Failed",
    detail: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
};

const attempt = <A>(work: () => Promise<A>) => Effect.tryPromise({ try: work, catch: unavailable });

/** What is not there is as good as removed. */
const orNothing = <A>(work: () => Promise<A>, nothing: A) =>
  Effect.catchIf(attempt(work), ({ reason }) => reason === "Missing", () => Effect.succeed(nothing));

const closed = (file: FileHandle) => Effect.ignore(attempt(() => file.close()));

/** Writes all bytes, however few the system takes at once. */
const writeAll = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
};

const draftIn = Effect.fnUntraced(function* (directory: string) {
  const path = join(directory, `${makeToken()}${draftSuffix}`);
  yield* attempt(() => mkdir(directory, { recursive: true, mode: folderMode }));
  const file = yield* Effect.acquireRelease(
    attempt(() => open(path, "wx", fileMode)),
    (opened) => Effect.andThen(closed(opened), Effect.ignore(attempt(() => rm(path, { force: true })))),
  );
  return {
    write: (bytes: Uint8Array) => attempt(() => writeAll(file, bytes)),
    keep: (id: string) =>
      attempt(async () => {
        await file.datasync();
        await rename(path, join(directory, id));
      }),
  };
});

const readFrom = (path: string): Stream.Stream<Uint8Array, FilesUnavailable> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(attempt(() => open(path, "r")), closed),
      (file) =>
        Stream.unfold(0, (at) =>
          Effect.map(
            attempt(() => file.read(new Uint8Array(pieceBytes), 0, pieceBytes, at)),
            ({ buffer, bytesRead }) =>
              bytesRead === 0 ? undefined : [buffer.subarray(0, bytesRead), at + bytesRead] as const,
          )),
    ),
  );

/** Makes the keeper of bytes in a directory, which is made with the first file. */
export const make = (root: string): FileBytesService => {
  const at = (keeper: OwnerKey) => join(root, keeper);
  const place = (keeper: OwnerKey, id: string) =>
    isId(id)
      ? Effect.succeed(join(at(keeper), id))
      : Effect.fail(new FilesUnavailable({ reason: "Missing", detail: "not an id of a file" }));
  const names = (directory: string) => orNothing(() => readdir(directory), []);

  const sweep = <E>(beforeMs: number, isKept: (keeper: OwnerKey, id: string) => Effect.Effect<boolean, E>) =>
    Effect.gen(function* () {
      let removed = 0;
      for (const keeper of yield* names(root)) {
        if (!isOwnerKey(keeper)) continue;
        for (const name of yield* names(at(keeper))) {
          const path = join(at(keeper), name);
          const changedMs = yield* orNothing(async () => (await stat(path)).mtimeMs, beforeMs);
          if (changedMs >= beforeMs || (isId(name) && (yield* isKept(keeper, name)))) continue;
          yield* attempt(() => rm(path, { force: true }));
          removed++;
        }
      }
      return removed;
    });

  return {
    draft: (keeper) => draftIn(at(keeper)),
    read: (keeper, id) => Stream.unwrap(Effect.map(place(keeper, id), readFrom)),
    check: (keeper, id) =>
      Effect.flatMap(place(keeper, id), (path) => attempt(async () => await (await open(path, "r")).close())),
    remove: (keeper, id) => Effect.flatMap(place(keeper, id), (path) => attempt(() => rm(path, { force: true }))),
    erase: (keeper) => attempt(() => rm(at(keeper), { recursive: true, force: true })),
    sweep,
  };
};

/** Bytes in the data directory of the settings. */
export const layer: Layer.Layer<FileBytes, never, Settings> = Layer.effect(
  FileBytes,
  Effect.map(Settings, ({ dataPath }) => make(join(dataPath, folder))),
);
