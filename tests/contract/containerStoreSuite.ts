/**
 * The contract of the ContainerStore port, for every adapter.
 */
import assert from "node:assert/strict";
import { Clock, Effect, type Layer, Option } from "effect";
import { OwnerKey } from "../../src/domain/Owner.ts";
import { type Container, ContainerStore } from "../../src/services/ContainerStore.ts";
import { it } from "../support/it.ts";

const ada = OwnerKey.make("a".repeat(32));
const bob = OwnerKey.make("b".repeat(32));

const containerOf = (id: string, nowMs: number, more: Partial<Container> = {}): Container => ({
  id,
  name: "n",
  createdAtMs: nowMs,
  lastActiveAtMs: nowMs,
  idleMinutes: 20,
  memoryLimit: "1g",
  owner: { principal: "p", user: `u ${id}`, ephemeral: false },
  isEmptied: false,
  uploads: [],
  ...more,
});

const upload = (path: string) => (kept: Container): Container => ({ ...kept, uploads: [...kept.uploads, path] });

/** Registers the cases for one adapter. */
export const containerStoreSuite = <R = never>(
  name: string,
  layer: Layer.Layer<ContainerStore | R, unknown>,
  skip?: string | undefined,
): void => {
  const test = (title: string, body: Effect.Effect<void, unknown, ContainerStore | R>) =>
    it.layer(layer).effect(`${name}: ${title}`, () => body, { skip });

  test(
    "a container that is added is found, listed and removed by its keeper alone",
    Effect.gen(function* () {
      const store = yield* ContainerStore;
      const nowMs = yield* Clock.currentTimeMillis;
      const [first, second] = [containerOf("cntr_1", nowMs), containerOf("cntr_2", nowMs + 1)];
      yield* store.add(ada, first);
      yield* store.add(ada, second);
      const changed = yield* store.change(ada, first.id, upload("/workspace/é b.csv"));
      assert.deepEqual(Option.getOrUndefined(changed), { ...first, uploads: ["/workspace/é b.csv"] });
      assert.ok(Option.isNone(yield* store.change(bob, first.id, upload("/workspace/bob.csv"))));
      const found = yield* store.find(ada, "cntr_1");
      assert.deepEqual(Option.getOrUndefined(found), { ...first, uploads: ["/workspace/é b.csv"] });
      assert.ok(Option.isNone(yield* store.find(bob, "cntr_1")));
      assert.deepEqual((yield* store.list(ada)).map(({ id }) => id), ["cntr_2", "cntr_1"]);
      assert.deepEqual(yield* store.list(bob), []);
      assert.equal(yield* store.remove(bob, "cntr_1"), false);
      assert.equal(yield* store.remove(ada, "cntr_1"), true);
      assert.equal(yield* store.remove(ada, "cntr_1"), false);
      assert.deepEqual((yield* store.list(ada)).map(({ id }) => id), ["cntr_2"]);
    }),
  );

  test(
    "containers whose time is over are told until their files are gone",
    Effect.gen(function* () {
      const store = yield* ContainerStore;
      const nowMs = yield* Clock.currentTimeMillis;
      const short = containerOf("cntr_short", nowMs, { idleMinutes: 1 });
      yield* store.add(ada, short);
      yield* store.add(bob, containerOf("cntr_long", nowMs));
      const told = (atMs: number) =>
        Effect.map(store.expired(atMs), (found) => found.map(([keeper, { id }]) => [keeper, id]));
      assert.deepEqual(yield* told(nowMs + 59_999), []);
      assert.deepEqual(yield* told(nowMs + 60_000), [[ada, "cntr_short"]]);
      yield* store.change(ada, short.id, (kept) => ({ ...kept, isEmptied: true }));
      assert.deepEqual(yield* told(nowMs + 60_000), []);
      assert.ok(Option.isSome(yield* store.find(ada, "cntr_short")), "it can still be looked at");
      assert.equal(yield* store.remove(bob, "cntr_long"), true);
      assert.deepEqual(yield* told(nowMs + 3_600_000), [], "what is removed is told no more");
    }),
  );

  test(
    "changes made at once are all kept, and a change of what is gone brings nothing back",
    Effect.gen(function* () {
      const store = yield* ContainerStore;
      const container = containerOf("cntr_busy", yield* Clock.currentTimeMillis);
      yield* store.add(ada, container);
      const paths = Array.from({ length: 12 }, (_, index) => `/workspace/${index}.csv`);
      yield* Effect.forEach(paths, (path) => store.change(ada, container.id, upload(path)), {
        concurrency: "unbounded",
        discard: true,
      });
      const kept = Option.getOrThrow(yield* store.find(ada, container.id));
      assert.deepEqual([...kept.uploads].sort(), [...paths].sort());

      yield* store.remove(ada, container.id);
      assert.ok(Option.isNone(yield* store.change(ada, container.id, upload("/workspace/late.csv"))));
      assert.ok(Option.isNone(yield* store.find(ada, container.id)));
      assert.deepEqual(yield* store.list(ada), []);
    }),
  );

  test(
    "a container that is used again is told when its new time is over, not before",
    Effect.gen(function* () {
      const store = yield* ContainerStore;
      const nowMs = yield* Clock.currentTimeMillis;
      yield* store.add(ada, containerOf("cntr_used", nowMs, { idleMinutes: 1 }));
      yield* store.change(ada, "cntr_used", (kept) => ({ ...kept, lastActiveAtMs: nowMs + 30_000 }));
      assert.deepEqual(yield* store.expired(nowMs + 60_000), []);
      assert.equal((yield* store.expired(nowMs + 90_000)).length, 1);
    }),
  );
};
