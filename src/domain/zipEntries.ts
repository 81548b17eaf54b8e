/**
 * The entries of a ZIP archive that somebody sent, each checked before anything of it is unpacked.
 *
 * Names are relative and stay below the folder they are unpacked in; links, devices, encrypted entries, archives of
 * several parts and those beyond 4 GiB are refused. Linear in the bytes of the archive.
 */
import { Result } from "effect";

/** A regular file of an archive, packed as it is there. */
export interface ZipEntry {
  /** Relative, its folders parted by `/`. */
  readonly name: string;
  readonly isDeflated: boolean;
  readonly packed: Uint8Array;
  /** Bytes that it says to have when it is unpacked. */
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** What an archive may hold. */
export interface ZipBounds {
  readonly filesMax: number;
  /** Bytes of all files together, unpacked. */
  readonly bytesMax: number;
}

/** Characters of a name, and folders in it. */
const nameMax = 512;
const depthMax = 16;
/** UTF-8 bytes of one part of a name, as file systems take it. */
const partBytesMax = 255;

/** Signatures and sizes of the records, and the longest comment behind the last of them. */
const endRecord = { signature: 0x06054b50, bytes: 22, commentMax: 0xffff };
const centralRecord = { signature: 0x02014b50, bytes: 46 };
const localRecord = { signature: 0x04034b50, bytes: 30 };

/** Entries with fields of 64 bits say this in those of 16 and 32. */
const beyond16 = 0xffff;
const beyond32 = 0xffffffff;

/** The kind of a file in the upper half of a Unix mode. */
const kindMask = 0xf000;
const regularKind = 0x8000;
const directoryKind = 0x4000;

/** Folders and files that archive programs add for themselves. */
const isForeign = (name: string): boolean =>
  name.startsWith("__MACOSX/") || name === ".DS_Store" || name.endsWith("/.DS_Store");

const refused = (why: string) => Result.fail(why);

/** The place of the last record; undefined where there is none. */
const endOf = (view: DataView): number | undefined => {
  const last = view.byteLength - endRecord.bytes;
  for (let at = last; at >= Math.max(0, last - endRecord.commentMax); at--) {
    if (view.getUint32(at, true) !== endRecord.signature) continue;
    if (at + endRecord.bytes + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  return undefined;
};

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** A name as it is used; a refusal where it leads elsewhere or no file can have it. */
const nameOf = (bytes: Uint8Array): Result.Result<string, string> =>
  Result.flatMap(
    Result.try({ try: () => decoder.decode(bytes), catch: () => "A name in the archive is no UTF-8" }),
    (name) => {
      const parts = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
      const isPlain = name.length <= nameMax && parts.length <= depthMax && !/[\\\p{Cc}]/u.test(name) &&
        !/^[A-Za-z]:/.test(name) &&
        parts.every((part) =>
          part !== "" && part !== "." && part !== ".." && encoder.encode(part).length <= partBytesMax
        );
      return isPlain
        ? Result.succeed(name)
        : refused(`'${name.slice(0, 100).toWellFormed()}' is no name of a file below the archive's folder`);
    },
  );

/** The packed bytes of an entry, behind its own header; undefined where they are not in the archive. */
const packedAt = (bytes: Uint8Array, view: DataView, at: number, length: number): Uint8Array | undefined => {
  if (at + localRecord.bytes > view.byteLength || view.getUint32(at, true) !== localRecord.signature) return undefined;
  const from = at + localRecord.bytes + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  return from + length > view.byteLength ? undefined : bytes.subarray(from, from + length);
};

/** The entry whose central record stands at a place; undefined for a directory and for what is passed over. */
const entryAt = (bytes: Uint8Array, view: DataView, at: number): Result.Result<ZipEntry | undefined, string> =>
  Result.flatMap(
    nameOf(bytes.subarray(at + centralRecord.bytes, at + centralRecord.bytes + view.getUint16(at + 28, true))),
    (name) => {
      const flags = view.getUint16(at + 8, true);
      const method = view.getUint16(at + 10, true);
      const packedBytes = view.getUint32(at + 20, true);
      const sizeBytes = view.getUint32(at + 24, true);
      const kind = view.getUint16(at + 40, true) & kindMask;
      const offset = view.getUint32(at + 42, true);
      if (kind !== 0 && kind !== regularKind && kind !== directoryKind) {
        return refused(`'${name}' is a link or another special file`);
      }
      if ((flags & 1) !== 0) return refused(`'${name}' is encrypted`);
      if (name.endsWith("/") || isForeign(name)) return Result.succeed(undefined);
      if (kind === directoryKind) return refused(`'${name}' is a folder with the name of a file`);
      if (method !== 0 && method !== 8) return refused(`'${name}' is packed in a way that is not known here`);
      if (packedBytes === beyond32 || sizeBytes === beyond32 || offset === beyond32) {
        return refused(`'${name}' is too large`);
      }
      const packed = packedAt(bytes, view, offset, packedBytes);
      if (packed === undefined || (method === 0 && packedBytes !== sizeBytes)) return refused(`'${name}' is damaged`);
      return Result.succeed(
        { name, isDeflated: method === 8, packed, sizeBytes, crc32: view.getUint32(at + 16, true) },
      );
    },
  );

/** The first name that stands in the way of another: given twice, or a file where another has a folder. */
const clashIn = (entries: ReadonlyArray<ZipEntry>): string | undefined => {
  const names = new Set(entries.map(({ name }) => name));
  if (names.size < entries.length) {
    const seen = new Set<string>();
    return entries.find(({ name }) => seen.size === seen.add(name).size)?.name;
  }
  for (const { name } of entries) {
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      if (names.has(name.slice(0, at))) return name;
    }
  }
  return undefined;
};

/**
 * Reads what files an archive has.
 *
 * *Details*: sizes are what the archive says; whoever unpacks must hold each to it.
 *
 * *Fails with* a sentence that says what is wrong.
 */
export const zipEntries = (
  bytes: Uint8Array,
  { filesMax, bytesMax }: ZipBounds,
): Result.Result<ReadonlyArray<ZipEntry>, string> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view);
  if (end === undefined) return refused("It is no ZIP archive");
  const count = view.getUint16(end + 10, true);
  const central = view.getUint32(end + 16, true);
  if (view.getUint16(end + 4, true) !== 0 || count === beyond16 || central === beyond32) {
    return refused("It is an archive of several parts or beyond 4 GiB");
  }
  const entries: Array<ZipEntry> = [];
  let total = 0;
  let at = central;
  for (let read = 0; read < count; read++) {
    if (at + centralRecord.bytes > end || view.getUint32(at, true) !== centralRecord.signature) {
      return refused("Its table of files is damaged");
    }
    const next = at + centralRecord.bytes + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
    if (next > end) return refused("Its table of files is damaged");
    const entry = entryAt(bytes, view, at);
    if (Result.isFailure(entry)) return refused(entry.failure);
    at = next;
    if (entry.success === undefined) continue;
    entries.push(entry.success);
    total += entry.success.sizeBytes;
    if (entries.length > filesMax) return refused(`It has more than ${filesMax} files`);
    if (total > bytesMax) return refused(`Its files have more than ${bytesMax} bytes`);
  }
  const clash = clashIn(entries);
  return clash === undefined ? Result.succeed(entries) : refused(`'${clash}' stands where another file does`);
};
