/**
 * Paths of a workspace as text: to a file system they are bytes, which are mostly UTF-8 and need not be.
 *
 * A byte that is no part of UTF-8 stands in the text as a lone surrogate, U+DC80 to U+DCFF, as Python writes it
 * (PEP 383). So every path has one text, and comes back from it byte by byte, through JSON as well.
 */
import { Buffer, isUtf8 } from "node:buffer";

/** The lone surrogate for the byte 0. */
const surrogateOfByte = 0xdc00;
/** The first byte that is no character by itself. */
const firstHighByte = 0x80;
const lastByte = 0xff;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes that a character takes which begins with a byte; one that begins none is taken alone. */
const widthOf = (byte: number): number => byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;

/** The text of a path's bytes. */
export const pathText = (bytes: Uint8Array): string => {
  if (isUtf8(bytes)) return decoder.decode(bytes);
  const parts: Array<string> = [];
  // What is UTF-8 is read in one piece, not character by character.
  let from = 0;
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    const width = widthOf(byte);
    if (byte < firstHighByte || isUtf8(bytes.subarray(at, at + width))) {
      at += Math.min(width, bytes.length - at);
      continue;
    }
    parts.push(decoder.decode(bytes.subarray(from, at)), String.fromCharCode(surrogateOfByte + byte));
    at += 1;
    from = at;
  }
  return parts.join("") + decoder.decode(bytes.subarray(from));
};

/** A unit of UTF-16 takes at most so many bytes. */
const bytesOfUnitMax = 3;

/** The bytes of a path's text; what is neither Unicode nor stands for a byte becomes the mark for that. */
export const pathBytes = (text: string): Uint8Array => {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const bytes = Buffer.alloc(bytesOfUnitMax * text.length);
  let length = 0;
  let from = 0;
  let at = 0;
  const writeBefore = (end: number) => {
    if (end > from) length += bytes.write(text.slice(from, end), length, "utf8");
  };
  for (const character of text) {
    const byte = (character.codePointAt(0) ?? 0) - surrogateOfByte;
    if (byte >= firstHighByte && byte <= lastByte) {
      writeBefore(at);
      bytes[length++] = byte;
      from = at + 1;
    }
    at += character.length;
  }
  writeBefore(at);
  return bytes.subarray(0, length);
};

/** Whether a text is that of a path: it comes back from its bytes as it was. */
export const isPathText = (text: string): boolean => text.isWellFormed() || pathText(pathBytes(text)) === text;
