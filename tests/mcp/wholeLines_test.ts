import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { WholeLines } from "../../src/mcp/wholeLines.ts";

/** What is passed on of some pieces. */
const passed = async (bytesMax: number, pieces: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const lines = new WholeLines(bytesMax);
  const seen: Array<string> = [];
  lines.on("data", (chunk: Uint8Array) => seen.push(Buffer.from(chunk).toString()));
  const { promise, resolve } = Promise.withResolvers<void>();
  lines.once("end", resolve);
  for (const piece of pieces) lines.write(Buffer.from(piece));
  lines.end();
  await promise;
  return seen;
};

Deno.test("a message comes as a whole, however it was cut, and by itself", async () => {
  assert.deepEqual(await passed(100, ["a", "b", "c\nde\nf\ng", "h", "\n"]), ["abc\n", "de\nf\n", "gh\n"]);
  assert.deepEqual(await passed(100, ["a\n", "b\n"]), ["a\n", "b\n"]);
  assert.deepEqual(await passed(100, []), []);
});

Deno.test("what is longer than the bound is passed on as it is, and so is what has no end", async () => {
  assert.deepEqual(await passed(3, ["ab", "cd", "e\nf"]), ["abcd", "e\n", "f"]);
});
