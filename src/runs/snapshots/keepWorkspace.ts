/**
 * Reading a workspace into the store: only what is not known already crosses the link.
 */
import { Buffer } from "node:buffer";
import { Effect, Stream } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { KeptEntry, Manifest, NotKept } from "../../domain/Snapshot.ts";
import { workspaceFolder } from "../../domain/workspacePaths.ts";
import type { Tree, TreeEntry } from "../../domain/WorkspaceTree.ts";
import type { FileError, SandboxError, SandboxHandle, WorkspaceTree } from "../../services/Sandbox.ts";
import { chunkBytesMax, type SnapshotStoreService, type SnapshotsUnavailable } from "../../services/SnapshotStore.ts";

/** Entries of a workspace that is kept: a manifest of them is ten megabytes. */
const entriesMax = 50_000;
/** Files read at the same time. */
const readsMax = 8;
/** Times that a workspace is listed, so that what changed while it was read is read again. */
const listsMax = 3;
/** Things that are told of those whose content is not kept. */
const notKeptMax = 1_000;

/** Where a workspace is kept, and how much of it. */
export interface Keeping {
  readonly store: SnapshotStoreService;
  readonly owner: OwnerKey;
  readonly handle: SandboxHandle;
  readonly tree: WorkspaceTree;
  readonly bytesMax: number;
}

/** A manifest, or why there is none. */
export type Kept = { readonly manifest: Manifest } | { readonly notKept: NotKept };

/** A file in the state in which it was listed. */
const keyOf = ({ path, version }: TreeEntry): string => `${version}\n${path}`;

/** The path by which tools know a thing of the workspace. */
export const fullPath = (path: string): string => `${workspaceFolder}/${path}`;

/** Reads a file into pieces and keeps each; a file that is gone, or may not be read, has none. */
const readPieces = Effect.fnUntraced(function* ({ handle, store, owner }: Keeping, entry: TreeEntry) {
  const chunks: Array<string> = [];
  let held: Array<Uint8Array> = [];
  let size = 0;
  const flush = Effect.gen(function* () {
    const joined = Buffer.concat(held);
    held = [];
    size = 0;
    for (let at = 0; at < joined.length; at += chunkBytesMax) {
      const piece = joined.subarray(at, at + chunkBytesMax);
      if (piece.length < chunkBytesMax && at > 0) {
        held = [piece];
        size = piece.length;
      } else chunks.push(yield* store.putChunk(owner, piece));
    }
  });
  const bytes = handle.readBytes(fullPath(entry.path), { offset: 0, length: entry.sizeBytes });
  yield* Stream.runForEach(bytes, (piece) => {
    held.push(piece);
    size += piece.length;
    return size >= chunkBytesMax ? flush : Effect.void;
  });
  if (size > 0) yield* flush;
  return chunks;
});

/** The files of a list whose content is to be read, and why that of others is not. */
const chosen = (
  tree: Tree,
  known: ReadonlyMap<string, ReadonlyArray<string>>,
  { bytesMax, roomBytes }: { readonly bytesMax: number; readonly roomBytes: number },
) => {
  const files = tree.entries.filter(({ kind }) => kind === "file");
  let allowed = bytesMax;
  for (const file of files) if (known.has(keyOf(file))) allowed -= file.sizeBytes;
  let room = roomBytes;
  const wanted: Array<TreeEntry> = [];
  const refused = new Map<string, NotKept>();
  // The smaller ones first: they are what people write.
  const unknown = files.filter((file) => !known.has(keyOf(file))).sort((a, b) => a.sizeBytes - b.sizeBytes);
  for (const file of unknown) {
    if (file.sizeBytes > allowed) refused.set(keyOf(file), "too_large");
    else if (file.sizeBytes > room) refused.set(keyOf(file), "no_space");
    else {
      allowed -= file.sizeBytes;
      room -= file.sizeBytes;
      wanted.push(file);
    }
  }
  return { wanted, refused };
};

const manifestOf = (
  tree: Tree,
  known: ReadonlyMap<string, ReadonlyArray<string>>,
  whyNot: (entry: TreeEntry) => NotKept,
): Manifest => {
  const notKept: Array<Manifest["notKept"][number]> = [];
  const tell = (path: string, why: NotKept) => void (notKept.length < notKeptMax && notKept.push({ path, why }));
  const entries = tree.entries.map((entry): KeptEntry => {
    if (entry.kind === "other") tell(entry.path, "kind");
    if (entry.kind !== "file") return entry;
    const chunks = known.get(keyOf(entry));
    if (chunks === undefined) tell(entry.path, whyNot(entry));
    return chunks === undefined ? entry : { ...entry, chunks };
  });
  for (const path of tree.unlisted) notKept.push({ path, why: "too_deep" });
  return { entries: entries.sort((left, right) => (left.path < right.path ? -1 : 1)), notKept };
};

/** Knows files again that were just put back: their time is the one that they were given. */
const recognize = (
  known: Map<string, ReadonlyArray<string>>,
  tree: Tree,
  placed: ReadonlyMap<string, KeptEntry>,
): void => {
  for (const entry of placed.size === 0 ? [] : tree.entries) {
    const { chunks, modifiedNs, sizeBytes } = placed.get(entry.path) ?? {};
    if (chunks !== undefined && modifiedNs === entry.modifiedNs && sizeBytes === entry.sizeBytes) {
      known.set(keyOf(entry), chunks);
    }
  }
};

/**
 * Keeps a workspace as it is.
 *
 * *Details*: files are known again by the manifest before, or because they were `placed` by it, and the others read
 * until a list finds nothing new; what changed through three of them is told as changing. Nothing that runs in the
 * sandbox is held up. Where there are too many bytes, or no room for them, the smaller files are kept.
 *
 * *Fails with* `SandboxError`, `FileError` when the sandbox cannot list it, `SnapshotsUnavailable`.
 */
export const keepWorkspace = Effect.fnUntraced(function* (
  keeping: Keeping,
  previous: Manifest | undefined,
  placed: ReadonlyMap<string, KeptEntry> = new Map(),
): Effect.fn.Return<Kept, SandboxError | FileError | SnapshotsUnavailable> {
  const known = new Map<string, ReadonlyArray<string>>();
  for (const entry of previous?.entries ?? []) if (entry.chunks !== undefined) known.set(keyOf(entry), entry.chunks);
  const unreadable = new Set<string>();
  for (let lists = 1;; lists++) {
    const tree = yield* keeping.tree.list(entriesMax);
    if (!tree.isWhole) return { notKept: "too_many_files" };
    if (lists === 1) recognize(known, tree, placed);
    const roomBytes = yield* keeping.store.room;
    const { wanted, refused } = chosen(tree, known, { bytesMax: keeping.bytesMax, roomBytes });
    const missing = wanted.filter((file) => !unreadable.has(keyOf(file)));
    if (missing.length === 0 || lists === listsMax) {
      const whyNot = (entry: TreeEntry): NotKept =>
        refused.get(keyOf(entry)) ?? (unreadable.has(keyOf(entry)) ? "failed" : "changing");
      return { manifest: manifestOf(tree, known, whyNot) };
    }
    yield* Effect.forEach(missing, (file) =>
      readPieces(keeping, file).pipe(
        Effect.map((chunks) => void known.set(keyOf(file), chunks)),
        Effect.catchTag("FileError", () => Effect.sync(() => void unreadable.add(keyOf(file)))),
      ), { concurrency: readsMax, discard: true });
  }
});
