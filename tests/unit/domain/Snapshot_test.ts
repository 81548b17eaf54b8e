import assert from "node:assert/strict";
import { changesBetween, type KeptEntry, type Manifest, planUndo } from "../../../src/domain/Snapshot.ts";

let versions = 0;
const entry = (path: string, kind: KeptEntry["kind"], mode: number, chunks?: ReadonlyArray<string>): KeptEntry => ({
  path,
  kind,
  mode,
  sizeBytes: 1,
  modifiedNs: "1",
  version: `${++versions}`,
  ...(chunks !== undefined && { chunks }),
});
const file = (path: string) => entry(path, "file", 0o644, [path]);
const folder = (path: string, mode = 0o755) => entry(path, "directory", mode);
const manifest = (...entries: ReadonlyArray<KeptEntry>): Manifest => ({ entries, notKept: [] });

/** What would be taken back of a turn that is the last one. */
const undone = (before: Manifest, after: Manifest) => {
  const { steps, conflicts } = planUndo(after, [{
    changes: changesBetween(before, after),
    contested: new Set(),
  }]);
  return { steps: steps.map(({ path }) => path), conflicts: conflicts.map(({ path, why }) => `${path}: ${why}`) };
};

for (const mode of [0, 0o100, 0o400, 0o077]) {
  Deno.test(`planUndo leaves what came to light when a turn opened a folder of mode ${mode.toString(8)}`, () => {
    const own = file("own");
    assert.deepEqual(
      undone(
        manifest(folder("d", mode), folder("e")),
        manifest(folder("d"), folder("d/sub"), file("d/sub/old"), folder("e"), file("e/new"), own),
      ),
      {
        steps: ["e/new", "own"],
        conflicts: [
          "d/sub: what it was before is not kept",
          "d/sub/old: what it was before is not kept",
        ],
      },
    );
  });
}

Deno.test("planUndo does not put a closed folder back as if nothing had been in it", () => {
  const kept = file("kept");
  assert.deepEqual(undone(manifest(folder("d", 0), folder("e"), kept), manifest(kept)), {
    steps: ["e"],
    conflicts: ["d: what it was before is not kept"],
  });
});

Deno.test("planUndo takes back what a turn made in folders that were open, however deep", () => {
  const deep = "d/".repeat(2_000);
  assert.deepEqual(undone(manifest(folder("d")), manifest(folder("d"), file(`${deep}f`))).steps, [`${deep}f`]);
});
