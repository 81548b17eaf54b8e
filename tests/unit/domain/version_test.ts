import assert from "node:assert/strict";
import manifest from "../../../deno.json" with { type: "json" };
import { version } from "../../../src/domain/version.ts";

Deno.test("version is the one in deno.json", () => {
  assert.equal(version, manifest.version);
});
