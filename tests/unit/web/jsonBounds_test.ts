import assert from "node:assert/strict";
import { depthMax, jsonTooComplex, valuesMax } from "../../../src/web/jsonBounds.ts";
import { growsWithin } from "../../support/timing.ts";

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

Deno.test("jsonTooComplex passes what keeps both bounds and names the first that is passed", () => {
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
  for (const [text, bound] of cases) assert.equal(jsonTooComplex(text)?.bound, bound, text.slice(0, 40));
});

Deno.test("jsonTooComplex takes time in proportion to the text", () => {
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
    assert.ok(growsWithin(100, () => jsonTooComplex(short), () => jsonTooComplex(long)), shape(8));
  }
});
