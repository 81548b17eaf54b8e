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
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    const character = bytes.subarray(at, at + widthOf(byte));
    const isCharacter = isUtf8(character);
    parts.push(isCharacter ? decoder.decode(character) : String.fromCharCode(surrogateOfByte + byte));
    at += isCharacter ? character.length : 1;
  }
  return parts.join("");
};

/** The bytes of a path's text; what is neither Unicode nor stands for a byte becomes the mark for that. */
export const pathBytes = (text: string): Uint8Array => {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts: Array<Uint8Array> = [];
  for (const character of text) {
    const byte = (character.codePointAt(0) ?? 0) - surrogateOfByte;
    parts.push(byte >= firstHighByte && byte <= lastByte ? Uint8Array.of(byte) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
};

/** Whether a text is that of a path: it comes back from its bytes as it was. */
export const isPathText = (text: string): boolean => text.isWellFormed() || pathText(pathBytes(text)) === text;
