/** Keeping a workspace that does not hold still, is too much, or finds no place: what is kept, and what is told. */
import assert from "node:assert/strict";
import { Effect } from "effect";
import * as Memory from "../../../../src/adapters/snapshots/Memory.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { Keeper } from "../../../../src/runs/snapshots/Keeper.ts";
import { type Keeping, keepWorkspace } from "../../../../src/runs/snapshots/keepWorkspace.ts";
import { Sandbox, type SandboxHandle, type WorkspaceTree } from "../../../../src/services/Sandbox.ts";
import {
  SnapshotStore,
  type SnapshotStoreService,
  SnapshotsUnavailable,
} from "../../../../src/services/SnapshotStore.ts";
import { fakeSandbox } from "../../../support/fakeSandbox.ts";
import { it } from "../../../support/it.ts";

const owner = { principal: "p", user: "ada", ephemeral: false };
const text = (content: string) => new TextEncoder().encode(content);

/** A workspace with files, of which a test sees the lists that are asked for. */
const workspace = (
  names: ReadonlyArray<string>,
  changes: (handle: SandboxHandle, tree: WorkspaceTree) => Partial<WorkspaceTree> = () => ({}),
) =>
  Effect.gen(function* () {
    const sandbox = fakeSandbox();
    const handle = yield* Effect.provide(Effect.flatMap(Sandbox, ({ open }) => open(owner)), sandbox.layer);
    const { tree } = handle;
    assert.ok(tree);
    for (const name of names) yield* handle.writeFile(name, text(name));
    const keeping: Keeping = {
      store: yield* SnapshotStore,
      owner: ownerKey(owner),
      handle,
      tree: { ...tree, ...changes(handle, tree) },
      bytesMax: 1024,
    };
    return { keeping, sandbox };
  });

const test = it.layer(Memory.layer);

test.effect("a file that changes all the while is told as such, and the others are kept", () =>
  Effect.gen(function* () {
    let lists = 0;
    const { keeping } = yield* workspace(["busy", "calm"], (handle, tree) => ({
      list: (entriesMax) =>
        Effect.andThen(
          Effect.orDie(Effect.suspend(() => handle.writeFile("busy", text(`state ${++lists}`)))),
          tree.list(entriesMax),
        ),
    }));
    const kept = yield* keepWorkspace(keeping, undefined);
    assert.ok("manifest" in kept);
    const [busy, calm] = kept.manifest.entries;
    assert.deepEqual([busy?.path, busy?.chunks, calm?.path, calm?.chunks?.length], ["busy", undefined, "calm", 1]);
    assert.deepEqual(kept.manifest.notKept, [{ path: "busy", why: "changing" }]);
    // It is looked at again, and not for ever.
    assert.equal(lists, 3);
  }));

test.effect("a file that changes once while it is read is read once more, and kept as it then is", () =>
  Effect.gen(function* () {
    let lists = 0;
    const { keeping } = yield* workspace(["f"], (handle, tree) => ({
      list: (entriesMax) =>
        Effect.andThen(
          Effect.orDie(
            Effect.suspend(() => ++lists === 2 ? Effect.asVoid(handle.writeFile("f", text("last"))) : Effect.void),
          ),
          tree.list(entriesMax),
        ),
    }));
    const kept = yield* keepWorkspace(keeping, undefined);
    assert.ok("manifest" in kept);
    const [name] = kept.manifest.entries[0]?.chunks ?? [];
    assert.equal(new TextDecoder().decode(yield* keeping.store.chunk(keeping.owner, name ?? "")), "last");
    assert.deepEqual(kept.manifest.notKept, []);
  }));

test.effect("a file that is gone before it is read is no reason to keep nothing", () =>
  Effect.gen(function* () {
    let isFirst = true;
    const { keeping, sandbox } = yield* workspace(["gone", "stays"], (_, tree) => ({
      list: (entriesMax) =>
        Effect.tap(tree.list(entriesMax), () =>
          Effect.sync(() => {
            if (isFirst) sandbox.files.delete(`${ownerKey(owner)}:/workspace/gone`);
            isFirst = false;
          })),
    }));
    const kept = yield* keepWorkspace(keeping, undefined);
    assert.ok("manifest" in kept);
    assert.deepEqual(kept.manifest.entries.map(({ path, chunks }) => [path, chunks?.length]), [["stays", 1]]);
  }));

test.effect("of more files than are kept nothing is read, whoever has a million of them", () =>
  Effect.gen(function* () {
    const asked: Array<number> = [];
    const { keeping } = yield* workspace(["a"], () => ({
      list: (entriesMax) =>
        Effect.sync(() => {
          asked.push(entriesMax);
          return { entries: [], unlisted: [], isWhole: false };
        }),
    }));
    assert.deepEqual(yield* keepWorkspace(keeping, undefined), { notKept: "too_many_files" });
    assert.deepEqual(asked, [50_000]);
  }));

test.effect("what is too large is told, and the smaller files are kept", () =>
  Effect.gen(function* () {
    const { keeping } = yield* workspace(["small"]);
    yield* keeping.handle.writeFile("large", new Uint8Array(2_000));
    const kept = yield* keepWorkspace(keeping, undefined);
    assert.ok("manifest" in kept);
    assert.deepEqual(kept.manifest.notKept, [{ path: "large", why: "too_large" }]);
    assert.deepEqual(kept.manifest.entries.map(({ path, chunks }) => [path, chunks?.length]), [
      ["large", undefined],
      ["small", 1],
    ]);
  }));

/** A store whose disk is full, or which fails in another way. */
const failing = (store: SnapshotStoreService, reason: SnapshotsUnavailable["reason"]): SnapshotStoreService => ({
  ...store,
  putChunk: () => Effect.fail(new SnapshotsUnavailable({ reason, detail: "a test says so" })),
});

for (const [reason, told] of [["NoSpace", "no_space"], ["Failed", "failed"]] as const) {
  test.effect(`a store that fails with ${reason} is told as "${told}", and nobody's command fails`, () =>
    Effect.gen(function* () {
      const { sandbox, keeping } = yield* workspace(["f"]);
      const service = yield* Effect.provide(Sandbox, sandbox.layer);
      const keeper = new Keeper(service, failing(keeping.store, reason), yield* Effect.scope, 1024);
      assert.deepEqual(yield* keeper.takeOf(owner), { notKept: told });
      const whole = new Keeper(service, keeping.store, yield* Effect.scope, 1024);
      assert.ok("manifest" in (yield* whole.takeOf(owner)));
    }));
}
