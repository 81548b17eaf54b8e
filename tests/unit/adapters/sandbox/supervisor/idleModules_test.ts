/** What an idle supervisor loads: its modules are memory of every sandbox, and time of its start. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const supervisor = fileURLToPath(new URL("../../../../../image/supervisor", import.meta.url));

Deno.test("an idle supervisor has loaded nothing that only some sandboxes need", () => {
  const program = `import sys
sys.path.insert(0, ${JSON.stringify(supervisor)})
import supervisor
print(*sorted(sys.modules))`;
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-ISB", "-c", program]);
  assert.equal(stderr.toString(), "");
  const loaded = new Set(stdout.toString().trim().split(" "));
  const needless = [
    ...["ctypes", "collections", "json", "re", "signal", "socket", "subprocess", "threading", "typing"],
    ...["caisson_kernel", "changes", "docstrings", "egress", "jobs", "kernels", "network", "tree", "usage", "worker"],
  ];
  assert.deepEqual(needless.filter((name) => loaded.has(name)), []);
});
