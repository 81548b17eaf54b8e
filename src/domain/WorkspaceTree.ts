/**
 * The workspace of a sandbox as a whole: what lies in it, and steps that put parts of it back.
 *
 * Paths are relative to the workspace, names joined by `/`, and text as `pathText` makes it of bytes that need not be
 * UTF-8. A link is a thing of its own, never what it leads to.
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
export const Tree = Schema.Struct({
  entries: Schema.Array(TreeEntry),
  /** Things whose path is too long to be named, by its beginning and their names: they are left alone. */
  unlisted: Schema.Array(Schema.String),
  /** Whether this is all; false when it holds more than can be listed. */
  isWhole: Schema.Boolean,
});
export type Tree = typeof Tree.Type;

/** What must stand at a place for it to be changed: nothing, a directory, or the thing of a version. */
export const Expected = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Nothing") }),
  Schema.Struct({ _tag: Schema.Literal("Directory") }),
  Schema.Struct({ _tag: Schema.Literal("Version"), version: Schema.String }),
]);
export type Expected = typeof Expected.Type;

/** A range of a file that lies in the workspace, to be copied for as long as it is the one of a version. */
export const CopiedRange = Schema.Struct({
  path: Schema.String,
  version: Schema.String,
  offset: Schema.Number,
  length: Schema.Number,
});
export type CopiedRange = typeof CopiedRange.Type;

/** What a file is put together from, in order: bytes, and ranges of files that lie in the workspace. */
export type FilePart = Uint8Array | CopiedRange;

/** One step of putting a workspace back. */
export const PutBack = Schema.Union([
  Schema.Struct({
    _tag: Schema.Literal("File"),
    path: Schema.String,
    expected: Expected,
    /** A file of the workspace, written before, that takes the place; its own is then empty. */
    source: Schema.String,
    mode: Schema.Int,
    modifiedNs: Schema.String,
  }),
  Schema.Struct({ _tag: Schema.Literal("Link"), path: Schema.String, expected: Expected, target: Schema.String }),
  Schema.Struct({ _tag: Schema.Literal("Directory"), path: Schema.String, mode: Schema.Int }),
  Schema.Struct({ _tag: Schema.Literal("Remove"), path: Schema.String, expected: Expected }),
]);
export type PutBack = typeof PutBack.Type;
