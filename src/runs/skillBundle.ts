/**
 * A skill that a client sends as a ZIP archive, unpacked in memory and checked before anything is done with it.
 */
import { createHash } from "node:crypto";
import { crc32, inflateRaw } from "node:zlib";
import { Effect, Result, Schema } from "effect";
import { type ZipBounds, zipEntries, type ZipEntry } from "../domain/zipEntries.ts";

/** A file of a skill. */
export interface SkillFile {
  /** Relative to the skill's folder. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** A skill as it was sent. */
export interface SkillBundle {
  readonly files: ReadonlyArray<SkillFile>;
  /** The SHA-256 of the archive, in hexadecimal. */
  readonly sha256: string;
}

/** The archive holds no skill; `why` says what is wrong with it. */
export class SkillRefused extends Schema.TaggedError<SkillRefused>()("SkillRefused", { why: Schema.String }) {}

/** The file that tells a model what the skill is. */
export const skillFileName = "SKILL.md";

/** Unpacks in the threads of the runtime; what is longer than it says comes to nothing. */
const inflated = ({ packed, sizeBytes }: ZipEntry): Effect.Effect<Uint8Array | undefined> =>
  Effect.callback<Uint8Array | undefined>((resume) => {
    inflateRaw(packed, { maxOutputLength: Math.max(1, sizeBytes) }, (error, content) => {
      resume(Effect.succeed(error === null ? content : undefined));
    });
  });

const unpacked = Effect.fnUntraced(function* (entry: ZipEntry): Effect.fn.Return<SkillFile, SkillRefused> {
  const content = entry.isDeflated ? yield* inflated(entry) : entry.packed;
  return content === undefined || content.length !== entry.sizeBytes || crc32(content) !== entry.crc32
    ? yield* new SkillRefused({ why: `'${entry.name}' is damaged` })
    : { name: entry.name, content };
});

/** The folder that the skill lies in: that of the only `SKILL.md` at the top, or one below it. */
const folderOf = (entries: ReadonlyArray<ZipEntry>): string | undefined => {
  if (entries.some(({ name }) => name === skillFileName)) return "";
  const first = entries[0]?.name ?? "";
  const folder = first.slice(0, first.indexOf("/") + 1);
  const isOne = folder !== "" && entries.every(({ name }) => name.startsWith(folder));
  return isOne && entries.some(({ name }) => name === folder + skillFileName) ? folder : undefined;
};

/**
 * Unpacks a skill: an archive with a `SKILL.md` at its top, or in the one folder that it has.
 *
 * *Details*: takes no more memory than the bounds, whatever the archive says of itself.
 *
 * *Fails with* `SkillRefused` for what is no such archive, leads out of its folder, is damaged or beyond the bounds.
 */
export const readSkillBundle = Effect.fnUntraced(function* (
  archive: Uint8Array,
  bounds: ZipBounds,
): Effect.fn.Return<SkillBundle, SkillRefused> {
  const entries = zipEntries(archive, bounds);
  if (Result.isFailure(entries)) return yield* new SkillRefused({ why: entries.failure });
  const folder = folderOf(entries.success);
  if (folder === undefined) {
    return yield* new SkillRefused({ why: `It has no ${skillFileName} at its top or in its one folder` });
  }
  const files = yield* Effect.forEach(entries.success, unpacked);
  return {
    files: files.map(({ name, content }) => ({ name: name.slice(folder.length), content })),
    sha256: createHash("sha256").update(archive).digest("hex"),
  };
});
