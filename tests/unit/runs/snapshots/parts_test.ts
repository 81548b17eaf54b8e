/** What a file that is put back is put together from. */
import assert from "node:assert/strict";
import type { KeptEntry, Manifest } from "../../../../src/domain/Snapshot.ts";
import { lyingIn, partsOf } from "../../../../src/runs/snapshots/parts.ts";

const mib = 1024 * 1024;

const file = (path: string, chunks: ReadonlyArray<string>, sizeBytes = chunks.length * mib): KeptEntry => ({
  path,
  kind: "file",
  mode: 0o644,
  sizeBytes,
  modifiedNs: "0",
  version: `version of ${path}`,
  chunks,
});

const parts = (target: KeptEntry, now: ReadonlyArray<KeptEntry>) => {
  const manifest: Manifest = { entries: now, notKept: [] };
  return partsOf(target, now.find(({ path }) => path === target.path), lyingIn(manifest, [target])).map((part) =>
    typeof part === "string" ? part : `${part.path} ${part.offset / mib}+${part.length}`
  );
};

Deno.test("of a file that was changed little only the changed piece is taken from the store", () => {
  const was = file("f", ["a", "b", "c", "d"], 3 * mib + 5);
  assert.deepEqual(parts(was, [file("f", ["a", "X", "c", "d"], 3 * mib + 5)]), [
    `f 0+${mib}`,
    "b",
    `f 2+${mib + 5}`,
  ]);
});

Deno.test("pieces are found in other files, in another order, and more than once", () => {
  const was = file("f", ["a", "a", "b", "c"]);
  assert.deepEqual(parts(was, [file("copy", ["b", "c", "a"]), file("f", ["z"])]), [
    `copy 2+${mib}`,
    `copy 2+${mib}`,
    `copy 0+${2 * mib}`,
  ]);
});

Deno.test("what lies nowhere, or lies there without its content being known, is taken from the store", () => {
  const { chunks: _, ...unknown } = file("f", ["a"]);
  assert.deepEqual(parts(file("f", ["a", "b"]), [unknown, { ...file("d", []), kind: "directory" }]), ["a", "b"]);
  assert.deepEqual(parts(file("empty", [], 0), []), []);
});

Deno.test("a piece is copied from where the file itself has it, though another has it as well", () => {
  assert.deepEqual(parts(file("f", ["a", "b"]), [file("before", ["b", "a"]), file("f", ["a", "b", "c"])]), [
    `f 0+${2 * mib}`,
  ]);
});
