import assert from "node:assert/strict";
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect";
import { loadedBeside } from "../../src/app/loaded.ts";
import { SandboxAsked } from "../../src/services/SandboxAsked.ts";
import { it } from "../support/it.ts";

class First extends Context.Service<First, string>()("tests/First") {}
class Door extends Context.Service<Door, string>()("tests/Door") {}

/** What happened, in order, and a first layer that asks the machine and waits for its answer. */
const start = Effect.gen(function* () {
  const said: Array<string> = [];
  const answer = yield* Deferred.make<string, "no sandbox">();
  const first = Layer.effect(
    First,
    Effect.gen(function* () {
      said.push("asks");
      yield* yield* SandboxAsked;
      const word = yield* Deferred.await(answer);
      said.push("answered");
      yield* Effect.addFinalizer(() => Effect.sync(() => said.push("let go")));
      return word;
    }),
  );
  const door = Layer.effect(Door, Effect.map(First, (word) => `a door on ${word}`)).pipe(Layer.provide(first));
  return { said, answer, first, door };
});

it.effect("a door is loaded while the sandboxes are asked for, and stands on the same ones", () =>
  Effect.gen(function* () {
    const { said, answer, first, door } = yield* start;
    const isLoading = yield* Deferred.make<void>();
    const layer = loadedBeside(first, () => {
      said.push("loads");
      Deferred.doneUnsafe(isLoading, Exit.void);
      return Promise.resolve(door);
    });
    const scope = yield* Scope.make();
    const building = yield* Effect.forkChild(Layer.buildWithScope(layer, scope));
    yield* Deferred.await(isLoading);
    assert.deepEqual(said, ["asks", "loads"]);
    yield* Deferred.succeed(answer, "bubblewrap");
    assert.equal(Context.get(yield* Fiber.join(building), Door), "a door on bubblewrap");
    assert.deepEqual(said, ["asks", "loads", "answered"]);
    yield* Scope.close(scope, Exit.void);
    assert.deepEqual(said, ["asks", "loads", "answered", "let go"]);
  }));

it.effect("a door whose sandboxes are there at once, or ask for nothing, is loaded all the same", () =>
  Effect.gen(function* () {
    const layer = loadedBeside(Layer.succeed(First, "docker"), () => Promise.resolve(Layer.succeed(Door, "a door")));
    assert.equal(Context.get(yield* Layer.build(layer), Door), "a door");
  }).pipe(Effect.scoped));

it.effect("a door that cannot be loaded ends the start with its reason, and lets the sandboxes go", () =>
  Effect.gen(function* () {
    const { said, answer, first } = yield* start;
    yield* Deferred.succeed(answer, "bubblewrap");
    const layer = loadedBeside(
      first,
      (): Promise<Layer.Layer<Door>> => Promise.reject(new TypeError("Module not found: nowhere.js")),
    );
    const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)));
    assert.ok(Exit.isFailure(exit));
    const defect = exit.cause.reasons.find(Cause.isDieReason)?.defect;
    assert.match(String(defect), /nowhere\.js/);
    assert.equal(said.filter((word) => word === "answered").length, said.filter((word) => word === "let go").length);
  }));

it.effect("sandboxes that cannot be had are told, and nothing is loaded for them", () =>
  Effect.gen(function* () {
    let loads = 0;
    const refused = Layer.effect(First, Effect.fail("no sandbox" as const));
    const layer = loadedBeside(refused, () => {
      loads++;
      return Promise.resolve(Layer.succeed(Door, "a door"));
    });
    const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)));
    assert.ok(Exit.isFailure(exit));
    assert.deepEqual(exit.cause.reasons.find(Cause.isFailReason)?.error, "no sandbox");
    assert.equal(loads, 0);
  }));

it.effect("a process that is told to stop while it loads does not wait for that", () =>
  Effect.gen(function* () {
    const { said, answer, first } = yield* start;
    yield* Deferred.succeed(answer, "bubblewrap");
    const isLoading = yield* Deferred.make<void>();
    const layer = loadedBeside(first, () => {
      Deferred.doneUnsafe(isLoading, Exit.void);
      return new Promise<Layer.Layer<Door>>(() => {});
    });
    const building = yield* Effect.forkChild(Effect.scoped(Layer.build(layer)));
    yield* Deferred.await(isLoading);
    yield* Fiber.interrupt(building);
    const exit = yield* Fiber.await(building);
    assert.ok(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause));
    assert.equal(said.filter((word) => word === "answered").length, said.filter((word) => word === "let go").length);
  }));
