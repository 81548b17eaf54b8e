/**
 * Text in headers, which carry bytes.
 */

import { Result } from "effect";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The text of a header as whoever sent it meant it.
 *
 * *Details*: a header arrives with one character for each byte. Most programs send the bytes of UTF-8, so a name like
 * José would be another one than in a body; bytes that are no UTF-8 stay as they came, which is Latin-1.
 */
export const headerText = (value: string): string => {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (byte) => byte.charCodeAt(0));
  return Result.getOrElse(Result.try(() => utf8.decode(bytes)), () => value);
};
