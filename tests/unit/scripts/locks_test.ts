import assert from "node:assert/strict";
import { locks, lockText } from "../../../scripts/locks.ts";

for (const [path, entries] of Object.entries(locks)) {
  Deno.test(`${path} has what its entries reach, in the versions of tests/deno.lock`, async () =>
    assert.equal(
      await Deno.readTextFile(new URL(`../../../${path}`, import.meta.url)),
      await lockText(entries),
      "run `deno task locks`",
    ));
}
