/**
 * One output stream of a command as the server keeps it: bounded bytes in, bounded text out.
 *
 * The supervisor sends the first bytes as they come and, when there were more than the bound, the
 * last ones at the end. What is shown then is head, a line that says what is missing, and tail.
 */
import { Buffer } from "node:buffer";

/** The text of a finished stream. */
export interface BoundedText {
  readonly text: string;
  readonly truncated: boolean;
}

// A byte order mark is part of what the command printed.
const makeDecoder = () => new TextDecoder("utf-8", { ignoreBOM: true });

/** Longest beginning of `bytes` within `max` that does not cut a UTF-8 character. */
const head = (bytes: Uint8Array, max: number): Uint8Array => {
  if (bytes.length <= max) return bytes;
  let end = max;
  while (end > 0 && end > max - 3 && isContinuation(bytes[end])) end--;
  return bytes.subarray(0, isContinuation(bytes[end]) ? max : end);
};

/** Longest end of `bytes` within `max` that does not cut a UTF-8 character. */
const tail = (bytes: Uint8Array, max: number): Uint8Array => {
  const start = Math.max(0, bytes.length - max);
  let from = start;
  while (from < bytes.length && from < start + 3 && isContinuation(bytes[from])) from++;
  return bytes.subarray(isContinuation(bytes[from]) ? start : from);
};

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Collects one stream within `bytesMax`. */
export class OutputText {
  private readonly parts: Array<Uint8Array> = [];
  private size = 0;
  private readonly lastParts: Array<Uint8Array> = [];
  private lastSize = 0;
  private live: TextDecoder | undefined;

  constructor(private readonly bytesMax: number, private readonly onText?: (text: string) => void) {}

  /** Keeps live bytes; false when they exceed the bound, which an honest supervisor never does. */
  push(bytes: Uint8Array): boolean {
    this.size += bytes.length;
    if (this.size > this.bytesMax) return false;
    // The payload is a view of a transport buffer that may be much larger than what it holds.
    this.parts.push(bytes.slice());
    if (this.onText !== undefined) {
      this.live ??= makeDecoder();
      const text = this.live.decode(bytes, { stream: true });
      if (text !== "") this.onText(text);
    }
    return true;
  }

  /** Keeps more of the end of a stream that was longer than the bound; false when it is too long itself. */
  pushTail(bytes: Uint8Array): boolean {
    this.lastSize += bytes.length;
    if (this.lastSize > this.bytesMax / 2) return false;
    this.lastParts.push(bytes.slice());
    return true;
  }

  /** Ends the stream, of which the command wrote `totalBytes`; `savedPath` names the file with all of it. */
  finish(totalBytes: number, savedPath: string | undefined): BoundedText {
    if (this.live !== undefined && this.onText !== undefined) {
      const rest = this.live.decode();
      if (rest !== "") this.onText(rest);
    }
    if (totalBytes === 0 && this.size === 0) return { text: "", truncated: false };
    const bytes = this.parts.length === 1 && this.parts[0] !== undefined ? this.parts[0] : Buffer.concat(this.parts);
    if (totalBytes <= bytes.length) return { text: makeDecoder().decode(bytes), truncated: false };
    const where = savedPath === undefined ? "" : `; see ${savedPath}`;
    const note = (omitted: number) => `\n[… ${omitted} bytes left out${where} …]\n`;
    const room = Math.max(0, this.bytesMax - Buffer.byteLength(note(totalBytes)));
    const end = tail(Buffer.concat(this.lastParts), Math.floor(room / 2));
    const start = head(bytes, room - end.length);
    const omitted = totalBytes - start.length - end.length;
    return { text: makeDecoder().decode(start) + note(omitted) + makeDecoder().decode(end), truncated: true };
  }
}
