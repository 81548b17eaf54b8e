import assert from "node:assert/strict";
import { lineDiff } from "../../../src/domain/lineDiff.ts";
import { makeRandom } from "../adapters/sandbox/supervisor/random.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join("");

Deno.test("lineDiff shows what differs with its context and where", () => {
  const before = numbered(20);
  const after = before.replace("line 5\n", "line five\n").replace("line 18\n", "");
  assert.equal(
    lineDiff(before, after),
    "@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+line five\n line 6\n line 7\n line 8\n" +
      "@@ -15,6 +15,5 @@\n line 15\n line 16\n line 17\n-line 18\n line 19\n line 20\n",
  );
  assert.equal(lineDiff("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
  assert.equal(lineDiff("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
  assert.equal(lineDiff("a\n", "a\n"), "");
});

/** Applies hunks to a text, as `patch` does. */
const patched = (before: string, diff: string): string => {
  const lines = before === "" ? [] : before.replace(/\n$/, "").split("\n");
  const made: Array<string> = [];
  let at = 0;
  for (const line of diff.replace(/\n$/, "").split("\n").filter((one) => one !== "")) {
    const head = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (head !== null) {
      const from = head[2] === "0" ? Number(head[1]) : Number(head[1]) - 1;
      while (at < from) made.push(lines[at++] ?? "");
    } else if (line.startsWith("+")) made.push(line.slice(1));
    else {
      assert.equal(lines[at], line.slice(1));
      if (line.startsWith(" ")) made.push(lines[at] ?? "");
      at++;
    }
  }
  return [...made, ...lines.slice(at)].map((line) => `${line}\n`).join("");
};

Deno.test("a text patched with its difference is the other text", () => {
  const { below } = makeRandom(3);
  for (let round = 0; round < 500; round++) {
    const text = () => Array.from({ length: below(12) }, () => `${"abcd"[below(4)]}\n`).join("");
    const [before, after] = [text(), text()];
    assert.equal(patched(before, lineDiff(before, after) ?? "too much"), after);
  }
});

Deno.test("texts that differ in too much have no difference to show, and cost little", () => {
  const { below } = makeRandom(5);
  const noise = () => Array.from({ length: 1_900 }, () => `${below(1_000_000)}\n`).join("");
  assert.equal(lineDiff(noise(), noise()), undefined);
  assert.equal(
    lineDiff(numbered(100_000), numbered(100_001)),
    "@@ -99998,3 +99998,4 @@\n line 99998\n line 99999\n line 100000\n+line 100001\n",
  );
});
