/**
 * A ZIP archive of files, written while they are read: nobody holds more than a piece of one.
 *
 * *Details*: files are stored as they are, since packing would hold the event loop for all others. What a file
 * grows beyond its listed size while it is read is left out, and a file that cannot be read any more ends where it
 * ended; the last entry of the archive then names it.
 */
import { Effect, Option, Stream } from "effect";
import type { FileEntry, FileError, SandboxError, SandboxHandle } from "../../services/Sandbox.ts";

/** Bytes of an archive: what the format takes without extensions that not every reader knows, less its own records. */
export const archiveBytesMax = 4 * 1024 ** 3 - 64 * 1024 ** 2;

/** Files of an archive, by the same reason. */
const archiveFilesMax = 65_000;

/** A name as readers on every system take it: relative, and without characters that one of them gives a meaning. */
const entryName = (path: string): string =>
  path.replace(/^\/(?:workspace\/)?/, "").replaceAll("\\", "_").toWellFormed();

// Loaded when an archive is asked for: its tables are computed as it is loaded.
const loadWriter = Effect.promise(() => import("./ArchiveWriter.ts"));

/**
 * Streams an archive of files, in the order given.
 *
 * *Fails with* `SandboxError` in the middle when the sandbox is lost; a file that fails is named in the archive.
 */
export const archiveOf = (
  readBytes: SandboxHandle["readBytes"],
  files: ReadonlyArray<FileEntry>,
): Stream.Stream<Uint8Array, SandboxError> =>
  Stream.unwrap(Effect.map(loadWriter, ({ ArchiveWriter }) => {
    const writing = new ArchiveWriter();
    const written = Stream.fromIterableEffect(Effect.sync(() => writing.take()));

    const one = (file: FileEntry): Stream.Stream<Uint8Array, SandboxError> =>
      Stream.suspend(() => {
        const entry = writing.begin(entryName(file.path), file.modifiedAtMs);
        const bytes = file.sizeBytes === 0 ? Stream.empty : readBytes(file.path, { offset: 0, length: file.sizeBytes });
        let takenBytes = 0;
        const pieces = Stream.flatMap(bytes, (piece) => {
          takenBytes += piece.length;
          entry.push(piece);
          return Stream.fromIterable(writing.take());
        });
        const kept = Stream.catchTag(pieces, "FileError", (_error: FileError) => Stream.empty);
        const ended = Effect.sync(() => {
          if (takenBytes < file.sizeBytes) writing.missing.push(entryName(file.path));
          entry.push(new Uint8Array(0), true);
        });
        return Stream.concat(kept, Stream.fromEffectDrain(ended).pipe(Stream.concat(written)));
      });

    return Stream.fromIterable(files).pipe(
      Stream.flatMap(one),
      Stream.concat(Stream.fromEffectDrain(Effect.sync(() => writing.end())).pipe(Stream.concat(written))),
    );
  }));

/** Files that fit an archive, newest first; undefined when all of them do not. */
export const fitting = (files: ReadonlyArray<FileEntry>): Option.Option<ReadonlyArray<FileEntry>> =>
  files.length <= archiveFilesMax &&
    files.reduce((sum, { path, sizeBytes }) => sum + sizeBytes + 2 * path.length, 0) <= archiveBytesMax
    ? Option.some(files)
    : Option.none();
