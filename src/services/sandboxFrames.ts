/**
 * How requests and answers between a process without sandboxes and the server that has them are framed.
 *
 * Both directions are a sequence of frames, each a kind (1 byte), a length (4 bytes, big endian) and a
 * payload. A request is a `message` with its arguments, `bytes` of a file where one is sent, and `end`. An
 * answer is any number of `message`, `bytes` and `alive`, and then `end` with the result, or `failure`. What
 * ends without either was cut. A reader skips kinds that it does not know.
 */
import { Stream } from "effect";

/** The kinds of frames. */
const frameKinds = { alive: 0, message: 1, bytes: 2, end: 3, failure: 4 } as const;

export type FrameKind = keyof typeof frameKinds;

/** A frame, or for `bytes` the part of one that has arrived. `malformed` stands for what cannot be read on. */
export interface Frame {
  readonly kind: FrameKind | "malformed";
  readonly payload: Uint8Array;
}

/** Media type of a body of frames. */
export const framesMediaType = "application/vnd.caisson.frames";

const headBytes = 5;

/** Bytes of a payload that is held as a whole; the largest is the arguments of a command, or a list of files. */
const heldBytesMax = 64 * 1024 * 1024;

const kindOf: ReadonlyMap<number, FrameKind> = new Map([
  [frameKinds.alive, "alive"],
  [frameKinds.message, "message"],
  [frameKinds.bytes, "bytes"],
  [frameKinds.end, "end"],
  [frameKinds.failure, "failure"],
]);

const noBytes = new Uint8Array(0);

/** Encodes a frame. */
export const encodeFrame = (kind: FrameKind, payload: Uint8Array = noBytes): Uint8Array => {
  const frame = new Uint8Array(headBytes + payload.length);
  frame[0] = frameKinds[kind];
  new DataView(frame.buffer).setUint32(1, payload.length);
  frame.set(payload, headBytes);
  return frame;
};

const encoder = new TextEncoder();

/** Encodes a frame whose payload is JSON. */
export const encodeJsonFrame = (kind: FrameKind, value: unknown): Uint8Array =>
  encodeFrame(kind, encoder.encode(JSON.stringify(value)));

/** Takes frames out of bytes as they arrive; what is left of one waits for the next. */
class FrameReader {
  private readonly head = new Uint8Array(headBytes);
  private headFilled = 0;
  private kind: FrameKind | undefined;
  private missing = 0;
  private held: Uint8Array | undefined;
  private heldFilled = 0;
  private isBroken = false;

  constructor(private readonly payloadBytesMax: number) {}

  /** The frames that these bytes complete, and the bytes of a file that they bring. */
  push(bytes: Uint8Array): ReadonlyArray<Frame> {
    const frames: Array<Frame> = [];
    let at = 0;
    while (at < bytes.length && !this.isBroken) {
      if (this.headFilled < headBytes) {
        const part = bytes.subarray(at, at + headBytes - this.headFilled);
        this.head.set(part, this.headFilled);
        this.headFilled += part.length;
        at += part.length;
        if (this.headFilled === headBytes) this.begin(frames);
      } else {
        const part = bytes.subarray(at, at + this.missing);
        at += part.length;
        this.take(part, frames);
      }
    }
    return frames;
  }

  private begin(frames: Array<Frame>): void {
    this.kind = kindOf.get(this.head[0] ?? -1);
    this.missing = new DataView(this.head.buffer).getUint32(1);
    if (this.kind !== "bytes" && this.missing > this.payloadBytesMax) {
      this.isBroken = true;
      frames.push({ kind: "malformed", payload: noBytes });
    } else if (this.kind !== "bytes") {
      this.held = new Uint8Array(this.missing);
      this.heldFilled = 0;
    }
    if (this.missing === 0) this.finish(frames);
  }

  private take(part: Uint8Array, frames: Array<Frame>): void {
    this.missing -= part.length;
    if (this.kind === "bytes") {
      frames.push({ kind: "bytes", payload: part });
    } else {
      this.held?.set(part, this.heldFilled);
      this.heldFilled += part.length;
    }
    if (this.missing === 0) this.finish(frames);
  }

  private finish(frames: Array<Frame>): void {
    if (this.kind !== undefined && this.kind !== "bytes") {
      frames.push({ kind: this.kind, payload: this.held ?? noBytes });
    }
    this.held = undefined;
    this.headFilled = 0;
  }
}

/** The frames of a stream of bytes, of payloads no longer than the bound where they are held as a whole. */
export const framesOf = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  payloadBytesMax: number = heldBytesMax,
): Stream.Stream<Frame, E, R> =>
  Stream.suspend(() => {
    const reader = new FrameReader(payloadBytesMax);
    return Stream.flattenIterable(Stream.map(bytes, (part) => reader.push(part)));
  });
