/**
 * The contract of the SnapshotStore port, run on every adapter.
 */
import assert from "node:assert/strict";
import { Effect, type Scope } from "effect";
import { ownerKey } from "../../src/domain/ids.ts";
import type { KeptEntry, Manifest, SnapshotRecord } from "../../src/domain/Snapshot.ts";
import { noSnapshots } from "../../src/domain/Snapshot.ts";
import type { SnapshotStoreService, SnapshotsUnavailable } from "../../src/services/SnapshotStore.ts";
import { it } from "../support/it.ts";

const ada = ownerKey({ principal: "contract", user: "ada", ephemeral: false });
const bob = ownerKey({ principal: "contract", user: "bob", ephemeral: false });
const bytes = (text: string) => new TextEncoder().encode(text);

const file = (path: string, chunks: ReadonlyArray<string>): KeptEntry => ({
  path,
  kind: "file",
  mode: 0o644,
  sizeBytes: 1,
  modifiedNs: "1",
  version: "1 1 1 1",
  chunks,
});
const manifestOf = (...entries: ReadonlyArray<KeptEntry>): Manifest => ({ entries, notKept: [] });

/** A record of a turn between two manifests. */
const recordOf = (id: string, before: string, after: string): SnapshotRecord => ({
  id,
  session: "s",
  kind: "turn",
  turn: "t",
  state: "applied",
  kept: { before, after },
  notKept: null,
  startedAtMs: 1,
  finishedAtMs: 2,
  undoes: [],
  conflicts: [],
});

const reasonOf = <A>(effect: Effect.Effect<A, SnapshotsUnavailable>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason);

/** Registers the cases for one adapter; `make` gives a store that is empty. */
export const snapshotStoreSuite = (
  name: string,
  make: Effect.Effect<SnapshotStoreService, never, Scope.Scope>,
): void => {
  const test = (title: string, body: (store: SnapshotStoreService) => Effect.Effect<void, unknown>) =>
    it.live(`${name}: ${title}`, () => Effect.flatMap(make, body));

  test("the same bytes have the same name and are kept for each owner apart", (store) =>
    Effect.gen(function* () {
      const name = yield* store.putChunk(ada, bytes("one"));
      assert.equal(yield* store.putChunk(ada, bytes("one")), name);
      assert.notEqual(yield* store.putChunk(ada, bytes("two")), name);
      assert.deepEqual(yield* store.chunk(ada, name), bytes("one"));
      assert.equal(yield* reasonOf(store.chunk(bob, name)), "Damaged");
    }));

  test("nothing is found under a name that is none", (store) =>
    Effect.gen(function* () {
      for (const name of ["", "..", "../../etc/passwd", "x".repeat(64), "a".repeat(5_000)]) {
        assert.equal(yield* reasonOf(store.chunk(ada, name)), "Damaged");
        assert.equal(yield* reasonOf(store.manifest(ada, name)), "Damaged");
      }
    }));

  test("a manifest comes back as it was, hostile names included", (store) =>
    Effect.gen(function* () {
      const made = manifestOf(...["../x", "a\nb", "日本\u0301", '"', "__proto__"].map((path) => file(path, [])));
      const id = yield* store.putManifest(ada, made);
      assert.deepEqual(yield* store.manifest(ada, id), made);
      assert.equal(yield* store.putManifest(ada, made), id);
    }));

  test("an owner without snapshots has an empty state, and the last state saved is the one loaded", (store) =>
    Effect.gen(function* () {
      assert.deepEqual(yield* store.load(ada), noSnapshots);
      const state = { latest: null, records: [recordOf("r", "b", "a")] };
      yield* store.save(ada, { latest: "x", records: [] });
      yield* store.save(ada, state);
      assert.deepEqual(yield* store.load(ada), state);
      assert.deepEqual(yield* store.load(bob), noSnapshots);
      assert.deepEqual(yield* store.owners, [ada]);
    }));

  test("a sweep keeps what the state leads to and nothing else", (store) =>
    Effect.gen(function* () {
      const [one, two, three] = yield* Effect.forEach(["one", "two", "three"], (text) =>
        store.putChunk(ada, bytes(text)));
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      const before = yield* store.putManifest(ada, manifestOf(file("f", [one])));
      const after = yield* store.putManifest(ada, manifestOf(file("f", [two])));
      const latest = yield* store.putManifest(ada, manifestOf(file("f", [three])));
      yield* store.save(ada, { latest, records: [recordOf("r", before, after)] });
      const all = yield* store.sweep(ada);
      assert.deepEqual(yield* store.chunk(ada, one), bytes("one"));
      yield* store.save(ada, { latest, records: [] });
      assert.ok((yield* store.sweep(ada)) < all);
      assert.equal(yield* reasonOf(store.chunk(ada, one)), "Damaged");
      assert.equal(yield* reasonOf(store.manifest(ada, after)), "Damaged");
      assert.deepEqual(yield* store.chunk(ada, three), bytes("three"));
      yield* store.save(ada, noSnapshots);
      assert.equal(yield* store.sweep(ada), 0);
      assert.equal(yield* store.sweep(bob), 0);
    }));

  test("there is room before anything is kept, and the same room for everybody", (store) =>
    Effect.gen(function* () {
      assert.ok((yield* store.room) > 0);
      yield* store.putChunk(ada, bytes("one"));
      assert.ok((yield* store.room) > 0);
    }));

  test("nothing is left of an owner that was erased, and others keep theirs", (store) =>
    Effect.gen(function* () {
      const mine = yield* store.putChunk(ada, bytes("mine"));
      const theirs = yield* store.putChunk(bob, bytes("theirs"));
      yield* store.save(ada, { latest: null, records: [recordOf("r", "b", "a")] });
      yield* store.erase(ada);
      yield* store.erase(ada);
      assert.deepEqual(yield* store.load(ada), noSnapshots);
      assert.equal(yield* reasonOf(store.chunk(ada, mine)), "Damaged");
      assert.deepEqual(yield* store.chunk(bob, theirs), bytes("theirs"));
    }));
};
