/**
 * The contract of every store of runs.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../src/adapters/runStore/Memory.ts";
import * as Sqlite from "../../src/adapters/runStore/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { RunHistory } from "../../src/domain/RunHistory.ts";
import * as Usage from "../../src/domain/Usage.ts";
import { RunStore } from "../../src/services/RunStore.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const ada = ownerKey({ principal: "p", user: "ada", ephemeral: false });
const eve = ownerKey({ principal: "p", user: "eve", ephemeral: false });

const runOf = (id: string, changes: Partial<RunHistory> = {}): RunHistory => ({
  id,
  status: "completed",
  requestId: `req-${id}`,
  session: "s",
  parent: null,
  model: "m",
  startedAtMs: 1,
  turns: 1,
  usage: Usage.zero,
  costUsd: 0.5,
  steps: [
    { _tag: "ModelTurn", turn: 1, startedMs: 0, firstChunkMs: 2, durationMs: 3, usage: Usage.zero },
    { _tag: "ToolStep", callId: "c", tool: "execute_bash", startedMs: 3, exitCode: 1, flags: ["timed_out"] },
  ],
  stepsLeftOut: 0,
  files: [{ path: "/workspace/a", sizeBytes: 1 }],
  ...changes,
});

for (const [name, layer] of [["Memory", Memory.layer], ["Sqlite", Sqlite.layer]] as const) {
  const withStore = Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const settings = Settings.layerWith({ dataPath, runRetentionDays: 1 });
    return yield* Effect.provideContext(RunStore, yield* Layer.build(Layer.provide(layer, settings)));
  });

  it.effect(`${name} finds a run by its id and by its request's, the newest of them, for its owner only`, () =>
    Effect.gen(function* () {
      const store = yield* withStore;
      yield* store.put(ada, runOf("a"));
      yield* store.put(ada, runOf("b", { requestId: "req-a", startedAtMs: 2 }));
      assert.deepEqual(yield* store.find(ada, "a"), Option.some(runOf("a")));
      assert.equal(Option.getOrThrow(yield* store.find(ada, "req-a")).id, "b");
      assert.deepEqual(yield* store.find(eve, "a"), Option.none());
      assert.deepEqual(yield* store.find(eve, "req-a"), Option.none());
      yield* store.put(ada, runOf("a", { status: "failed" }));
      assert.equal(Option.getOrThrow(yield* store.find(ada, "a")).status, "failed");
    }));

  it.effect(`${name} lists the newest runs in the order they were started, by session and status`, () =>
    Effect.gen(function* () {
      const store = yield* withStore;
      for (const [at, id] of ["a", "b", "c"].entries()) yield* store.put(ada, runOf(id, { startedAtMs: at }));
      yield* store.put(ada, runOf("d", { startedAtMs: 9, session: "other", status: "failed" }));
      yield* store.put(eve, runOf("e"));
      const ids = (filter: Parameters<typeof store.list>[1]) =>
        Effect.map(store.list(ada, filter), (runs) => runs.map(({ id }) => id));
      assert.deepEqual(yield* ids({ limit: 10 }), ["a", "b", "c", "d"]);
      assert.deepEqual(yield* ids({ limit: 2 }), ["c", "d"]);
      assert.deepEqual(yield* ids({ limit: 10, session: "s" }), ["a", "b", "c"]);
      assert.deepEqual(yield* ids({ limit: 10, status: "failed" }), ["d"]);
      assert.deepEqual(yield* ids({ limit: 10, session: "' OR 1=1 --" }), []);
    }));

  it.effect(`${name} forgets with the session, with the owner, and when the time has passed`, () =>
    Effect.gen(function* () {
      const store = yield* withStore;
      yield* store.put(ada, runOf("a"));
      yield* store.put(ada, runOf("b", { session: "other" }));
      yield* store.put(eve, runOf("a"));
      yield* store.forget(ada, "s");
      assert.deepEqual((yield* store.list(ada, { limit: 10 })).map(({ id }) => id), ["b"]);
      yield* store.erase(ada);
      assert.deepEqual(yield* store.list(ada, { limit: 10 }), []);
      assert.equal((yield* store.list(eve, { limit: 10 })).length, 1);
      yield* TestClock.adjust("25 hours");
      assert.deepEqual(yield* store.find(eve, "a"), Option.none());
      assert.deepEqual(yield* store.list(eve, { limit: 10 }), []);
    }));
}
