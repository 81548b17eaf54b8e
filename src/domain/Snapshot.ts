/**
 * Snapshots of a workspace: what lay in it at a time, what a turn changed of it, and how that is taken back.
 *
 * A workspace belongs to a user and not to a conversation, so nothing is ever put back as a whole: what a turn
 * changed goes back path by path, and only where it is still as the turn left it.
 */
import { Schema } from "effect";
import type { Expected } from "./WorkspaceTree.ts";
import { TreeEntry } from "./WorkspaceTree.ts";

/** Why the content of something, or a whole snapshot, is not kept. */
export const NotKept = Schema.Literals([
  "too_large",
  "changing",
  "name",
  "too_deep",
  "kind",
  "too_many_files",
  "too_slow",
  "interrupted",
  "no_space",
  "unsupported",
  "failed",
]);
export type NotKept = typeof NotKept.Type;

/** The words for {@link NotKept}, which complete "it was not kept: …". */
export const whyNotKept: Readonly<Record<NotKept, string>> = {
  too_large: "it is too large",
  changing: "it changed all the while",
  /** Only where an earlier release kept it. */
  name: "its name is not UTF-8",
  too_deep: "its path is too long",
  kind: "it is neither a file, a link nor a directory",
  too_many_files: "the workspace has too many files",
  too_slow: "reading the workspace took too long",
  interrupted: "the next command came before it was read",
  no_space: "the server has no space left for it",
  unsupported: "this kind of sandbox cannot list its workspace",
  failed: "the sandbox or the store failed",
};

/** Something in a workspace, a file with the names of its pieces; without them its content is not kept. */
export const KeptEntry = Schema.Struct({
  ...TreeEntry.fields,
  chunks: Schema.optionalKey(Schema.Array(Schema.String)),
});
export type KeptEntry = typeof KeptEntry.Type;

/** What lay in a workspace at a time. */
export const Manifest = Schema.Struct({
  entries: Schema.Array(KeptEntry),
  notKept: Schema.Array(Schema.Struct({ path: Schema.String, why: NotKept })),
});
export type Manifest = typeof Manifest.Type;

/** A path that was left as it is, and why. */
export const Conflict = Schema.Struct({ path: Schema.String, why: Schema.String });
export type Conflict = typeof Conflict.Type;

/** What one turn, or one taking back, did to a workspace. */
export const SnapshotRecord = Schema.Struct({
  id: Schema.String,
  session: Schema.String,
  kind: Schema.Literals(["turn", "restore"]),
  /** The turn that did it; null for what was taken back on request. */
  turn: Schema.NullOr(Schema.String),
  state: Schema.Literals(["applied", "undone"]),
  /** The manifests before and after it; null when it is not kept. */
  kept: Schema.NullOr(Schema.Struct({ before: Schema.String, after: Schema.String })),
  notKept: Schema.NullOr(NotKept),
  startedAtMs: Schema.Number,
  finishedAtMs: Schema.Number,
  /** The records that it took back, the newest first. */
  undoes: Schema.Array(Schema.String),
  conflicts: Schema.Array(Conflict),
});
export type SnapshotRecord = typeof SnapshotRecord.Type;

/** All that is remembered of an owner's snapshots. */
export const SnapshotState = Schema.Struct({
  /** The manifest that was made last, from which unchanged files are known. */
  latest: Schema.NullOr(Schema.String),
  /** In the order in which they ended. */
  records: Schema.Array(SnapshotRecord),
});
export type SnapshotState = typeof SnapshotState.Type;

/** What is remembered of an owner who has none. */
export const noSnapshots: SnapshotState = { latest: null, records: [] };

/** The manifests that a state leads to. */
export const manifestsOf = ({ latest, records }: SnapshotState): ReadonlyArray<string> => [
  ...(latest === null ? [] : [latest]),
  ...records.flatMap(({ kept }) => (kept === null ? [] : [kept.before, kept.after])),
];

/** Whether two things are the same to their user: by what they hold where that is kept, by their version otherwise. */
const isSame = (left: KeptEntry | undefined, right: KeptEntry | undefined): boolean => {
  if (left === undefined || right === undefined) return left === right;
  if (left.kind !== right.kind) return false;
  if (left.kind === "link") return left.target === right.target;
  if (left.kind !== "file") return true;
  if (left.version === right.version) return true;
  const [one, other] = [left.chunks, right.chunks];
  return one !== undefined && other !== undefined && left.mode === right.mode && one.length === other.length &&
    one.every((chunk, index) => chunk === other[index]);
};

/** What is known of things of a manifest by what is told of their names, and nothing else. */
const unlistedOf = ({ notKept }: Manifest): ReadonlyArray<string> =>
  notKept.flatMap(({ path, why }) => (why === "too_deep" || why === "name" ? [path] : []));

const unlisted = (path: string): KeptEntry => ({
  path,
  kind: "other",
  mode: 0,
  sizeBytes: 0,
  modifiedNs: "0",
  version: "",
});

/** The things of a manifest by their paths. */
const byPath = (manifest: Manifest): ReadonlyMap<string, KeptEntry> =>
  new Map([
    ...unlistedOf(manifest).map((path) => [path, unlisted(path)] as const),
    ...manifest.entries.map((entry) => [entry.path, entry] as const),
  ]);

/** One path that differs between two manifests. */
export interface PathChange {
  readonly path: string;
  readonly before: KeptEntry | undefined;
  readonly after: KeptEntry | undefined;
  /** Nobody could see it before, and it may have been there: in a folder that was closed, or too deep to be named. */
  readonly isUnseen: boolean;
}

/** Whether a folder is closed to its own user, so that what lies in it is not known. */
const isClosed = (entry: KeptEntry | undefined): boolean =>
  entry?.kind === "directory" && (entry.mode & 0o500) !== 0o500;

/** Tells of a path whether it lies in a closed folder; each folder is looked at once. */
const closedAbove = (entries: ReadonlyMap<string, KeptEntry>): (path: string) => boolean => {
  if (![...entries.values()].some(isClosed)) return () => false;
  const known = new Map<string, boolean>();
  return (path) => {
    // Not by recursion: folders lie as deep as their user likes.
    const passed: Array<string> = [];
    let isInClosed: boolean | undefined;
    for (let end = path.lastIndexOf("/"); end >= 0 && isInClosed === undefined; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      isInClosed = known.get(folder) ?? (isClosed(entries.get(folder)) || undefined);
      passed.push(folder);
      if (end === 0) break;
    }
    for (const folder of passed) known.set(folder, isInClosed ?? false);
    return isInClosed ?? false;
  };
};

/** What differs between two manifests, by path. */
export const changesBetween = (before: Manifest, after: Manifest): ReadonlyArray<PathChange> => {
  const [was, is] = [byPath(before), byPath(after)];
  const paths = new Set([...was.keys(), ...is.keys()]);
  const isInClosed = closedAbove(was);
  const [hidden, stillHidden] = [unlistedOf(before), new Set(unlistedOf(after))];
  // What is no longer where it could not be named may be anywhere now, under another name.
  const mayBeAnywhere = hidden.some((path) => !stillHidden.has(path));
  const isUnseen = (path: string) =>
    stillHidden.has(path) || (mayBeAnywhere && is.get(path)?.kind !== "directory") || isInClosed(path);
  return [...paths].flatMap((path) =>
    isSame(was.get(path), is.get(path))
      ? []
      : [{ path, before: was.get(path), after: is.get(path), isUnseen: isUnseen(path) }]
  ).sort((left, right) => (left.path < right.path ? -1 : 1));
};

/** A path that is to be taken back: what stands there now, and what is to stand there. */
export interface Undoing {
  readonly path: string;
  readonly now: KeptEntry | undefined;
  readonly target: KeptEntry | undefined;
}

/** What is to be taken back, and what cannot be. */
export interface UndoPlan {
  readonly steps: ReadonlyArray<Undoing>;
  readonly conflicts: ReadonlyArray<Conflict>;
}

/** One turn's changes, and the paths that another changed at the same time. */
export interface Undoable {
  readonly changes: ReadonlyArray<PathChange>;
  readonly contested: ReadonlySet<string>;
}

const isRestorable = (entry: KeptEntry | undefined): boolean =>
  entry === undefined || entry.kind === "link" || (entry.kind === "directory" && !isClosed(entry)) ||
  (entry.kind === "file" && entry.chunks !== undefined);

/**
 * Plans how the changes of turns are taken back, the newest turn first.
 *
 * *Details*: a path that somebody changed after a turn stays, and so does one whose former content is not kept, or
 * that another run changed at the same time, or of which what it is now is not kept, so that it would be lost; each
 * is told as a conflict. What such a path was before is then left to older turns as little.
 */
export const planUndo = (now: Manifest, newestFirst: ReadonlyArray<Undoable>): UndoPlan => {
  const is = byPath(now);
  const standing = new Map(is);
  const conflicts = new Map<string, string>();
  const touched = new Set<string>();
  for (const { changes, contested } of newestFirst) {
    for (const { path, before, after, isUnseen } of changes) {
      if (conflicts.has(path)) continue;
      if (contested.has(path)) conflicts.set(path, "another run changed it at the same time");
      else if (!isSame(standing.get(path), after)) {
        if (isSame(standing.get(path), before)) continue;
        conflicts.set(path, "it was changed after this turn");
      } else if (isUnseen || !isRestorable(before)) conflicts.set(path, "what it was before is not kept");
      else if (is.get(path)?.kind === "file" && !isRestorable(is.get(path))) {
        conflicts.set(path, "what it is now is not kept, and would be lost");
      } else {
        touched.add(path);
        if (before === undefined) standing.delete(path);
        else standing.set(path, before);
      }
    }
  }
  const steps = [...touched].filter((path) => !conflicts.has(path) && !isSame(is.get(path), standing.get(path)))
    .map((path) => ({ path, now: is.get(path), target: standing.get(path) }))
    .sort((left, right) => (left.path < right.path ? -1 : 1));
  return { steps, conflicts: [...conflicts].map(([path, why]) => ({ path, why })) };
};

/** What must stand at a path for a step to be done. */
export const expectedOf = (entry: KeptEntry | undefined): Expected =>
  entry === undefined
    ? { _tag: "Nothing" }
    : entry.kind === "directory"
    ? { _tag: "Directory" }
    : { _tag: "Version", version: entry.version };

/** Whether two records' times overlap, so that neither knows which of them changed what. */
export const overlaps = (left: SnapshotRecord, right: SnapshotRecord): boolean =>
  left.id !== right.id && left.startedAtMs < right.finishedAtMs && right.startedAtMs < left.finishedAtMs;
