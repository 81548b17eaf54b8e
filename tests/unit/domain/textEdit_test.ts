import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { occurrencesOf } from "../../../src/domain/occurrences.ts";
import { editedBytesMax, editText } from "../../../src/domain/textEdit.ts";
import { leastCpuMs } from "../../support/timing.ts";

const edit = (file: string | Uint8Array, oldText: string, newText: string, all = false) =>
  editText(typeof file === "string" ? Buffer.from(file) : file, { oldText, newText, all });

const changed: ReadonlyArray<
  readonly [name: string, file: string | Uint8Array, old: string, next: string, all: boolean, expected: string]
> = [
  ["one line", "a\nb\nc\n", "b", "B", false, "a\nB\nc\n"],
  ["nothing in its place", "a\nb\nc\n", "b\n", "", false, "a\nc\n"],
  ["every one", "x x x", "x", "yy", true, "yy yy yy"],
  ["dollar signs as they are", "price", "price", "$& $1", false, "$& $1"],
  ["lines that end with CR LF", "a\r\nb\r\nc\r\n", "a\nb", "a\nB\n2", false, "a\r\nB\r\n2\r\nc\r\n"],
  ["mixed line ends as they stand", "a\r\nb\nc\n", "b\nc", "d", false, "a\r\nd\n"],
  ["a file that begins with a mark", "\ufeffa,b\n", "a,b", "a;b", false, "\ufeffa;b\n"],
  ["letters of every script", "größer 漢字 🙂", "漢字", "仮名", false, "größer 仮名 🙂"],
];

for (const [name, file, old, next, all, expected] of changed) {
  Deno.test(`editText changes ${name}`, () => {
    const edited = edit(file, old, next, all);
    assert.ok(edited._tag === "Edited", JSON.stringify(edited));
    assert.equal(Buffer.from(edited.bytes).toString("utf8"), expected);
  });
}

Deno.test("editText keeps Windows-1252 when the file is not UTF-8", () => {
  const file = Buffer.from([0x67, 0xf6, 0x20, 0x80, 0x0a]); // gö €
  const edited = edit(file, "gö €", "ü ž");
  assert.ok(edited._tag === "Edited");
  assert.deepEqual([...edited.bytes], [0xfc, 0x20, 0x9e, 0x0a]);
  const refused = edit(file, "gö", "漢");
  assert.ok(refused._tag === "Refused" && /Windows-1252/.test(refused.why));
});

const refusals: ReadonlyArray<readonly [name: string, file: string, old: string, next: string, why: RegExp]> = [
  ["it is nowhere", "abc", "x", "y", /not found.*Read the file again/],
  ["it is there often", "a\nb\na\na\n", "a", "y", /found 3 times \(lines 1, 3, 4\).*set all/],
  ["nothing is to be replaced", "abc", "", "y", /old_text is empty/],
  ["nothing would change", "abc", "a", "a", /the same/],
  ["the file is no text", "a\0b", "a", "b", /not a text file/],
  ["half a character is to be found", "abc", "\ud800", "b", /no Unicode/],
];

for (const [name, file, old, next, why] of refusals) {
  Deno.test(`editText refuses when ${name}`, () => {
    const edited = edit(file, old, next);
    assert.ok(edited._tag === "Refused", JSON.stringify(edited));
    assert.match(edited.why, why);
    assert.match(edited.why, /Nothing was changed\.$/);
  });
}

Deno.test("editText makes no file beyond its bound when a long text replaces many", () => {
  const edited = edit("a".repeat(1_000_000), "a", "b".repeat(1_000_000), true);
  assert.ok(edited._tag === "Refused" && /larger than/.test(edited.why));
});

Deno.test("occurrencesOf takes linear time when text and needle repeat themselves", () => {
  const half = editedBytesMax / 2;
  const needle = Buffer.concat([Buffer.alloc(half, "a"), Buffer.from("b")]);
  const text = Buffer.alloc(editedBytesMax, "a");
  // The product of both lengths would be eight million million steps.
  assert.ok(leastCpuMs(() => assert.deepEqual(occurrencesOf(text, needle), [])) < 5_000);
});
