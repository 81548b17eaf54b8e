import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { isPathText, pathBytes, pathText } from "../../../src/domain/pathText.ts";

for (
  const [bytes, text] of [
    [[], ""],
    [[0x61, 0xff], "a\udcff"],
    [[0xe9, 0x2f, 0xc3, 0xa9], "\udce9/é"],
    [[0xf0, 0x9f, 0x92], "\udcf0\udc9f\udc92"],
    [[0xf0, 0x9f, 0x92, 0xa5, 0x80], "💥\udc80"],
    // A surrogate in UTF-8, more bytes than needed, and a mark of the order of bytes.
    [[0xed, 0xb3, 0xbf], "\udced\udcb3\udcbf"],
    [[0xc0, 0xaf], "\udcc0\udcaf"],
    [[0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
  ] as const
) {
  Deno.test(`pathText of ${bytes.map((byte) => byte.toString(16)).join(" ") || "nothing"} comes back as it was`, () => {
    assert.equal(pathText(Uint8Array.from(bytes)), text);
    assert.deepEqual([...pathBytes(text)], [...bytes]);
    assert.ok(isPathText(text));
    assert.equal(JSON.parse(JSON.stringify(text)), text);
  });
}

Deno.test("pathText of any bytes comes back as it was", () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const bytes = Buffer.from([first, second, 0x80, second]);
      assert.ok(bytes.equals(pathBytes(pathText(bytes))), bytes.toString("hex"));
    }
  }
});

Deno.test("isPathText refuses halves of characters that stand for no byte, and a second text for the same path", () => {
  for (const text of ["a\ud83d", "\udc00", "\udd00", "\udcc3\udca9"]) assert.ok(!isPathText(text), text);
  assert.deepEqual([...pathBytes("\ud83d")], [0xef, 0xbf, 0xbd]);
});
