/** A server whose disk is full: what is kept, what is let go, and what is told. */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import * as Memory from "../../../../src/adapters/snapshots/Memory.ts";
import { Settings } from "../../../../src/config.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { Keeper } from "../../../../src/runs/snapshots/Keeper.ts";
import { layer as snapshotsLayer } from "../../../../src/runs/snapshots/layer.ts";
import { Snapshots } from "../../../../src/runs/snapshots/Snapshots.ts";
import { Sandbox } from "../../../../src/services/Sandbox.ts";
import {
  SnapshotStore,
  type SnapshotStoreService,
  SnapshotsUnavailable,
} from "../../../../src/services/SnapshotStore.ts";
import { fakeSandbox } from "../../../support/fakeSandbox.ts";
import { it } from "../../../support/it.ts";

const owner = { principal: "p", user: "ada", ephemeral: false };
const key = { owner: ownerKey(owner), id: "s" };
const text = (content: string) => new TextEncoder().encode(content);

const full = Effect.fail(new SnapshotsUnavailable({ reason: "NoSpace", detail: "a test says so" }));

/** A store whose disk a test fills: at once, or but for so many bytes. */
const fillable = () => {
  const inner = Memory.make();
  const disk = { isFull: false, room: Number.POSITIVE_INFINITY, pieces: Number.POSITIVE_INFINITY };
  const unlessFull = <A>(write: Effect.Effect<A, SnapshotsUnavailable>): Effect.Effect<A, SnapshotsUnavailable> =>
    Effect.suspend(() => (disk.isFull ? full : write));
  const store: SnapshotStoreService = {
    ...inner,
    room: Effect.sync(() => disk.room),
    putChunk: (of, bytes) => Effect.suspend(() => (disk.pieces-- > 0 ? inner.putChunk(of, bytes) : full)),
    putManifest: (of, made) => unlessFull(inner.putManifest(of, made)),
    save: (of, state) => unlessFull(inner.save(of, state)),
  };
  return { disk, store };
};

/** Snapshots of a fake sandbox on such a disk, and a turn that writes files. */
const given = Effect.gen(function* () {
  const { disk, store } = fillable();
  const sandbox = fakeSandbox();
  const layers = snapshotsLayer.pipe(
    Layer.provide(Layer.merge(Layer.succeed(SnapshotStore, store), sandbox.layer)),
    Layer.provide(Settings.layerWith({ rewindFiles: "keep" })),
    Layer.provideMerge(sandbox.layer),
  );
  const context = yield* Layer.build(layers);
  const { snapshots, service } = yield* Effect.provideContext(
    Effect.all({ snapshots: Snapshots, service: Sandbox }),
    context,
  );
  const handle = yield* service.open(owner);
  const turn = (id: string, files: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const watch = yield* snapshots.watch(owner, key.id, id);
      yield* watch.beforeTool;
      for (const [name, content] of Object.entries(files)) yield* handle.writeFile(name, text(content));
      yield* watch.ended;
      yield* snapshots.list(key);
    });
  const takeBack = (id: string) =>
    snapshots.restore(owner, key.id, {
      choose: (records) => Effect.succeed(records.filter((record) => record.turn === id)),
    });
  const contents = () =>
    Object.fromEntries(
      [...sandbox.files].flatMap(([name, { length }]) =>
        name.includes("/.caisson/") ? [] : [[name.split("/").at(-1) ?? "", length] as const]
      ),
    );
  return { disk, store, service, snapshots, turn, takeBack, contents };
});

it.effect("of files for which the disk has no room the smaller ones are kept, and the others told", () =>
  Effect.gen(function* () {
    const { disk, snapshots, turn, takeBack, contents } = yield* given;
    yield* turn("one", { "small.txt": "one" });
    disk.room = 10;
    yield* turn("two", { "small.txt": "two!", "large.bin": "x".repeat(11) });
    const { record, changes } = yield* snapshots.changes(key, "two");
    assert.equal(record.notKept, null);
    assert.deepEqual(changes.map(({ path, after }) => [path, after?.chunks?.length]), [["large.bin", undefined], [
      "small.txt",
      1,
    ]]);
    // What is not kept would be lost: it stays and is named.
    const { done, conflicts } = yield* takeBack("two");
    assert.deepEqual(done.map(({ path }) => path), ["small.txt"]);
    assert.deepEqual(conflicts, [{ path: "large.bin", why: "what it is now is not kept, and would be lost" }]);
    assert.deepEqual(contents(), { "small.txt": 3, "large.bin": 11 });
  }));

it.effect("a disk that fills while a workspace is read gets back what was written of it", () =>
  Effect.gen(function* () {
    const { disk, store, service, turn, takeBack } = yield* given;
    yield* turn("one", { a: "one" });
    const before = yield* store.sweep(key.owner);
    const handle = yield* service.open(owner);
    for (const name of ["b", "c"]) yield* handle.writeFile(name, text(name));
    disk.pieces = 1;
    let sweeps = 0;
    const sweep: SnapshotStoreService["sweep"] = (of) => Effect.tap(store.sweep(of), () => Effect.sync(() => sweeps++));
    const keeper = new Keeper(service, { ...store, sweep }, yield* Effect.scope, 1024);
    assert.deepEqual(yield* keeper.takeOf(owner), { notKept: "no_space" });
    assert.equal(sweeps, 1);
    assert.equal(yield* store.sweep(key.owner), before);
    // The same on request, where nothing has been changed and the reason is told.
    disk.pieces = 1;
    const refused = yield* Effect.flip(takeBack("one"));
    assert.ok(refused._tag === "SnapshotsUnavailable" && refused.reason === "NoSpace");
  }));

it.effect("files that are back are told as back when the disk fills before that is remembered", () =>
  Effect.gen(function* () {
    const { disk, store, service, turn, contents } = yield* given;
    yield* turn("one", { a: "1" });
    yield* turn("two", { a: "22" });
    // The disk is full from the moment at which the workspace before it is kept.
    const filling: SnapshotStoreService = {
      ...store,
      chunk: (of, name) => Effect.tap(store.chunk(of, name), () => Effect.sync(() => disk.isFull = true)),
    };
    const context = yield* Layer.build(
      snapshotsLayer.pipe(
        Layer.provide(Layer.merge(Layer.succeed(SnapshotStore, filling), Layer.succeed(Sandbox, service))),
        Layer.provide(Settings.layerWith({ rewindFiles: "keep" })),
      ),
    );
    const { restore } = yield* Effect.provideContext(Snapshots, context);
    const restored = yield* restore(owner, key.id, {
      choose: (records) => Effect.succeed(records.filter((record) => record.turn === "two")),
    });
    assert.deepEqual([restored.id, restored.done.map(({ path }) => path)], [undefined, ["a"]]);
    assert.equal(contents()["a"], 1);
  }));
