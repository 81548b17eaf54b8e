import assert from "node:assert/strict";
import { reportRunc } from "../../../../../src/adapters/sandbox/docker/runcAdvisories.ts";

const engine = (runc: string) => ({
  Version: "27.0.0",
  ApiVersion: "1.46",
  Components: [{ Name: "Engine", Version: "27.0.0" }, { Name: "runc", Version: runc }],
});

const late = ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"];

for (
  const [version, open, patched] of [
    ["1.1.5", ["CVE-2024-21626", ...late], false],
    ["1.1.5+ds1", ["CVE-2024-21626", ...late], true],
    ["1.1.12", late, false],
    ["1.2.7", late, false],
    ["1.2.8", [], false],
    ["1.3.2", late, false],
    ["1.3.3", [], false],
    ["1.4.0", [], false],
    ["1.5.1", [], false],
    ["2.0.0", [], false],
    ["v1.3.4", [], false],
  ] as const
) {
  Deno.test(`reportRunc names ${open.length} advisories when runc is ${version}`, () => {
    assert.deepEqual(reportRunc(engine(version)), { version, open: [...open], patchedByDistribution: patched });
  });
}

Deno.test("reportRunc says nothing when the engine names no runc", () => {
  assert.equal(reportRunc({ Version: "5", ApiVersion: "1.41", Components: null }), undefined);
});
