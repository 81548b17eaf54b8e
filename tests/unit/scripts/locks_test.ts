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

Deno.test("the page is built without what its packages would only need on a server", () => {
  const { npm } = JSON.parse(Deno.readTextFileSync(new URL("../../../web/deno.lock", import.meta.url)));
  const optional = Object.entries(npm).filter(([name, entry]) =>
    name.startsWith("@napi-rs/") || Object.hasOwn(Object(entry), "optionalDependencies")
  );
  // pdfjs-dist names 60 MB of programs: take its `optionalDependencies` out of the lock again after a change of it.
  assert.deepEqual(optional, []);
});
