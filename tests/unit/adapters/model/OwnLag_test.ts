import assert from "node:assert/strict";
import { OwnLag } from "../../../../src/adapters/model/OwnLag.ts";

Deno.test("OwnLag counts late pauses as a whole and forgives small delays", () => {
  const lag = new OwnLag();
  lag.count(250, 349);
  assert.equal(lag.heldMs(), 0);
  lag.count(250, 350);
  lag.count(250, 6000);
  assert.equal(lag.heldMs(), 6350);
});
