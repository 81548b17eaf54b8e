/** The frame codec against cut, random and hostile bytes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  Ask,
  decodeError,
  decodeExit,
  encodeExec,
  encodeFrame,
  FrameDecoder,
  headerBytes,
  payloadBytesMax,
  Tell,
} from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { textBytes } from "../../../../../src/adapters/sandbox/supervisor/textBytes.ts";
import { makeRandom } from "./random.ts";
import { leastCpuMs } from "../../../../support/timing.ts";

interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly payload: string;
}

const decodeAll = (bytes: Uint8Array, sizes: () => number) => {
  const decoder = new FrameDecoder();
  const frames: Array<Frame> = [];
  for (let at = 0; at < bytes.length;) {
    const size = Math.max(1, sizes());
    const isFine = decoder.push(bytes.subarray(at, at + size), (kind, id, payload) => {
      frames.push({ kind, id, payload: Buffer.from(payload).toString("latin1") });
    });
    if (!isFine) return undefined;
    at += size;
  }
  return frames;
};

Deno.test("FrameDecoder.push returns the frames that were encoded when they arrive in any pieces", () => {
  const random = makeRandom(1);
  for (let round = 0; round < 200; round++) {
    const frames = Array.from({ length: random.below(8) + 1 }, () => ({
      kind: Ask.chunk,
      id: random.below(2 ** 32),
      payload: random.bytes(random.below(300)),
    }));
    const wire = Buffer.concat(frames.map(({ kind, id, payload }) => encodeFrame(kind, id, payload)));
    const decoded = decodeAll(wire, () => random.below(64));
    assert.deepEqual(
      decoded,
      frames.map((frame) => ({ ...frame, payload: Buffer.from(frame.payload).toString("latin1") })),
    );
  }
});

Deno.test("FrameDecoder.push passes output on without waiting for the end of its frame", () => {
  const wire = encodeFrame(Ask.chunk, 7, Buffer.from("hello"));
  wire[4] = Tell.stdout;
  for (let size = 1; size <= wire.length; size++) {
    const pieces = decodeAll(wire, () => size) ?? [];
    assert.equal(pieces.map((piece) => piece.payload).join(""), "hello");
    assert.ok(pieces.every(({ kind, id, payload }) => kind === Tell.stdout && id === 7 && payload !== ""));
  }
});

Deno.test("FrameDecoder.push refuses a frame longer than the bound as soon as its header is there", () => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(payloadBytesMax + 1);
  assert.equal(new FrameDecoder().push(header, () => assert.fail("no frame")), false);
});

Deno.test("FrameDecoder.push never throws when the bytes are random", () => {
  const random = makeRandom(2);
  for (let round = 0; round < 500; round++) {
    // Leading zeros make short lengths likely, so that many frames are found.
    const bytes = random.bytes(random.below(400));
    for (let at = 0; at < bytes.length; at += random.below(20) + 1) bytes.fill(0, at, at + 3);
    decodeAll(bytes, () => random.below(40));
  }
});

Deno.test("FrameDecoder.push copies a large frame once when it arrives in many pieces", () => {
  const payload = new Uint8Array(payloadBytesMax).fill(7);
  const wire = encodeFrame(Ask.chunk, 1, payload);
  // A thousand pieces of a megabyte: joining at every piece would copy half a gigabyte.
  const tookMs = leastCpuMs(() => {
    const decoder = new FrameDecoder();
    let seen = 0;
    for (let at = 0; at < wire.length; at += 1024) {
      decoder.push(wire.subarray(at, at + 1024), (_, __, body) => void (seen = body.length));
    }
    assert.equal(seen, payloadBytesMax);
  });
  assert.ok(tookMs < 1_000);
});

Deno.test("decodeExit and decodeError return undefined when the payload is too short", () => {
  for (let size = 0; size < 22; size++) assert.equal(decodeExit(new Uint8Array(size)), undefined);
  assert.equal(decodeError(new Uint8Array(1)), undefined);
  assert.deepEqual(decodeError(Buffer.from([0, 2, 104, 105])), { code: 2, text: "hi" });
});

Deno.test("textBytes is UTF-8 of every text, short and long, of one byte a character and of more", () => {
  const texts = ["", "x+1", "\0\x7f", "\x80", "é", "aé", "水", "😀", "a\ud83d", "a".repeat(256), "a".repeat(257)];
  for (const text of [...texts, "é".repeat(256), `${"a".repeat(255)}水`, `${"a".repeat(256)}水`]) {
    assert.deepEqual([...textBytes(text)], [...new TextEncoder().encode(text)], text.slice(0, 20));
  }
});

Deno.test("encodeExec lays out head, name and command as the supervisor reads them", () => {
  const parts = encodeExec(
    { timeoutMs: 258, outputBytesMax: 1, withStdin: true, outputName: "ab" },
    Buffer.from("ls"),
  );
  assert.deepEqual([...Buffer.concat(parts)], [0, 0, 1, 2, 0, 0, 0, 1, 1, 2, 97, 98, 108, 115]);
});
