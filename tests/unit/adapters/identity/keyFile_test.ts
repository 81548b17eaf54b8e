import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import * as Configured from "../../../../src/adapters/identity/Configured.ts";
import { createKey, readKeys, revokeKeys } from "../../../../src/adapters/identity/keyFile.ts";
import { Settings } from "../../../../src/config.ts";
import { Identity } from "../../../../src/services/Identity.ts";
import { it } from "../../../support/it.ts";
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts";

it.effect("createKey makes a key that is accepted, kept hashed and readable by its owner only", () =>
  Effect.gen(function* () {
    const path = `${yield* temporaryDirectory}/deep/keys.json`;
    const first = yield* createKey(path, "alice");
    yield* createKey(path, "alice");
    yield* createKey(path, "bob@example.org");
    assert.match(first.key, /^sk-caisson-[\w-]{43}$/);
    assert.deepEqual((yield* readKeys(path)).keys.map(({ name }) => name), ["alice", "alice", "bob@example.org"]);
    const { text, mode } = yield* Effect.promise(async () => ({
      text: await Deno.readTextFile(path),
      mode: (await Deno.stat(path)).mode ?? 0,
    }));
    assert.ok(!text.includes(first.key.slice("sk-caisson-".length)));
    assert.equal(mode & 0o777, 0o600);
    const layer = Configured.layer.pipe(Layer.provide(Settings.layerWith({ apiKeysFile: Option.some(path) })));
    const identified = yield* Effect.flatMap(
      Identity,
      (identity) => identity.identify({ authorization: `Bearer ${first.key}` }),
    ).pipe(Effect.provide(layer));
    assert.equal(identified.principal.name, "alice");
  }));

it.effect("revokeKeys removes one key by id or all of a name", () =>
  Effect.gen(function* () {
    const path = `${yield* temporaryDirectory}/keys.json`;
    const { stored } = yield* createKey(path, "alice");
    yield* createKey(path, "alice");
    yield* createKey(path, "bob");
    assert.deepEqual(yield* revokeKeys(path, stored.id), [stored]);
    assert.equal((yield* revokeKeys(path, "alice")).length, 1);
    assert.deepEqual((yield* readKeys(path)).keys.map(({ name }) => name), ["bob"]);
    assert.match((yield* Effect.flip(revokeKeys(path, "alice"))).message, /no key with this id or name/);
  }));

it.effect("createKey refuses a bad name and leaves a damaged file as it is", () =>
  Effect.gen(function* () {
    const path = `${yield* temporaryDirectory}/keys.json`;
    for (const name of ["", "a b", "a:b", "a,b", "x".repeat(65)]) {
      assert.equal((yield* Effect.flip(createKey(path, name)))._tag, "KeyFileError");
    }
    yield* Effect.promise(() => Deno.writeTextFile(path, "{}"));
    assert.match((yield* Effect.flip(createKey(path, "alice"))).message, /not a key file/);
    assert.equal(yield* Effect.promise(() => Deno.readTextFile(path)), "{}");
  }));
