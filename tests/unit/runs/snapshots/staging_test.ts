/** Putting files back by copying inside the sandbox: what crosses the link, and what is left when it fails. */
import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import * as Memory from "../../../../src/adapters/snapshots/Memory.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import type { KeptEntry, Manifest, Undoing } from "../../../../src/domain/Snapshot.ts";
import type { Keeping } from "../../../../src/runs/snapshots/keepWorkspace.ts";
import { keepWorkspace } from "../../../../src/runs/snapshots/keepWorkspace.ts";
import { putBack } from "../../../../src/runs/snapshots/putBack.ts";
import { FileError, Sandbox, type WorkspaceTree } from "../../../../src/services/Sandbox.ts";
import { SnapshotStore } from "../../../../src/services/SnapshotStore.ts";
import { fakeSandbox } from "../../../support/fakeSandbox.ts";
import type { FilePart } from "../../../../src/domain/WorkspaceTree.ts";
import { it } from "../../../support/it.ts";

const mib = 1024 * 1024;
const owner = { principal: "p", user: "ada", ephemeral: false };
const key = ownerKey(owner);

/** A file of four pieces, the second of which says `mark`. */
const fourPieces = (mark: number): Uint8Array => {
  const bytes = new Uint8Array(4 * mib);
  for (const index of [0, 1, 2, 3]) bytes.fill(index === 1 ? mark : index + 100, index * mib, (index + 1) * mib);
  return bytes;
};

/** A workspace whose file was changed since it was kept, with what crosses the link counted. */
const changed = (changes: (tree: WorkspaceTree) => Partial<WorkspaceTree> = () => ({})) =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox();
    const handle = yield* Effect.provide(Effect.flatMap(Sandbox, ({ open }) => open(owner)), sandbox.layer);
    const { tree } = handle;
    assert.ok(tree);
    const crossed: Array<number> = [];
    const counted: WorkspaceTree = {
      ...tree,
      assemble: (path, parts) =>
        tree.assemble(
          path,
          Stream.tap(
            parts instanceof Uint8Array ? Stream.make<[FilePart]>(parts) : parts,
            (part) => Effect.sync(() => void (part instanceof Uint8Array && crossed.push(part.length))),
          ),
        ),
    };
    const store = yield* SnapshotStore;
    const keeping: Keeping = {
      store,
      owner: key,
      handle,
      tree: { ...counted, ...changes(counted) },
      bytesMax: 64 * mib,
    };
    const keep = Effect.map(keepWorkspace(keeping, undefined), (kept): Manifest => {
      assert.ok("manifest" in kept);
      return kept.manifest;
    });
    yield* handle.writeFile("f", fourPieces(1));
    const was = yield* keep;
    yield* handle.writeFile("f", fourPieces(2));
    const now = yield* keep;
    const entry = (manifest: Manifest): KeptEntry => {
      const [found] = manifest.entries;
      assert.ok(found);
      return found;
    };
    const steps: ReadonlyArray<Undoing> = [{ path: "f", now: entry(now), target: entry(was) }];
    const content = () => sandbox.files.get(`${key}:/workspace/f`);
    return { keeping, steps, now, crossed, content, executed: sandbox.executed };
  });

const test = it.layer(Memory.layer);

test.effect("of a large file only the piece that differs crosses the link", () =>
  Effect.gen(function* () {
    const { keeping, steps, now, crossed, content } = yield* changed();
    const { done, conflicts } = yield* putBack(keeping, steps, now);
    assert.deepEqual([done.length, conflicts, crossed], [1, [], [mib]]);
    assert.deepEqual(content(), fourPieces(1));
  }));

test.effect("a file that changes while ranges of it are copied is written from the store, and then is a conflict", () =>
  Effect.gen(function* () {
    const { keeping, steps, now, crossed, content } = yield* changed();
    yield* keeping.handle.writeFile("f", fourPieces(3));
    const { done, conflicts } = yield* putBack(keeping, steps, now);
    assert.deepEqual([done, conflicts], [[], [{ path: "f", why: "it was changed meanwhile" }]]);
    assert.equal(crossed.length, 4);
    assert.deepEqual(content(), fourPieces(3));
  }));

test.effect("a workspace without room for what is to be written stays as it is, and that is told with both sizes", () =>
  Effect.gen(function* () {
    const { keeping, steps, now, crossed, content } = yield* changed(() => ({ room: Effect.succeed(3 * mib) }));
    const large = steps.map((step) => ({
      ...step,
      ...(step.target !== undefined && { target: { ...step.target, sizeBytes: 20 * mib } }),
    }));
    const error = yield* Effect.flip(putBack(keeping, large, now));
    assert.ok(error._tag === "FileError" && error.reason === "NoSpace");
    assert.match(error.why, /takes 20 MiB .* 3 MiB are left/);
    assert.deepEqual([crossed, content()], [[], fourPieces(2)]);
  }));

test.effect("a disk that fills up while files are written changes nothing, and what was written is taken away", () =>
  Effect.gen(function* () {
    const full = new FileError({ path: "x", reason: "NoSpace", why: "no space left in the sandbox" });
    const { keeping, steps, now, content, executed } = yield* changed(() => ({ assemble: () => Effect.fail(full) }));
    const error = yield* Effect.flip(putBack(keeping, steps, now));
    assert.ok(error._tag === "FileError" && error.reason === "NoSpace");
    assert.deepEqual(content(), fourPieces(2));
    assert.match(executed.at(-1) ?? "", /^rm -rf -- '\/workspace\/\.caisson\/undo\/[\w-]+'$/);
  }));

test.effect("an undo that is interrupted while files are written changes nothing and leaves nothing", () =>
  Effect.gen(function* () {
    const { keeping, steps, now, content, executed } = yield* changed(() => ({ assemble: () => Effect.interrupt }));
    yield* Effect.exit(putBack(keeping, steps, now));
    assert.deepEqual(content(), fourPieces(2));
    assert.match(executed.at(-1) ?? "", /^rm -rf/);
  }));

test.effect("a piece that the store has lost changes nothing, and that is told", () =>
  Effect.gen(function* () {
    const { keeping, steps, now, content } = yield* changed();
    const target = steps[0]?.target;
    assert.ok(target);
    const gone = { ...target, chunks: ["0".repeat(64), ...(target.chunks ?? []).slice(1)] };
    const error = yield* Effect.flip(putBack(keeping, steps.map((step) => ({ ...step, target: gone })), now));
    assert.ok(error._tag === "FileError");
    assert.match(error.why, /Damaged/);
    assert.deepEqual(content(), fourPieces(2));
  }));
