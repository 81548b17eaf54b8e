import assert from "node:assert/strict";
import { Effect, Exit, Layer, Option, Scope } from "effect";
import { Installation } from "../../../../../src/adapters/sandbox/docker/Installation.ts";
import { Settings } from "../../../../../src/config.ts";
import { OwnerKey } from "../../../../../src/domain/Owner.ts";
import { it } from "../../../../support/it.ts";
import { temporaryDirectory } from "../../../../support/temporaryDirectory.ts";

const key = OwnerKey.make("a".repeat(32));

/** A server on a data directory, alive until its scope closes. */
const server = Effect.fnUntraced(function* (dataPath: string) {
  const scope = yield* Scope.make();
  const layer = Layer.fresh(Installation.layer).pipe(Layer.provide(Settings.layerWith({ dataPath })));
  const context = yield* Scope.provide(Layer.build(layer), scope);
  const installation = yield* Effect.provideContext(Installation, context);
  return { installation, stop: Scope.close(scope, Exit.void) };
});

it.live("Installation tells servers of one directory apart and knows which live", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const [one, two] = [yield* server(dataPath), yield* server(dataPath)];
    assert.equal(one.installation.id, two.installation.id);
    assert.notEqual(one.installation.instance, two.installation.instance);
    assert.equal(yield* one.installation.isAlive(one.installation.instance), true);
    assert.equal(yield* one.installation.isAlive(two.installation.instance), true);
    assert.deepEqual(
      new Set(yield* one.installation.instances),
      new Set([one.installation.instance, two.installation.instance]),
    );
    yield* two.stop;
    assert.equal(yield* one.installation.isAlive(two.installation.instance), false);
    assert.deepEqual(yield* one.installation.instances, [one.installation.instance]);
    yield* one.stop;
  }));

it.live("Installation takes names that no server has, or could have, for dead", () =>
  Effect.gen(function* () {
    const { installation, stop } = yield* server(yield* temporaryDirectory);
    for (const name of ["", "0123456789abcdef", "../installation", "x"]) {
      assert.equal(yield* installation.isAlive(name), false, name);
    }
    yield* stop;
  }));

it.live("Installation.recordWorkspace keeps the first volume when two servers record one", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const [one, two] = [yield* server(dataPath), yield* server(dataPath)];
    assert.ok(Option.isNone(yield* one.installation.workspaceOf(key)));
    assert.equal(yield* one.installation.recordWorkspace(key, "first"), "first");
    assert.equal(yield* two.installation.recordWorkspace(key, "second"), "first");
    assert.deepEqual(yield* two.installation.workspaces, new Set(["first"]));
    yield* one.stop;
    const three = yield* server(dataPath);
    assert.deepEqual(yield* three.installation.workspaceOf(key), Option.some("first"));
    yield* three.installation.forgetWorkspace(key);
    assert.ok(Option.isNone(yield* two.installation.workspaceOf(key)));
    yield* Effect.andThen(two.stop, three.stop);
  }));

it.live("Installation records a workspace again when a server died before it could write the name", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const { installation, stop } = yield* server(dataPath);
    yield* Effect.promise(() => Deno.writeTextFile(`${dataPath}/sandbox/workspaces/${key}`, ""));
    assert.equal(yield* installation.recordWorkspace(key, "volume"), "volume");
    assert.deepEqual(yield* installation.workspaceOf(key), Option.some("volume"));
    yield* stop;
  }));

it.live("Installation fails when its directory cannot be made", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory;
    yield* Effect.promise(() => Deno.writeTextFile(`${directory}/file`, ""));
    const error = yield* Effect.flip(server(`${directory}/file`));
    assert.equal(error.reason._tag, "RuntimeUnavailable");
    assert.match(error.detail, /data directory/);
  }));
