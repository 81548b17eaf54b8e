import assert from "node:assert/strict";
import { hostPath, mountsOf, normalise } from "../../../../../../src/adapters/sandbox/wasm/guest/paths.ts";

const mounts = mountsOf({
  workspace: "/data/w",
  temporary: "/data/t",
  tools: "/repo/tools",
  snapshot: "/data/s",
  outputBytesMax: 1,
  fileBytesMax: 1,
  workspaceBytesMax: 1,
});

const reached: ReadonlyArray<readonly [path: string, host: string]> = [
  ["a/b", "/data/w/a/b"],
  ["/workspace//a/./b/", "/data/w/a/b"],
  ["../workspace/a", "/data/w/a"],
  ["/tmp/x", "/data/t/x"],
  ["/tools/m.py", "/repo/tools/m.py"],
];
for (const [path, host] of reached) {
  Deno.test(`hostPath reads ${host} when the path is ${path}`, () => {
    assert.equal(hostPath(mounts, normalise(path), false), host);
  });
}

const refused: ReadonlyArray<readonly [path: string, write: boolean, reason: string]> = [
  ["../x", true, "ReadOnly"],
  ["/workspacex", true, "ReadOnly"],
  ["../../../../etc/passwd", false, "NotFound"],
  ["/workspace/../etc/passwd", false, "NotFound"],
  ["/data/w/x", false, "NotFound"],
  ["/skills/x", false, "NotFound"],
  ["/tools/x", true, "ReadOnly"],
  ["a\0b", false, "InvalidPath"],
  ["", false, "InvalidPath"],
];
for (const [path, write, reason] of refused) {
  Deno.test(`hostPath refuses with ${reason} when ${write ? "writing" : "reading"} ${JSON.stringify(path)}`, () => {
    assert.throws(() => hostPath(mounts, normalise(path), write), { name: "Refused", reason });
  });
}
