import assert from "node:assert/strict";
import {
  BadMessage,
  bodyBytesMax,
  encodeMessage,
  headerBytes,
  type RawMessage,
  readMessages,
} from "../../../../../src/adapters/sandbox/wasm/wire.ts";

const join = (parts: ReadonlyArray<Uint8Array>) => new Uint8Array(parts.flatMap((part) => Array.from(part)));

/** A stream that hands out its bytes in pieces of one size. */
async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = async (bytes: Uint8Array, size: number) => {
  const messages: Array<RawMessage> = [];
  for await (const { head, body } of readMessages(inPieces(bytes, size))) messages.push({ head, body: body.slice() });
  return messages;
};

const sent = join([
  ...encodeMessage({ op: "ünï" }),
  ...encodeMessage({ n: 2 }, Uint8Array.of(0, 255, 10)),
  ...encodeMessage({}, new Uint8Array(70_000).fill(7)),
]);

for (const size of [1, 3, 8, 1_000, 1_000_000]) {
  Deno.test(`readMessages returns what encodeMessage wrote when pieces are of ${size} bytes`, async () => {
    const messages = await read(sent, size);
    assert.deepEqual(messages.map(({ head }) => head), ['{"op":"ünï"}', '{"n":2}', "{}"]);
    assert.deepEqual(messages[1]?.body, Uint8Array.of(0, 255, 10));
    assert.equal(messages[2]?.body.length, 70_000);
  });
}

Deno.test("readMessages fails when the stream ends inside a message", async () => {
  await assert.rejects(read(sent.subarray(0, sent.length - 1), 1_000), BadMessage);
  await assert.rejects(read(sent.subarray(0, 3), 1_000), BadMessage);
});

Deno.test("readMessages fails before it buffers when a length is out of bounds", async () => {
  const lengths = new Uint8Array(headerBytes);
  new DataView(lengths.buffer).setUint32(4, bodyBytesMax + 1);
  await assert.rejects(read(lengths, headerBytes), /out of bounds/);
});
