/**
 * The attach stream of a container engine, taken apart into what the container wrote where.
 *
 * Source: Docker Engine API, "Attach to a container", stream format: u8 stream, three zero bytes, u32
 * length, payload. Pieces are passed on as views of what arrived, so nothing is copied or kept, and
 * the transport's own back-pressure is all there is.
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { type ByteChannel, fromDuplex } from "../supervisor/ByteChannel.ts";
import { readU32 } from "../supervisor/frames.ts";

const headerBytes = 8;
const stdoutStream = 1;
const stderrStream = 2;

/** Takes a piece of what one stream of the container carried. */
export type OnPiece = (stream: "stdout" | "stderr", piece: Uint8Array) => void;

/** Takes an engine's multiplexed stream apart, in whatever pieces it arrives. */
export class Demultiplexer {
  private readonly header = new Uint8Array(headerBytes);
  private headerSize = 0;
  private stream = 0;
  private left = 0;

  /** Passes on what `bytes` carry; streams other than stdout and stderr are dropped. */
  push(bytes: Uint8Array, onPiece: OnPiece): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.left === 0) {
        while (this.headerSize < headerBytes && at < bytes.length) this.header[this.headerSize++] = bytes[at++] ?? 0;
        if (this.headerSize < headerBytes) return;
        this.headerSize = 0;
        this.stream = this.header[0] ?? 0;
        this.left = readU32(this.header, 4);
        continue;
      }
      const piece = bytes.subarray(at, at + this.left);
      this.left -= piece.length;
      at += piece.length;
      if (this.stream === stdoutStream) onPiece("stdout", piece);
      else if (this.stream === stderrStream) onPiece("stderr", piece);
    }
  }
}

/** Bytes of the container's stderr kept for the log: the last words of a supervisor that died. */
const stderrBytesMax = 4096;

/** A channel over an engine's hijacked attach stream of a container without a terminal. */
export const fromEngineStream = (duplex: Duplex): ByteChannel => {
  const raw = fromDuplex(duplex);
  const demultiplexer = new Demultiplexer();
  let lastWords = Buffer.alloc(0);
  return {
    ...raw,
    listen: (listener) =>
      raw.listen({
        ...listener,
        onData: (bytes) =>
          demultiplexer.push(bytes, (stream, piece) => {
            if (stream === "stdout") listener.onData(piece);
            else lastWords = Buffer.concat([lastWords, piece.subarray(-stderrBytesMax)]).subarray(-stderrBytesMax);
          }),
        onEnd: (why) => listener.onEnd(lastWords.length === 0 ? why : `${why}; stderr: ${lastWords.toString()}`),
      }),
  };
};
