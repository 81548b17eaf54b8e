import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import { TestClock } from "effect/testing";
import { label } from "../../../../../src/adapters/sandbox/docker/container.ts";
import { Engine } from "../../../../../src/adapters/sandbox/docker/Engine.ts";
import { EngineError } from "../../../../../src/adapters/sandbox/docker/EngineError.ts";
import { Installation } from "../../../../../src/adapters/sandbox/docker/Installation.ts";
import { reap, reapAgainAndAgain } from "../../../../../src/adapters/sandbox/docker/reaper.ts";
import { it } from "../../../../support/it.ts";

/** An engine whose volumes each carry the name of the server that made them. */
const world = (recorded: ReadonlyArray<string> = []) => {
  const volumes = new Map<string, string>();
  const state = { sweeps: 0, broken: false, hung: false };
  const forgotten: Array<string> = [];
  const engine = Layer.mock(Engine, {
    socketPath: "/engine.sock",
    version: { Version: "27.0.0", ApiVersion: "1.46" },
    listContainers: () => Effect.succeed([]),
    listNetworks: () => Effect.succeed([]),
    listVolumes: () =>
      Effect.suspend(() => {
        state.sweeps++;
        if (state.hung) return Effect.never;
        return state.broken
          ? Effect.fail(new EngineError({ operation: "listVolumes", kind: "Unavailable", detail: "gone" }))
          : Effect.succeed([...volumes].map(([Name, made]) => ({ Name, Labels: { [label.instance]: made } })));
      }),
    removeVolume: (name) => Effect.sync(() => void volumes.delete(name)),
  });
  const installation = Layer.mock(Installation, {
    id: "home",
    instance: "me",
    markPath: "/mark",
    isAlive: (instance) => Effect.succeed(instance !== "dead"),
    forgetInstance: (instance) => Effect.sync(() => void forgotten.push(instance)),
    instances: Effect.succeed(["me", "dead", "sibling"]),
    workspaceOf: () => Effect.succeed(Option.none()),
    workspaces: Effect.succeed(new Set(recorded)),
  });
  return { volumes, state, forgotten, services: Layer.mergeAll(engine, installation) };
};

it.effect("reap removes what is of a dead server and on nobody's record", () => {
  const { volumes, forgotten, services } = world(["kept"]);
  for (const [name, made] of [["kept", "dead"], ["loose", "dead"], ["mine", "me"], ["theirs", "sibling"]] as const) {
    volumes.set(name, made);
  }
  return Effect.gen(function* () {
    assert.deepEqual(yield* reap, { containers: 0, networks: 0, volumes: 1 });
    assert.deepEqual([...volumes.keys()], ["kept", "mine", "theirs"]);
    assert.deepEqual(forgotten, ["dead"]);
  }).pipe(Effect.provide(services));
});

it.effect("reapAgainAndAgain removes what appears after the first sweep, first soon and then at intervals", () => {
  const { volumes, state, services } = world();
  return Effect.gen(function* () {
    yield* Effect.forkScoped(reapAgainAndAgain);
    volumes.set("late", "dead");
    yield* TestClock.adjust("29 seconds");
    assert.equal(state.sweeps, 0);
    yield* TestClock.adjust("1 second");
    assert.equal(volumes.size, 0);
    volumes.set("later", "dead");
    yield* TestClock.adjust("5 minutes");
    assert.deepEqual([volumes.size, state.sweeps], [0, 2]);
  }).pipe(Effect.provide(services));
});

it.effect("reapAgainAndAgain goes on when a sweep fails or hangs", () => {
  const { volumes, state, services } = world();
  return Effect.gen(function* () {
    yield* Effect.forkScoped(reapAgainAndAgain);
    volumes.set("late", "dead");
    state.broken = true;
    yield* TestClock.adjust("30 seconds");
    Object.assign(state, { broken: false, hung: true });
    yield* TestClock.adjust("5 minutes");
    assert.deepEqual([volumes.size, state.sweeps], [1, 2]);
    state.hung = false;
    yield* TestClock.adjust("6 minutes");
    assert.equal(volumes.size, 0);
  }).pipe(Effect.provide(services));
});
