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

/** A manifest of which some things are known by their names only. */
const hiding = (why: "name" | "too_deep", hidden: ReadonlyArray<string>, ...entries: ReadonlyArray<KeptEntry>) => ({
  entries,
  notKept: hidden.map((path) => ({ path, why })),
});

for (const why of ["name", "too_deep"] as const) {
  Deno.test(`planUndo does not take away what a turn may have brought from where it could not be seen (${why})`, () => {
    const kept = file("kept");
    assert.deepEqual(
      undone(hiding(why, ["a/.../x"], kept), hiding(why, [], file("came"), folder("new"), kept)),
      {
        steps: ["new"],
        conflicts: ["a/.../x: what it was before is not kept", "came: what it was before is not kept"],
      },
    );
    // What stayed there is no reason to leave anything.
    assert.deepEqual(undone(hiding(why, ["a/.../x"], kept), hiding(why, ["a/.../x"], file("came"), kept)), {
      steps: ["came"],
      conflicts: [],
    });
  });

  Deno.test(`planUndo names what a turn took where it cannot be seen, and brings back what it was (${why})`, () => {
    assert.deepEqual(undone(manifest(file("went")), hiding(why, ["a/.../x"])), {
      steps: ["went"],
      conflicts: ["a/.../x: what it was before is not kept"],
    });
  });
}

Deno.test("planUndo sees a closed folder above what lies deeper than a stack goes", () => {
  const deep = `c/${"d/".repeat(30_000)}`;
  assert.deepEqual(undone(manifest(folder("c", 0)), manifest(folder("c"), file(`${deep}f`))), {
    steps: [],
    conflicts: [`${deep}f: what it was before is not kept`],
  });
});

Deno.test("planUndo takes back what a turn made in folders that were open, however deep", () => {
  const deep = "d/".repeat(2_000);
  assert.deepEqual(undone(manifest(folder("d")), manifest(folder("d"), file(`${deep}f`))).steps, [`${deep}f`]);
});
