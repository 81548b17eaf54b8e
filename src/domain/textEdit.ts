/**
 * Replacing an exact text in the bytes of a file: encoding and line ends stay as they were.
 */
import { Buffer } from "node:buffer";
import { occurrencesOf } from "./occurrences.ts";

/** Bytes of the largest file that is edited: it is held as a whole, and searched without a pause. */
export const editedBytesMax = 4 * 1024 * 1024;
/** Bytes that an edited file may grow to; many replacements by a long text would make any number. */
const resultBytesMax = 16 * 1024 * 1024;
/** Lines that an error names of those where a text was found. */
const linesNamedMax = 5;

/** What is to be replaced by what; `all` wherever it stands, else it must stand there once. */
export interface TextEdit {
  readonly oldText: string;
  readonly newText: string;
  readonly all: boolean;
}

/** An edited file, or why it stays as it is, in words that let a model mend the call. */
export type Edited =
  | { readonly _tag: "Edited"; readonly bytes: Uint8Array; readonly replacements: number; readonly firstLine: number }
  | { readonly _tag: "Refused"; readonly why: string };

const refused = (why: string): Edited => ({ _tag: "Refused", why: `${why} Nothing was changed.` });

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

/** The bytes 0x80 to 0x9f as Windows-1252 reads them; all others are the code points of their value. */
const windows1252: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 32 }, (_, at) => [new TextDecoder("windows-1252").decode(Uint8Array.of(0x80 + at)), 0x80 + at]),
);

/** Text as Windows-1252, in which `read_file` shows files that are not UTF-8; undefined when it has other letters. */
const toWindows1252 = (text: string): Uint8Array | undefined => {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const byte = unit < 0x80 || (unit >= 0xa0 && unit <= 0xff) ? unit : windows1252.get(text.charAt(at));
    if (byte === undefined) return undefined;
    bytes[at] = byte;
  }
  return bytes;
};

const toUtf8 = (text: string): Uint8Array => Buffer.from(text, "utf8");

const newline = 0x0a;

const linesBefore = (file: Uint8Array, offsets: ReadonlyArray<number>): ReadonlyArray<number> => {
  const lines: Array<number> = [];
  let line = 1;
  let at = 0;
  for (const offset of offsets) {
    for (; at < offset; at++) if (file[at] === newline) line++;
    lines.push(line);
  }
  return lines;
};

/** Whether every line of a file ends with CR LF; a file without a line end has neither kind. */
const endsLinesWithCrLf = (file: Buffer): boolean => {
  const feeds = occurrencesOf(file, toUtf8("\n")).length;
  return feeds > 0 && occurrencesOf(file, toUtf8("\r\n")).length === feeds;
};

const withCrLf = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll("\n", "\r\n");

/** Joins what stands between the occurrences with the new bytes. */
const replacedAt = (
  file: Uint8Array,
  offsets: ReadonlyArray<number>,
  oldLength: number,
  replacement: Uint8Array,
): Uint8Array => {
  const pieces: Array<Uint8Array> = [];
  let from = 0;
  for (const offset of offsets) {
    pieces.push(file.subarray(from, offset), replacement);
    from = offset + oldLength;
  }
  return Buffer.concat([...pieces, file.subarray(from)]);
};

const notFound = "old_text was not found. Read the file again and give the text exactly as it stands there, " +
  "with its spaces and line breaks, without line numbers.";

const foundOften = (lines: ReadonlyArray<number>): string => {
  const named = lines.slice(0, linesNamedMax).join(", ");
  const more = lines.length > linesNamedMax ? ", …" : "";
  return `old_text was found ${lines.length} times (lines ${named}${more}). ` +
    "Give more of what stands around it so that it is found once, or set all to replace every one.";
};

/**
 * Replaces a text in a file.
 *
 * *Details*: linear in the file and both texts. A file that is not UTF-8 is edited as Windows-1252, as it is
 * read. Where every line ends with CR LF, line breaks of both texts are taken for those.
 */
export const editText = (file: Uint8Array, { oldText, newText, all }: TextEdit): Edited => {
  if (oldText === "") return refused("old_text is empty; write_file writes a whole file.");
  if (oldText === newText) return refused("old_text and new_text are the same.");
  if (!oldText.isWellFormed() || !newText.isWellFormed()) return refused("The texts are no Unicode.");
  if (file.includes(0)) return refused("It is not a text file (UTF-16 can be made UTF-8 with iconv).");
  const encode = isUtf8(file) ? toUtf8 : toWindows1252;
  const lineEnds = endsLinesWithCrLf(Buffer.from(file.buffer, file.byteOffset, file.length))
    ? withCrLf
    : (text: string) => text;
  const needle = encode(lineEnds(oldText));
  if (needle === undefined) return refused(notFound);
  const replacement = encode(lineEnds(newText));
  if (replacement === undefined) {
    return refused("The file is Windows-1252 and new_text has letters that it has not; convert it with iconv first.");
  }
  const offsets = occurrencesOf(file, needle);
  if (offsets.length === 0) return refused(notFound);
  const lines = linesBefore(file, offsets);
  if (offsets.length > 1 && !all) return refused(foundOften(lines));
  if (file.length + offsets.length * (replacement.length - needle.length) > resultBytesMax) {
    return refused(`The file would be larger than ${resultBytesMax} bytes; change it with a command.`);
  }
  return {
    _tag: "Edited",
    bytes: replacedAt(file, offsets, needle.length, replacement),
    replacements: offsets.length,
    firstLine: lines[0] ?? 1,
  };
};
