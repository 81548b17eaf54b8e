import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { TestClock } from "effect/testing";
import { sessionsPerOwnerMax, sweepIntervalMs } from "../../../../src/adapters/sessions/bounds.ts";
import * as Memory from "../../../../src/adapters/sessions/Memory.ts";
import { TurnCache } from "../../../../src/adapters/sessions/TurnCache.ts";
import { Settings } from "../../../../src/config.ts";
import { assistant, user } from "../../../../src/domain/Message.ts";
import { OwnerKey } from "../../../../src/domain/Owner.ts";
import type { NewTurn, Turn } from "../../../../src/domain/Session.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Sessions } from "../../../../src/services/Sessions.ts";
import { it } from "../../../support/it.ts";

const ownerOf = (n: number) => OwnerKey.make(n.toString(16).padStart(32, "0"));

const turn = (answer = "answer"): NewTurn => ({
  id: "t",
  parent: { _tag: "Newest" },
  messages: [user("said"), assistant(answer)],
  status: "completed",
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

const stored = (id: string): Turn => ({ ...turn(), id, parent: null });

const { effect } = it.layer(Memory.layer.pipe(Layer.provide(Settings.layerWith({ sessionTimeoutSeconds: 60 }))));

effect(
  "append removes the owner's session unused for longest when the owner has too many",
  () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions;
      const owner = ownerOf(1);
      yield* sessions.append({ owner: ownerOf(2), id: "another's" }, turn());
      for (let n = 0; n < sessionsPerOwnerMax; n++) yield* sessions.append({ owner, id: `s${n}` }, turn());
      yield* sessions.load({ owner, id: "s0" });
      yield* sessions.append({ owner, id: "one more" }, turn());
      const ids = new Set((yield* sessions.list(owner)).map(({ key }) => key.id));
      assert.equal(ids.size, sessionsPerOwnerMax);
      assert.ok(ids.has("s0") && ids.has("one more") && !ids.has("s1"));
      assert.equal((yield* sessions.list(ownerOf(2))).length, 1);
    }),
);

effect("append removes the session unused for longest when there are too many in all", () =>
  Effect.gen(function* () {
    const sessions = yield* Sessions;
    for (let n = 0; n < 10_001; n++) yield* sessions.append({ owner: ownerOf(n), id: "s" }, turn());
    assert.deepEqual(yield* sessions.list(ownerOf(0)), []);
    assert.equal((yield* sessions.list(ownerOf(1))).length, 1);
  }));

effect("load hands out lists that later turns do not change", () =>
  Effect.gen(function* () {
    const sessions = yield* Sessions;
    const key = { owner: ownerOf(1), id: "s" };
    yield* sessions.append(key, turn());
    const { turns } = yield* sessions.load(key);
    yield* sessions.append(key, { ...turn(), id: "t2" });
    assert.equal(turns.length, 1);
  }));

effect("the sweep frees expired sessions, and only those, while nobody asks", () =>
  Effect.gen(function* () {
    const sessions = yield* Sessions;
    const key = (id: string) => ({ owner: ownerOf(1), id });
    yield* sessions.append(key("old"), turn());
    yield* TestClock.adjust("40 seconds");
    yield* sessions.append(key("new"), turn());
    yield* TestClock.adjust("30 seconds");
    assert.deepEqual((yield* sessions.list(ownerOf(1))).map((s) => s.key.id), ["new"]);
    assert.equal(yield* sessions.remove(key("old")), false);
  }));

Deno.test("sweepIntervalMs stays between a second and a minute", () => {
  assert.deepEqual([100, 8_000, 3_600_000].map(sweepIntervalMs), [1_000, 2_000, 60_000]);
});

Deno.test("TurnCache keeps only turns without a gap and of the newest life", () => {
  const cache = new TurnCache();
  cache.add("s", "1", 1, stored("b"), 10);
  assert.deepEqual(cache.known("s"), { life: "", count: 0 });
  cache.add("s", "1", 0, stored("a"), 10);
  cache.add("s", "1", 1, stored("b"), 10);
  cache.add("s", "1", 1, stored("c"), 10);
  assert.deepEqual(cache.turns("s", "1").map(({ id }) => id), ["a", "b"]);
  assert.deepEqual(cache.turns("s", "2"), []);
  cache.add("s", "2", 0, stored("x"), 10);
  assert.deepEqual(cache.turns("s", "2").map(({ id }) => id), ["x"]);
});

Deno.test("TurnCache forgets the session unused for longest when it is full", () => {
  const cache = new TurnCache(30);
  for (const session of ["a", "b", "c"]) cache.add(session, "1", 0, stored(session), 10);
  cache.turns("a", "1");
  cache.add("d", "1", 0, stored("d"), 10);
  assert.deepEqual(["a", "b", "c", "d"].map((session) => cache.known(session).count), [1, 0, 1, 1]);
});
