import assert from "node:assert/strict";
import { depthMax, JsonLook, valuesMax } from "../../../src/web/jsonBounds.ts";
import { growsWithin } from "../../support/timing.ts";

const passedBy = (text: string, step = text.length): string | undefined => {
  const look = new JsonLook(text);
  while (!look.isOver) look.step(step);
  return look.passed?.bound;
};

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

const cases: ReadonlyArray<readonly [string, string | undefined]> = [
  ["", undefined],
  ["{", undefined],
  [nested(depthMax), undefined],
  [nested(depthMax + 1), "depth"],
  [`[${"1,".repeat(valuesMax - 2)}1]`, undefined],
  [`[${"1,".repeat(valuesMax)}1]`, "values"],
  [`{${'"a":1,'.repeat(valuesMax / 2)}"a":1}`, "values"],
  ["[]".repeat(valuesMax + 1), "values"],
  // What strings hold counts nothing, whatever escapes them.
  [JSON.stringify([nested(depthMax + 1), '"\\[{,:'.repeat(valuesMax), "\\"]), undefined],
  [`"${"[".repeat(depthMax + 1)}`, undefined],
  [`"\\\\",${nested(depthMax + 1)}`, "depth"],
];

Deno.test("JsonLook passes what keeps both bounds and names the first that is passed", () => {
  for (const [text, bound] of cases) assert.equal(passedBy(text), bound, text.slice(0, 40));
});

Deno.test("JsonLook finds the same wherever its steps end", () => {
  for (const step of [1, 2, 3, 7, 1000]) {
    for (const [text, bound] of cases) assert.equal(passedBy(text, step), bound, `${step} ${text.slice(0, 40)}`);
  }
});

Deno.test("JsonLook looks at no more than a step at a time, in a string and outside of it", () => {
  for (const text of [" ".repeat(1000), `"${'\\"'.repeat(500)}"`, "[]".repeat(500)]) {
    const look = new JsonLook(text);
    for (let steps = 0; steps < 9; steps++) look.step(100);
    assert.equal(look.isOver, false, text.slice(0, 8));
  }
});

Deno.test("JsonLook takes time in proportion to the text", () => {
  const shapes: ReadonlyArray<(n: number) => string> = [
    (n) => `["${"x".repeat(n)}"]`,
    (n) => `["${'\\"'.repeat(n / 2)}"]`,
    (n) => `["${"\\\\".repeat(n / 2)}`,
    (n) => " ".repeat(n),
    (n) => "]".repeat(n),
    (n) => '""'.repeat(n / 2),
  ];
  for (const shape of shapes) {
    const [short, long] = [shape(250_000), shape(4_000_000)];
    assert.ok(growsWithin(100, () => passedBy(short), () => passedBy(long)), shape(8));
  }
});
