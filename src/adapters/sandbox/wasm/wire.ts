/**
 * What the server and a WebAssembly guest say to each other: one request at a time, one answer each.
 *
 * A message is two big-endian lengths, a JSON head and raw bytes. This module is loaded by both
 * sides and so imports nothing.
 */

/** What a guest is told when it starts; every path is one of the host. */
export interface GuestOptions {
  readonly workspace: string;
  readonly temporary: string;
  /** Absent when the host has no such directory. */
  readonly tools?: string;
  readonly skills?: string;
  /** Memory image of a freshly loaded Python. */
  readonly snapshot: string;
  readonly outputBytesMax: number;
  readonly fileBytesMax: number;
  readonly workspaceBytesMax: number;
}

/** A request to a guest; the bytes of `write` follow as the body. */
export type GuestRequest =
  | { readonly op: "execute"; readonly command: string; readonly timeoutMs: number }
  | { readonly op: "cell"; readonly kernel: string; readonly code: string; readonly timeoutMs: number }
  | { readonly op: "write"; readonly path: string }
  | {
    readonly op: "text";
    readonly path: string;
    readonly offset: number;
    readonly lineCount: number | null;
    readonly column: number;
  }
  | { readonly op: "bytes"; readonly path: string; readonly offset: number; readonly length: number }
  | { readonly op: "docstring"; readonly path: string; readonly name: string }
  | { readonly op: "changed"; readonly sinceMs: number; readonly limit: number };

/** The lengths in front of a message. */
export const headerBytes = 8;
/** A head is a few fields and, for `execute`, the command or the kept output. */
const headBytesMax = 64 * 1024 * 1024;
/** A body is a piece or a whole of a file that a tool call carries. */
export const bodyBytesMax = 256 * 1024 * 1024;
/** Bytes of a file in one answer; larger ones are asked for piece by piece. */
export const pieceBytes = 256 * 1024;

const encoder = new TextEncoder();
const empty = new Uint8Array(0);

/** Encodes a message as the parts to be written one after the other. */
export const encodeMessage = (head: unknown, body: Uint8Array = empty): ReadonlyArray<Uint8Array> => {
  const headBytes = encoder.encode(JSON.stringify(head));
  const lengths = new Uint8Array(headerBytes);
  const view = new DataView(lengths.buffer);
  view.setUint32(0, headBytes.length);
  view.setUint32(4, body.length);
  return body.length === 0 ? [lengths, headBytes] : [lengths, headBytes, body];
};

/** A message as it came in; nothing in `head` has been checked. */
export interface RawMessage {
  readonly head: string;
  readonly body: Uint8Array;
}

/** A message breaks the protocol or its bounds. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
}

const decoder = new TextDecoder();

/** Cuts a stream of bytes into messages. *Fails with* `BadMessage` on a length out of bounds or a cut message. */
export async function* readMessages(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<RawMessage, void> {
  let parts: Array<Uint8Array> = [];
  let buffered = 0;
  let wanted = headerBytes;
  let lengths: { readonly head: number; readonly body: number } | undefined;
  for await (const part of bytes) {
    parts.push(part);
    buffered += part.length;
    while (buffered >= wanted) {
      const all = join(parts, buffered);
      const rest = all.subarray(wanted);
      if (lengths === undefined) {
        const view = new DataView(all.buffer, all.byteOffset, headerBytes);
        lengths = { head: view.getUint32(0), body: view.getUint32(4) };
        if (lengths.head > headBytesMax || lengths.body > bodyBytesMax) {
          throw new BadMessage(`message of ${lengths.head} and ${lengths.body} bytes: out of bounds`);
        }
        wanted = lengths.head + lengths.body;
      } else {
        yield {
          head: decoder.decode(all.subarray(0, lengths.head)),
          body: all.subarray(lengths.head, wanted),
        };
        lengths = undefined;
        wanted = headerBytes;
      }
      parts = [rest];
      buffered = rest.length;
    }
  }
  if (buffered > 0 || lengths !== undefined) throw new BadMessage("the stream ended inside a message");
}

const join = (parts: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
