/**
 * The contract of the FileStore port, for every adapter.
 */
import assert from "node:assert/strict";
import { Clock, Effect, type Layer, Option } from "effect";
import { TestClock } from "effect/testing";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { FileStore, type StoredFile } from "../../src/services/FileStore.ts";
import { it } from "../support/it.ts";

const ada = OwnerKey.make("a".repeat(32));
const bob = OwnerKey.make("b".repeat(32));
const most = { files: 100, bytes: 1_000 };

const fileOf = (id: string, nowMs: number, more: Partial<StoredFile> = {}): StoredFile => ({
  id,
  filename: 'é "b".csv\n',
  purpose: "user_data",
  sizeBytes: 10,
  sha256: "0".repeat(64),
  createdAtMs: nowMs,
  expiresAtMs: nowMs + 3_600_000,
  ...more,
});

/** Registers the cases for one adapter. */
export const fileStoreSuite = <R = never>(
  name: string,
  layer: Layer.Layer<FileStore | R, unknown>,
  skip?: string | undefined,
): void => {
  const test = (title: string, body: Effect.Effect<void, unknown, FileStore | R>) =>
    it.layer(layer).effect(`${name}: ${title}`, () => body, { skip });

  test(
    "a file that is added is found, listed and removed by its keeper alone",
    Effect.gen(function* () {
      const store = yield* FileStore;
      const nowMs = yield* Clock.currentTimeMillis;
      const [first, second] = [fileOf("file-1", nowMs), fileOf("file-2", nowMs + 1, { sizeBytes: 0 })];
      assert.equal(yield* store.add(ada, first, most), true);
      assert.equal(yield* store.add(ada, second, most), true);
      assert.deepEqual(Option.getOrUndefined(yield* store.find(ada, "file-1")), first);
      assert.ok(Option.isNone(yield* store.find(bob, "file-1")));
      assert.deepEqual(yield* store.list(ada), [second, first]);
      assert.deepEqual(yield* store.list(bob), []);
      assert.deepEqual(yield* store.used(ada), { files: 2, bytes: 10 });
      assert.deepEqual(yield* store.used(bob), { files: 0, bytes: 0 });
      assert.equal(yield* store.remove(bob, "file-1"), false);
      assert.equal(yield* store.remove(ada, "file-1"), true);
      assert.equal(yield* store.remove(ada, "file-1"), false);
      yield* store.add(bob, first, most);
      yield* store.erase(ada);
      assert.deepEqual(yield* store.list(ada), []);
      assert.equal((yield* store.list(bob)).length, 1, "another's stay");
    }),
  );

  test(
    "of files added at once no more are kept than there is room for",
    Effect.gen(function* () {
      const store = yield* FileStore;
      const nowMs = yield* Clock.currentTimeMillis;
      const add = (bounds: typeof most, prefix: string) =>
        Effect.map(
          Effect.forEach(
            Array.from({ length: 12 }, (_, index) => fileOf(`file-${prefix}${index}`, nowMs)),
            (file) => store.add(ada, file, bounds),
            { concurrency: "unbounded" },
          ),
          (kept) => kept.filter(Boolean).length,
        );
      assert.equal(yield* add({ files: 100, bytes: 55 }, "a"), 5);
      assert.equal(yield* add({ files: 7, bytes: 1_000 }, "b"), 2);
      assert.deepEqual(yield* store.used(ada), { files: 7, bytes: 70 });
    }),
  );

  test(
    "a file whose time is over is in no answer and takes no room",
    Effect.gen(function* () {
      const store = yield* FileStore;
      const nowMs = yield* Clock.currentTimeMillis;
      yield* store.add(ada, fileOf("file-short", nowMs, { expiresAtMs: nowMs + 1_000, sizeBytes: 1_000 }), most);
      yield* store.add(bob, fileOf("file-long", nowMs), most);
      assert.equal(yield* store.add(ada, fileOf("file-late", nowMs), most), false);
      yield* TestClock.adjust("1 second");
      assert.ok(Option.isNone(yield* store.find(ada, "file-short")));
      assert.deepEqual(yield* store.list(ada), []);
      assert.deepEqual(yield* store.used(ada), { files: 0, bytes: 0 });
      assert.equal(yield* store.add(ada, fileOf("file-late", nowMs), most), true);
      assert.ok(Option.isSome(yield* store.find(bob, "file-long")));
    }),
  );
};
