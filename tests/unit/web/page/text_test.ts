import assert from "node:assert/strict";
import { cut } from "../../../../web/src/text/cut.ts";
import { bytes, dayGroup, duration, titleOf, visible } from "../../../../web/src/text/format.ts";
import { rowsOf } from "../../../../web/src/text/table.ts";
import { growsWithin } from "../../../support/timing.ts";

const paragraph = `${"words ".repeat(60)}\n\n`;

Deno.test("cut loses nothing, and what stands before the last cut never changes", () => {
  const text = `${paragraph}\`\`\`py\n${"x = 1\n\n".repeat(80)}\`\`\`\n\n${paragraph}- a\n\n- b\n\n${paragraph}end`;
  const whole = cut(text);
  assert.equal(whole.join(""), text);
  for (let length = 0; length < text.length; length += 7) {
    const part = cut(text.slice(0, length));
    assert.equal(part.join(""), text.slice(0, length));
    assert.deepEqual(part.slice(0, -1), whole.slice(0, part.length - 1));
  }
});

Deno.test("cut never cuts inside code", () => {
  const text = `\`\`\`\n${"line\n\n".repeat(200)}\`\`\`\n`;
  assert.deepEqual(cut(text), [text]);
});

Deno.test("cut takes time in proportion to the text", () => {
  for (const piece of ["`", "a\n\n", "```\n", " ", "~~~~\n\n", "\n"]) {
    const [short, long] = [piece.repeat(40_000), piece.repeat(640_000)];
    assert.ok(growsWithin(100, () => cut(short), () => cut(long)), JSON.stringify(piece));
  }
});

Deno.test("rowsOf reads quoted cells with separators, quotes and line breaks", () => {
  assert.deepEqual(rowsOf('a,b\r\n"x, ""y""","two\nlines"\n,\n', ",", 10), [["a", "b"], ['x, "y"', "two\nlines"], [
    "",
    "",
  ]]);
  assert.deepEqual(rowsOf("a\tb", "\t", 10), [["a", "b"]]);
  assert.deepEqual(rowsOf("1\n2\n3\n", ",", 2), [["1"], ["2"]]);
  assert.deepEqual(rowsOf('"never closed', ",", 2), [["never closed"]]);
  assert.deepEqual(rowsOf("", ",", 2), []);
});

Deno.test("names that would deceive are made visible", () => {
  assert.equal(visible("gpj.\u202eexe"), "gpj.\ufffdexe");
  assert.equal(visible("a\u0000b"), "a\ufffdb");
  assert.equal(visible("größe 日本.csv"), "größe 日本.csv");
});

Deno.test("numbers and titles read as people write them", () => {
  assert.deepEqual([bytes(1), bytes(2048), bytes(5 * 1024 ** 2)], ["1 B", "2.0 KB", "5.0 MB"]);
  assert.deepEqual([duration(12), duration(1500), duration(61_000)], ["12 ms", "1.5 s", "1 min 1 s"]);
  assert.equal(titleOf("\n  first line \nsecond"), "first line");
  assert.equal([...titleOf("😀".repeat(200))].length, 70);
  assert.equal(titleOf("😀".repeat(200)).isWellFormed(), true);
  const now = new Date(2026, 10, 25, 12).getTime();
  const at = (day: number) => new Date(2026, 10, day, 11).getTime() / 1000;
  assert.deepEqual([25, 24, 21, 2].map((day) => dayGroup(at(day), now)), [
    "Today",
    "Yesterday",
    "This week",
    "Earlier",
  ]);
});
