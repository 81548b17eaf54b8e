/**
 * Taking back waits for its turn; who leaves meanwhile leaves nothing behind.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Latch, Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../../../src/adapters/snapshots/Memory.ts";
import { Settings } from "../../../../src/config.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { layer as snapshotsLayer } from "../../../../src/runs/snapshots/layer.ts";
import { Snapshots } from "../../../../src/runs/snapshots/Snapshots.ts";
import { Sandbox } from "../../../../src/services/Sandbox.ts";
import { SnapshotStore, type SnapshotStoreService } from "../../../../src/services/SnapshotStore.ts";
import { fakeSandbox } from "../../../support/fakeSandbox.ts";
import { it } from "../../../support/it.ts";

const owner = { principal: "p", user: "ada", ephemeral: false };

const test = it.layer(
  snapshotsLayer.pipe(
    Layer.provide(Layer.merge(Memory.layer, fakeSandbox().layer)),
    Layer.provide(Settings.layerWith({ rewindFiles: "undo" })),
  ),
);

/** Requests that note when they are chosen for; one that is held chooses only when it is let go. */
const asking = Effect.gen(function* () {
  const { restore } = yield* Snapshots;
  const gate = yield* Deferred.make<void>();
  const chosen: Array<string> = [];
  const ask = (name: string, before: Effect.Effect<void> = Effect.void) =>
    restore(owner, "s", { choose: () => Effect.as(Effect.andThen(before, Effect.sync(() => chosen.push(name))), []) });
  return { gate, chosen, ask, held: ask("held", Deferred.await(gate)) };
});

test.effect("a request that leaves while it waits is never carried out, and those behind it are", () =>
  Effect.gen(function* () {
    const { gate, chosen, ask, held } = yield* asking;
    const first = yield* Effect.forkChild(held, { startImmediately: true });
    const leaving = yield* Effect.forkChild(ask("leaving"), { startImmediately: true });
    const behind = yield* Effect.forkChild(ask("behind"), { startImmediately: true });
    yield* Fiber.interrupt(leaving);
    yield* Deferred.succeed(gate, undefined);
    yield* Fiber.join(first);
    yield* Fiber.join(behind);
    assert.deepEqual(chosen, ["held", "behind"]);
  }));

test.effect("a request that has begun goes on to its end when its client leaves", () =>
  Effect.gen(function* () {
    const { gate, chosen, ask, held } = yield* asking;
    const leaving = yield* Effect.forkChild(held, { startImmediately: true });
    yield* Fiber.interrupt(leaving);
    yield* Deferred.succeed(gate, undefined);
    yield* ask("next");
    assert.deepEqual(chosen, ["held", "next"]);
  }));

test.effect("a request that waits too long is told that the workspace is busy, and is not carried out later", () =>
  Effect.gen(function* () {
    const { gate, chosen, ask, held } = yield* asking;
    const first = yield* Effect.forkChild(held, { startImmediately: true });
    const waiting = yield* Effect.forkChild(Effect.flip(ask("late")), { startImmediately: true });
    yield* TestClock.adjust("31 seconds");
    assert.equal((yield* Fiber.join(waiting))._tag, "WorkspaceBusy");
    yield* Deferred.succeed(gate, undefined);
    yield* Fiber.join(first);
    yield* ask("next");
    assert.deepEqual(chosen, ["held", "next"]);
  }));

it.effect("what is taken back is answered before what may go is let go of, and the next waits for that", () =>
  Effect.gen(function* () {
    const gate = yield* Latch.make(true);
    const slow = Layer.effect(
      SnapshotStore,
      Effect.map(SnapshotStore, (store): SnapshotStoreService => ({
        ...store,
        sweep: (key) => Effect.andThen(gate.await, store.sweep(key)),
      })),
    ).pipe(Layer.provide(Memory.layer));
    const layers = snapshotsLayer.pipe(
      Layer.provideMerge(Layer.merge(slow, fakeSandbox().layer)),
      Layer.provide(Settings.layerWith({ rewindFiles: "undo" })),
    );
    yield* Effect.gen(function* () {
      const { watch, restore, list } = yield* Snapshots;
      const handle = yield* (yield* Sandbox).open(owner);
      const turn = yield* watch(owner, "s", "t");
      yield* turn.beforeTool;
      yield* handle.writeFile("/workspace/a", Uint8Array.of(1));
      yield* turn.ended;
      assert.equal((yield* list({ owner: ownerKey(owner), id: "s" })).length, 1);
      yield* gate.close;
      const { id, done } = yield* restore(owner, "s", { choose: Effect.succeed });
      assert.deepEqual(done.map(({ path }) => path), ["a"]);
      const next = yield* Effect.forkChild(restore(owner, "s", { choose: Effect.succeed, isDryRun: true }), {
        startImmediately: true,
      });
      yield* Effect.yieldNow;
      assert.equal(next.pollUnsafe(), undefined);
      yield* gate.open;
      yield* Fiber.join(next);
      const records = yield* list({ owner: ownerKey(owner), id: "s" });
      assert.deepEqual(records.map((record) => record.id === id), [false, true]);
    }).pipe(Effect.provide(layers));
  }));
