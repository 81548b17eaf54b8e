import assert from "node:assert/strict";
import { keepEnds, saveOutput } from "../../../../../../src/adapters/sandbox/wasm/guest/output.ts";

Deno.test("keepEnds returns a text whole when it fits", () => {
  assert.deepEqual(keepEnds("ünï", 5), { text: "ünï", bytes: 5, truncated: false });
});

Deno.test("keepEnds keeps head and tail and whole characters when a text is too long", () => {
  const kept = keepEnds("ü".repeat(100), 21);
  assert.equal(kept.truncated, true);
  assert.equal(kept.bytes, 200);
  assert.match(kept.text, /^ü{5}\n\[… 180 bytes left out …\]\nü{5}$/);
});

Deno.test("saveOutput keeps a bounded number of files when many outputs are long", async () => {
  const workspace = await Deno.makeTempDir();
  try {
    const mounts = [{ at: "/workspace", host: workspace, writable: true }];
    const paths = new Set<string | undefined>();
    for (let index = 0; index < 20; index++) paths.add(await saveOutput(mounts, String(index)));
    assert.equal(paths.size, 20);
    assert.equal(Array.from(Deno.readDirSync(`${workspace}/.caisson/output`)).length, 16);
  } finally {
    await Deno.remove(workspace, { recursive: true });
  }
});

Deno.test("saveOutput names no file when the folder cannot be made", async () => {
  const workspace = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${workspace}/.caisson`, "in the way");
    assert.equal(await saveOutput([{ at: "/workspace", host: workspace, writable: true }], "x"), undefined);
  } finally {
    await Deno.remove(workspace, { recursive: true });
  }
});
