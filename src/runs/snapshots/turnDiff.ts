/**
 * What a turn changed, file by file, for people to read.
 */
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import { lineDiff } from "../../domain/lineDiff.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { KeptEntry, PathChange } from "../../domain/Snapshot.ts";
import type { SnapshotStoreService, SnapshotsUnavailable } from "../../services/SnapshotStore.ts";

/** Files that are told. */
const filesMax = 500;
/** Files whose lines are compared: as many as a person reads. */
const comparedMax = 50;
/** Bytes of either side of a file whose lines are compared. */
const textBytesMax = 64 * 1024;
/** Characters of all differences together. */
const diffCharsMax = 256 * 1024;

/** One file that changed. */
export interface ChangedFile {
  readonly path: string;
  readonly change: "added" | "changed" | "removed";
  readonly kind: KeptEntry["kind"];
  readonly bytesBefore: number | null;
  readonly bytesAfter: number | null;
  readonly diff: string | null;
  readonly noDiff: "binary" | "too_large" | "too_different" | "not_kept" | "no_file" | null;
}

type NoDiff = NonNullable<ChangedFile["noDiff"]>;

/** The text of one side; what is not there is empty, what has no lines says why. */
const textOf = Effect.fnUntraced(function* (
  store: SnapshotStoreService,
  owner: OwnerKey,
  entry: KeptEntry | undefined,
): Effect.fn.Return<{ readonly text: string } | { readonly noDiff: NoDiff }, SnapshotsUnavailable> {
  if (entry === undefined) return { text: "" };
  if (entry.kind === "link") return { text: `${entry.target ?? ""}\n` };
  if (entry.kind !== "file") return { noDiff: "no_file" };
  if (entry.chunks === undefined) return { noDiff: "not_kept" };
  if (entry.sizeBytes > textBytesMax) return { noDiff: "too_large" };
  const bytes = Buffer.concat(yield* Effect.forEach(entry.chunks, (name) => store.chunk(owner, name)));
  if (bytes.includes(0)) return { noDiff: "binary" };
  // Letters that are no UTF-8 are shown as marks: which bytes they were matters to nobody who reads lines.
  return { text: new TextDecoder().decode(bytes) };
});

const differenceOf = Effect.fnUntraced(function* (
  store: SnapshotStoreService,
  owner: OwnerKey,
  { before, after }: PathChange,
): Effect.fn.Return<Pick<ChangedFile, "diff" | "noDiff">, SnapshotsUnavailable> {
  const [was, is] = yield* Effect.all([textOf(store, owner, before), textOf(store, owner, after)]);
  if ("noDiff" in was) return { diff: null, noDiff: was.noDiff };
  if ("noDiff" in is) return { diff: null, noDiff: is.noDiff };
  const diff = lineDiff(was.text, is.text);
  return diff === undefined ? { diff: null, noDiff: "too_different" } : { diff, noDiff: null };
});

/**
 * Tells what changed, with the differences of the first texts.
 *
 * *Details*: at most 500 files, of which 50 are compared, each up to 64 KiB, and 256 Ki characters of differences.
 *
 * *Fails with* `SnapshotsUnavailable`.
 */
export const changedFiles = Effect.fnUntraced(function* (
  store: SnapshotStoreService,
  owner: OwnerKey,
  changes: ReadonlyArray<PathChange>,
): Effect.fn.Return<ReadonlyArray<ChangedFile>, SnapshotsUnavailable> {
  const files: Array<ChangedFile> = [];
  let [compared, characters] = [0, 0];
  for (const change of changes.slice(0, filesMax)) {
    const { path, before, after } = change;
    const isCompared = compared < comparedMax && characters < diffCharsMax;
    const difference = isCompared ? yield* differenceOf(store, owner, change) : tooMuch;
    if (difference.diff !== null) compared++;
    const fits = characters + (difference.diff?.length ?? 0) <= diffCharsMax;
    if (fits) characters += difference.diff?.length ?? 0;
    files.push({
      path,
      change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
      kind: (after ?? before)?.kind ?? "other",
      bytesBefore: before?.kind === "file" ? before.sizeBytes : null,
      bytesAfter: after?.kind === "file" ? after.sizeBytes : null,
      ...(fits ? difference : tooMuch),
    });
  }
  return files;
});

const tooMuch = { diff: null, noDiff: "too_large" } as const;
