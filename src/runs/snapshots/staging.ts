/**
 * Writing files beside the workspace's own before any of them takes its place, so that a full disk or a lost
 * sandbox takes nothing away.
 */
import { Effect, Stream } from "effect";
import { makeToken } from "../../domain/ids.ts";
import type { KeptEntry, Manifest, Undoing } from "../../domain/Snapshot.ts";
import type { FilePart } from "../../domain/WorkspaceTree.ts";
import { FileError, type SandboxError } from "../../services/Sandbox.ts";
import { fullPath, type Keeping } from "./keepWorkspace.ts";
import { lyingIn, type Part, partsOf } from "./parts.ts";

/** Files that fit one frame, and others, written at the same time: of the small ones the answers come together. */
const smallAtOnce = 32;
const largeAtOnce = 4;
const smallBytesMax = 64 * 1024;
/** Pieces of one file read ahead of the link, of at most a mebibyte each. */
const piecesAhead = 3;
/** Bytes from which on the room is measured first, which takes a look at the whole workspace. */
const measuredBytes = 16 * 1024 * 1024;
/** Our own folder, which belongs to no snapshot; a supervisor that starts takes away what lies in it. */
const stagingFolder = ".caisson/undo";

const mib = 1024 * 1024;

const piece = ({ store, owner }: Keeping, path: string, name: string): Effect.Effect<Uint8Array, FileError> =>
  Effect.mapError(
    store.chunk(owner, name),
    (cause) => new FileError({ path, reason: "Other", why: cause.message }),
  );

/** Writes one file from its parts. */
const write = (
  keeping: Keeping,
  source: string,
  { path }: KeptEntry,
  parts: ReadonlyArray<Part>,
): Effect.Effect<number, SandboxError | FileError> => {
  const [only, ...others] = parts;
  // Nearly every file has no more than this.
  if (typeof only === "string" && others.length === 0) {
    return Effect.flatMap(piece(keeping, path, only), (bytes) => keeping.tree.assemble(fullPath(source), bytes));
  }
  const content = Stream.fromIterable(parts).pipe(
    Stream.mapEffect(
      (part): Effect.Effect<FilePart, FileError> =>
        typeof part === "string" ? piece(keeping, path, part) : Effect.succeed(part),
      { concurrency: piecesAhead },
    ),
  );
  return keeping.tree.assemble(fullPath(source), content);
};

/** Fails when the workspace has no room for so many bytes beside what lies there. */
const checkRoom = Effect.fnUntraced(function* ({ tree }: Keeping, bytes: number) {
  if (bytes < measuredBytes) return;
  const room = yield* tree.room;
  if (bytes <= room) return;
  const [needed, left] = [bytes, room].map((size) => Math.ceil(size / mib));
  const why = `putting files back takes ${needed} MiB beside what lies in the workspace, and ${left} MiB are left`;
  yield* new FileError({ path: ".", reason: "NoSpace", why });
});

/** Takes away what was written and not put in a place; what stays is passed over by every list. */
const clear = (keeping: Keeping, folder: string): Effect.Effect<void> =>
  keeping.handle.execute({ command: `rm -rf -- '${fullPath(folder)}'`, timeoutMs: 10_000 }).pipe(
    Effect.catch((error) => Effect.logWarning("what an undo wrote could not be taken away", error)),
    Effect.asVoid,
  );

/**
 * Writes the files that steps put back beside the workspace's own, and uses them; whatever is not put in a place by
 * then is taken away.
 *
 * *Details*: only pieces that lie nowhere in the workspace cross the link. A file that changes while ranges of it are
 * copied is not copied from.
 *
 * *Fails with* `SandboxError`, `FileError` when there is no room for what is to be written or the store no longer has
 * it, and as the use does.
 */
export const staged = <A, E>(
  keeping: Keeping,
  steps: ReadonlyArray<Undoing>,
  now: Manifest,
  use: (sources: ReadonlyMap<string, string>) => Effect.Effect<A, E>,
): Effect.Effect<A, E | SandboxError | FileError> => {
  const folder = `${stagingFolder}/${makeToken()}`;
  const files = steps.flatMap(({ path, now, target }, index) =>
    target?.kind === "file" ? [{ path, now, target, source: `${folder}/${index}` }] : []
  );
  if (files.length === 0) return use(new Map());
  const writing = Effect.gen(function* () {
    yield* checkRoom(keeping, files.reduce((sum, { target }) => sum + target.sizeBytes, 0));
    const lying = lyingIn(now, files.map(({ target }) => target));
    const isSmall = ({ target }: { readonly target: KeptEntry }) => target.sizeBytes <= smallBytesMax;
    const one = ({ source, now, target }: (typeof files)[number]) =>
      write(keeping, source, target, partsOf(target, now, lying)).pipe(
        Effect.catchIf(
          (error) => error._tag === "FileError" && error.reason === "Changed",
          () => write(keeping, source, target, target.chunks ?? []),
        ),
      );
    yield* Effect.forEach(files.filter(isSmall), one, { concurrency: smallAtOnce, discard: true });
    const large = files.filter((file) => !isSmall(file));
    yield* Effect.forEach(large, one, { concurrency: largeAtOnce, discard: true });
    return new Map(files.map(({ path, source }) => [path, source]));
  });
  return Effect.flatMap(writing, use).pipe(Effect.ensuring(clear(keeping, folder)));
};
