import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

// Such an error's stack leads to the load and not to who failed, and to note where it was made V8 reads the whole
// script again: in the bundle a hundredth of a second for each chunk.
Deno.test("no module makes an error while it is loaded", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--lock=tests/deno.lock",
      "--allow-all",
      "tests/support/loading/errorsMade.ts",
    ],
    cwd: root,
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "[]\n", new TextDecoder().decode(stderr));
});
