/**
 * Texts of cells and commands as bytes: most are short, and after a rest a call of the platform's encoder takes longer
 * than they do.
 */
import { Buffer } from "node:buffer";

/** Characters of a text that are encoded one by one: most cells and commands have no more. */
const shortTextMax = 256;

/** Encodes a text, as UTF-8. */
export const textBytes = (text: string): Uint8Array => {
  if (text.length > shortTextMax) return Buffer.from(text, "utf8");
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return Buffer.from(text, "utf8");
    bytes[index] = code;
  }
  return bytes;
};
