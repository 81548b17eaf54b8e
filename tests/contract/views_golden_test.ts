/**
 * What clients read of a run, byte for byte: changing it is a decision and never an accident.
 */
import assert from "node:assert/strict";
import { View } from "../../src/services/Converter.ts";
import { golden, goldenFile } from "./goldenRuns.ts";

for (const view of View.literals) {
  Deno.test(`view ${view} shows every kind of run byte for byte as before`, () => {
    const [got, wanted] = [golden(view), Deno.readTextFileSync(goldenFile(view))].map((text) => text.split("\n"));
    // By lines, because the difference of two long texts would be shown whole.
    assert.deepEqual(got, wanted);
  });
}
