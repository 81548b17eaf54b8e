/** Bounded text out of any bytes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { OutputText } from "../../../../../src/adapters/sandbox/supervisor/OutputText.ts";
import { makeRandom } from "./random.ts";

/** Feeds a stream as the supervisor does: the first bytes live, the last half of the bound at the end. */
const feed = (output: OutputText, bytes: Uint8Array, bound: number, pieceSize: () => number) => {
  const live = bytes.subarray(0, bound);
  for (let at = 0; at < live.length;) {
    const size = Math.max(1, pieceSize());
    assert.ok(output.push(live.subarray(at, at + size)));
    at += size;
  }
  if (bytes.length > bound) assert.ok(output.pushTail(bytes.subarray(bytes.length - Math.floor(bound / 2))));
};

const alphabet = ["a", "\n", "é", "€", "😀", "\ufeff"];

Deno.test("OutputText.finish returns all text when it fits and whole characters of both ends when it does not", () => {
  const random = makeRandom(6);
  for (let round = 0; round < 400; round++) {
    const bound = 200 + random.below(200);
    const text = Array.from({ length: random.below(400) }, () => alphabet[random.below(alphabet.length)]).join("");
    const bytes = Buffer.from(text);
    let live = "";
    const output = new OutputText(bound, (piece) => void (live += piece));
    feed(output, bytes, bound, () => random.below(30));
    const result = output.finish(bytes.length, "/p");
    assert.equal(result.truncated, bytes.length > bound);
    if (!result.truncated) {
      assert.equal(result.text, text);
      assert.equal(live, text);
      continue;
    }
    assert.ok(Buffer.byteLength(result.text) <= bound);
    assert.ok(!result.text.includes("\ufffd"));
    const [start = "", omitted = "", end = ""] = result.text.split(/\n\[… (\d+) bytes left out; see \/p …\]\n/);
    assert.ok(text.startsWith(start) && text.endsWith(end));
    assert.equal(Buffer.byteLength(start) + Number(omitted) + Buffer.byteLength(end), bytes.length);
  }
});

Deno.test("OutputText.finish never throws and stays bounded when the bytes are not UTF-8", () => {
  const random = makeRandom(7);
  for (let round = 0; round < 200; round++) {
    const bound = 200;
    const bytes = random.bytes(random.below(500)).map((byte) => byte | 0x80);
    const output = new OutputText(bound, () => {});
    feed(output, bytes, bound, () => random.below(30));
    // Each byte that is no text becomes one replacement character at most.
    assert.ok(output.finish(bytes.length, undefined).text.length <= bound);
  }
});

Deno.test("OutputText.push and pushTail refuse more than the bound", () => {
  const output = new OutputText(100);
  assert.equal(output.push(new Uint8Array(100)), true);
  assert.equal(output.push(new Uint8Array(1)), false);
  assert.equal(output.pushTail(new Uint8Array(50)), true);
  assert.equal(output.pushTail(new Uint8Array(1)), false);
});
