/**
 * The protocol of the supervisor: frames to bytes and bytes to frames, pure.
 *
 * Both ways a frame is u32 payload length, u8 kind, u32 id, payload, big endian. The mirror in Python
 * is `image/supervisor/wire.py`; the two change together.
 */
import { Buffer } from "node:buffer";

/** Version of the protocol, which the supervisor's hello must name. */
export const protocolVersion = 7;

/** Sent first: the supervisor skips whatever an engine delivers before it. */
export const preamble: Uint8Array = Buffer.from("\x00\xffcaisson-supervisor-1\xff\x00\n", "latin1");

/** Largest payload of a frame, either way. */
export const payloadBytesMax = 1024 * 1024;

/** Files move in pieces of this size, the default capacity of a pipe. */
export const pieceBytes = 64 * 1024;

/** Bytes a read may be ahead of the credit given, and thus its memory on both sides. */
export const windowBytes = 8 * pieceBytes;

/** Bytes on their way in one direction of a stream, and so what a stream that nobody reads holds. */
export const streamWindowBytes = 4 * pieceBytes;

export const headerBytes = 9;

/** Kinds of frame that go to the supervisor. */
export const Ask = {
  exec: 1,
  stdin: 2,
  cancel: 3,
  write: 4,
  chunk: 5,
  commit: 6,
  readText: 7,
  readBytes: 8,
  credit: 9,
  docstring: 10,
  changed: 11,
  ping: 12,
  usage: 13,
  tree: 24,
  putBack: 25,
  copy: 26,
  netData: 32,
  netCredit: 33,
  netEnd: 34,
  netReset: 35,
  netDial: 36,
  kernelRun: 48,
  jobRead: 49,
} as const;
export type Ask = (typeof Ask)[keyof typeof Ask];

/** Kinds of frame that come from the supervisor. */
export const Tell = {
  stdout: 65,
  stderr: 66,
  stdoutTail: 67,
  stderrTail: 68,
  exit: 69,
  ok: 70,
  error: 71,
  data: 72,
  hello: 73,
  pong: 74,
  taken: 75,
  netOpen: 96,
  netData: 97,
  netCredit: 98,
  netEnd: 99,
  netReset: 100,
  display: 104,
} as const;

/** Whether a frame from the supervisor belongs to a stream: those have an id space of their own. */
export const isOfStreams = (kind: number): boolean => kind >= Tell.netOpen && kind <= Tell.netReset;

/** Flags of an exit frame. */
export const ExitFlag = {
  timedOut: 1,
  oomKilled: 2,
  cancelled: 4,
  survivors: 8,
  runnerLost: 16,
  stdoutSaved: 32,
  stderrSaved: 64,
  savedInPart: 128,
  oomBeside: 256,
  leftBehind: 512,
  restarted: 1024,
  stateLost: 2048,
  crowded: 4096,
} as const;

// Encoding ---------------------------------------------------------------------------------------

// Every command passes here after a rest, when each call of a library costs ten times what it does in a loop: the few
// bytes of heads are written and read by hand.

const writeU32 = (bytes: Uint8Array, value: number, at: number): void => {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
};

const writeAscii = (bytes: Uint8Array, text: string, at: number): void => {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
};

const writeHeader = (bytes: Uint8Array, kind: Ask, id: number, length: number): void => {
  writeU32(bytes, length, 0);
  bytes[4] = kind;
  writeU32(bytes, id, 5);
};

/** Encodes the header of a frame whose payload follows on its own. */
export const encodeHeader = (kind: Ask, id: number, length: number): Uint8Array => {
  const header = Buffer.allocUnsafe(headerBytes);
  writeHeader(header, kind, id, length);
  return header;
};

/** Encodes a whole frame, its payload given in parts. */
export const encodeFrame = (kind: Ask, id: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = Buffer.allocUnsafe(headerBytes + length);
  writeHeader(frame, kind, id, length);
  let at = headerBytes;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
};

/** What an exec frame asks for. */
export interface ExecRequest {
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  readonly withStdin: boolean;
  /** Nobody waits for its output: it is kept in the sandbox, to be read by `jobRead`. */
  readonly isBackground?: boolean;
  /** Name of the files that take a long output, without their endings; ASCII. */
  readonly outputName: string;
}

export const encodeExec = (request: ExecRequest, command: Uint8Array): ReadonlyArray<Uint8Array> => {
  const { outputName } = request;
  const head = Buffer.allocUnsafe(10 + outputName.length);
  writeU32(head, request.timeoutMs, 0);
  writeU32(head, request.outputBytesMax, 4);
  head[8] = (request.withStdin ? 1 : 0) | (request.isBackground === true ? 2 : 0);
  head[9] = outputName.length;
  writeAscii(head, outputName, 10);
  return [head, command];
};

/** What a kernel-run frame asks for. */
export interface KernelRunRequest {
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  /** Name of the kernel, at most 255 bytes. */
  readonly kernel: Uint8Array;
  /** Name of the files that take a long output, without their endings; ASCII. */
  readonly outputName: string;
}

export const encodeKernelRun = (request: KernelRunRequest, code: Uint8Array): ReadonlyArray<Uint8Array> => {
  const { kernel, outputName } = request;
  const head = Buffer.allocUnsafe(10 + kernel.length + outputName.length);
  writeU32(head, request.timeoutMs, 0);
  writeU32(head, request.outputBytesMax, 4);
  head[8] = kernel.length;
  head[9] = outputName.length;
  head.set(kernel, 10);
  writeAscii(head, outputName, 10 + kernel.length);
  return [head, code];
};

export const encodeJobRead = (job: number, offset: number, bytesMax: number): Uint8Array => {
  const body = Buffer.allocUnsafe(16);
  body.writeUInt32BE(job, 0);
  body.writeBigUInt64BE(BigInt(offset), 4);
  body.writeUInt32BE(bytesMax, 12);
  return body;
};

/** A part of what a job printed. */
export interface JobPart {
  /** Bytes that the job printed in all. */
  readonly total: number;
  /** Where the part begins. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Decodes the answer to a job-read frame; undefined when it is malformed. */
export const decodeJobPart = (payload: Uint8Array): JobPart | undefined => {
  if (payload.length < 16) return undefined;
  const body = asBuffer(payload);
  return {
    total: Number(body.readBigUInt64BE(0)),
    start: Number(body.readBigUInt64BE(8)),
    bytes: payload.subarray(16),
  };
};

/** Encodes the head of a write: whether its content is complete, and the path. */
export const encodeWrite = (path: Uint8Array, isWhole: boolean): ReadonlyArray<Uint8Array> => {
  const head = Buffer.allocUnsafe(3);
  head[0] = isWhole ? 1 : 0;
  head.writeUInt16BE(path.length, 1);
  return [head, path];
};

/** Flags in the first byte of a page of text. */
export const PageFlag = { moreFollows: 1, cutInLine: 2, onlyNote: 4 } as const;

/** Stands for "all lines" in a read. */
export const allLines = 0xffff_ffff;

export const encodeReadText = (
  path: Uint8Array,
  lines: { readonly offset: number; readonly column: number; readonly count: number },
  bytesMax: number,
): ReadonlyArray<Uint8Array> => {
  const head = Buffer.allocUnsafe(24);
  head.writeBigUInt64BE(BigInt(lines.offset), 0);
  head.writeBigUInt64BE(BigInt(lines.column), 8);
  head.writeUInt32BE(lines.count, 16);
  head.writeUInt32BE(bytesMax, 20);
  return [head, path];
};

export const encodeReadBytes = (path: Uint8Array, offset: number, length: number): ReadonlyArray<Uint8Array> => {
  const head = Buffer.allocUnsafe(16);
  head.writeBigUInt64BE(BigInt(offset), 0);
  head.writeBigUInt64BE(BigInt(length), 8);
  return [head, path];
};

export const encodeCredit = (bytes: number): Uint8Array => {
  const body = Buffer.allocUnsafe(4);
  body.writeUInt32BE(bytes, 0);
  return body;
};

export const encodeDial = (port: number): Uint8Array => {
  const body = Buffer.allocUnsafe(2);
  body.writeUInt16BE(port, 0);
  return body;
};

export const encodeDocstring = (path: Uint8Array, name: Uint8Array): ReadonlyArray<Uint8Array> => {
  const head = Buffer.allocUnsafe(2);
  head.writeUInt16BE(path.length, 0);
  return [head, path, name];
};

export const encodeUsage = (entriesMax: number): Uint8Array => {
  const body = Buffer.allocUnsafe(4);
  body.writeUInt32BE(entriesMax, 0);
  return body;
};

export const encodeChanged = (sinceMs: number, limit: number): Uint8Array => {
  const body = Buffer.allocUnsafe(12);
  body.writeBigUInt64BE(BigInt(sinceMs), 0);
  body.writeUInt32BE(limit, 8);
  return body;
};

// Decoding ---------------------------------------------------------------------------------------

/** Reads 32 bits, which must be there: a view of them would cost more than all of it. */
export const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

const readU64 = (bytes: Uint8Array, at: number): number => readU32(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 4);

/** Takes one frame, or the next piece of one whose kind is a stream. */
export type OnFrame = (kind: number, id: number, payload: Uint8Array) => void;

/** Kinds whose payload is passed on as it arrives: where a frame ends means nothing in them. */
const isStream = (kind: number): boolean =>
  kind === Tell.stdout || kind === Tell.stderr || kind === Tell.data || kind === Tell.netData;

/**
 * Cuts bytes into frames in whatever pieces they arrive.
 *
 * Payloads are views of what arrived where they can be; only a frame that was cut in transit is
 * joined, once, and at most one such frame is held.
 */
export class FrameDecoder {
  private readonly header = new Uint8Array(headerBytes);
  private headerSize = 0;
  private kind = 0;
  private id = 0;
  private left = 0;
  private parts: Array<Uint8Array> = [];

  /** Takes bytes and calls `onFrame` for what they complete; false when they break the protocol. */
  push(bytes: Uint8Array, onFrame: OnFrame): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.headerSize < headerBytes) {
        while (this.headerSize < headerBytes && at < bytes.length) this.header[this.headerSize++] = bytes[at++] ?? 0;
        if (this.headerSize < headerBytes) return true;
        this.left = readU32(this.header, 0);
        this.kind = this.header[4] ?? 0;
        this.id = readU32(this.header, 5);
        if (this.left > payloadBytesMax) return false;
        if (this.left > 0) continue;
      }
      const piece = bytes.subarray(at, at + this.left);
      at += piece.length;
      this.left -= piece.length;
      if (this.left === 0) this.headerSize = 0;
      this.take(piece, onFrame);
    }
    return true;
  }

  private take(piece: Uint8Array, onFrame: OnFrame): void {
    if (isStream(this.kind)) return onFrame(this.kind, this.id, piece);
    if (this.left > 0) return void this.parts.push(piece);
    if (this.parts.length === 0) return onFrame(this.kind, this.id, piece);
    const whole = Buffer.concat([...this.parts, piece]);
    this.parts = [];
    onFrame(this.kind, this.id, whole);
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The end of a command, as the supervisor tells it. */
export interface Exit {
  readonly code: number;
  readonly flags: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** Decodes an exit frame; undefined when it is malformed. */
export const decodeExit = (payload: Uint8Array): Exit | undefined => {
  if (payload.length !== 22) return undefined;
  return {
    code: readU32(payload, 0) | 0,
    flags: readU32(payload, 2) & 0xffff,
    stdoutBytes: readU64(payload, 6),
    stderrBytes: readU64(payload, 14),
  };
};

/** Decodes an error frame; undefined when it is malformed. */
export const decodeError = (payload: Uint8Array): { readonly code: number; readonly text: string } | undefined =>
  payload.length < 2
    ? undefined
    : { code: asBuffer(payload).readUInt16BE(0), text: new TextDecoder().decode(payload.subarray(2)) };

/** What a sandbox holds. */
export interface Usage {
  /** Bytes of disk of its workspace. */
  readonly bytes: number;
  /** Files, directories and links of its workspace, counted no further than was asked. */
  readonly entries: number;
  /** Bytes of memory, without cached files that would be given back. */
  readonly memoryBytes: number;
  /** Bytes that the disk beneath its workspace has left for it. */
  readonly freeBytes: number;
}

/** Decodes the answer to a usage frame; undefined when it is malformed. */
export const decodeUsage = (payload: Uint8Array): Usage | undefined => {
  if (payload.length !== 32) return undefined;
  const body = asBuffer(payload);
  return {
    bytes: Number(body.readBigUInt64BE(0)),
    entries: Number(body.readBigUInt64BE(8)),
    memoryBytes: Number(body.readBigUInt64BE(16)),
    freeBytes: Number(body.readBigUInt64BE(24)),
  };
};

/** Decodes a count of up to eight bytes; undefined when it is malformed. */
export const decodeCount = (payload: Uint8Array): number | undefined => {
  if (payload.length === 2) return asBuffer(payload).readUInt16BE(0);
  if (payload.length === 4) return asBuffer(payload).readUInt32BE(0);
  return payload.length === 8 ? Number(asBuffer(payload).readBigUInt64BE(0)) : undefined;
};
