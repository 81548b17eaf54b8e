/**
 * What a file is put together from: pieces of the store, and ranges that lie in the workspace already.
 */
import type { KeptEntry, Manifest } from "../../domain/Snapshot.ts";
import type { CopiedRange } from "../../domain/WorkspaceTree.ts";
import { chunkBytesMax } from "../../services/SnapshotStore.ts";

/** A piece of the store by its name, or a range of a file that lies in the workspace. */
export type Part = string | CopiedRange;

const rangeOf = ({ path, version, sizeBytes }: KeptEntry, index: number): CopiedRange => {
  const offset = index * chunkBytesMax;
  return { path, version, offset, length: Math.min(chunkBytesMax, sizeBytes - offset) };
};

/** Where the pieces of files that are to be put back lie in a workspace now, as far as they do. */
export const lyingIn = (now: Manifest, targets: ReadonlyArray<KeptEntry>): ReadonlyMap<string, CopiedRange> => {
  const wanted = new Set(targets.flatMap(({ chunks = [] }) => chunks));
  const lying = new Map<string, CopiedRange>();
  for (const entry of now.entries) {
    for (const [index, name] of (entry.chunks ?? []).entries()) {
      if (wanted.has(name) && !lying.has(name)) lying.set(name, rangeOf(entry, index));
    }
  }
  return lying;
};

/** The parts of a file in their order, those that lie one behind the other in one file as one. */
export const partsOf = (
  target: KeptEntry,
  now: KeptEntry | undefined,
  lying: ReadonlyMap<string, CopiedRange>,
): ReadonlyArray<Part> => {
  const parts: Array<Part> = [];
  for (const [index, name] of (target.chunks ?? []).entries()) {
    // First where the file itself has it: one that was changed little is then copied in few ranges.
    const range = now?.chunks?.[index] === name ? rangeOf(now, index) : lying.get(name);
    const last = parts.at(-1);
    if (range === undefined) parts.push(name);
    else if (typeof last === "object" && last.path === range.path && last.offset + last.length === range.offset) {
      parts[parts.length - 1] = { ...last, length: last.length + range.length };
    } else parts.push(range);
  }
  return parts;
};
