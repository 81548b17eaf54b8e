/**
 * The workspace of a sandbox as a whole: what lies in it, and steps that put parts of it back.
 *
 * Paths are relative to the workspace, names joined by `/`. A link is a thing of its own, never
 * what it leads to.
 */
import { Schema } from "effect";

/** One thing in a workspace; `other` is what can neither be kept nor put back, such as a socket or a device. */
export const TreeEntry = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["file", "link", "directory", "other"]),
  /** Permission bits; those that lend rights are left out. */
  mode: Schema.Int,
  sizeBytes: Schema.Number,
  /** When its content was last changed, in nanoseconds since the epoch, in decimal digits. */
  modifiedNs: Schema.String,
  /** Changes whenever the thing does: a file that has the same has the same bytes. */
  version: Schema.String,
  /** Where a link leads, as it says. */
  target: Schema.optionalKey(Schema.String),
});
export type TreeEntry = typeof TreeEntry.Type;

/** What lies in a workspace. */
export interface Tree {
  readonly entries: ReadonlyArray<TreeEntry>;
  /** Names that are not UTF-8, as far as they can be read: such things are left alone. */
  readonly unreadable: ReadonlyArray<string>;
  /** Whether this is all; false when it holds more than can be listed. */
  readonly isWhole: boolean;
}

/** What must stand at a place for it to be changed: nothing, a directory, or the thing of a version. */
export type Expected =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Directory" }
  | { readonly _tag: "Version"; readonly version: string };

/** A range of a file that lies in the workspace, to be copied for as long as it is the one of a version. */
export interface CopiedRange {
  readonly path: string;
  readonly version: string;
  readonly offset: number;
  readonly length: number;
}

/** What a file is put together from, in order: bytes, and ranges of files that lie in the workspace. */
export type FilePart = Uint8Array | CopiedRange;

/** One step of putting a workspace back. */
export type PutBack =
  | {
    readonly _tag: "File";
    readonly path: string;
    readonly expected: Expected;
    /** A file of the workspace, written before, that takes the place; its own is then empty. */
    readonly source: string;
    readonly mode: number;
    readonly modifiedNs: string;
  }
  | { readonly _tag: "Link"; readonly path: string; readonly expected: Expected; readonly target: string }
  | { readonly _tag: "Directory"; readonly path: string; readonly mode: number }
  | { readonly _tag: "Remove"; readonly path: string; readonly expected: Expected };
