import assert from "node:assert/strict";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import { makeWorkspaces } from "../../../../../src/adapters/sandbox/local/workspaces.ts";
import { ownerKey } from "../../../../../src/domain/ids.ts";
import { it } from "../../../../support/it.ts";

const owner = { principal: "p", user: "u", ephemeral: false };
const guest = { principal: "p", user: "g", ephemeral: true };

const temporary = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir()),
  (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
);
const namesIn = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name);

it.live("Workspaces.open keeps a workspace when its scope closes and removes an ephemeral owner's", () =>
  Effect.gen(function* () {
    const root = `${yield* temporary}/made/late`;
    const workspaces = makeWorkspaces(root);
    for (const who of [owner, guest]) {
      const path = yield* Effect.scoped(
        Effect.tap(
          workspaces.open(who, ownerKey(who)),
          (path) => Effect.sync(() => Deno.writeTextFileSync(`${path}/f`, "x")),
        ),
      );
      assert.equal(path.startsWith(root), true);
    }
    assert.deepEqual(namesIn(root), [ownerKey(owner)]);
    yield* workspaces.remove(ownerKey(owner));
    yield* workspaces.remove(ownerKey(owner));
    assert.deepEqual(namesIn(root), []);
  }));

it.live("Workspaces.remove removes directories that a program closed to its own user", () =>
  Effect.gen(function* () {
    const workspaces = makeWorkspaces(yield* temporary);
    const path = yield* Effect.scoped(workspaces.open(owner, ownerKey(owner)));
    Deno.mkdirSync(`${path}/a/b`, { recursive: true });
    Deno.chmodSync(`${path}/a/b`, 0);
    Deno.chmodSync(`${path}/a`, 0);
    yield* workspaces.remove(ownerKey(owner));
    assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
  }));

/** Directories inside one another, far deeper than a path can name or a stack can recur. */
const makeDeep = (path: string, name: string, rounds: number, each: number) => {
  const chain = `/${name}`.repeat(each);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/f`, "deepest");
  for (let round = 0; round < rounds; round++) {
    Deno.mkdirSync(`${path}.next${chain}`, { recursive: true });
    Deno.writeTextFileSync(`${path}.next/f`, "between");
    Deno.renameSync(path, `${path}.next${chain}/${name}`);
    Deno.renameSync(`${path}.next`, path);
  }
};

for (
  const { title, name, rounds, each, mode } of [
    { title: "thousands of directories", name: "d", rounds: 130, each: 100, mode: 0o755 },
    {
      title: "thousands of directories named as what is no UTF-8 is shown",
      name: "\u{fffd}",
      rounds: 90,
      each: 100,
      mode: 0,
    },
    { title: "directories of the longest names", name: "n".repeat(255), rounds: 20, each: 12, mode: 0o755 },
    {
      title: "directories of long names of four bytes a character",
      name: "💥".repeat(63),
      rounds: 20,
      each: 12,
      mode: 0,
    },
  ]
) {
  it.live(`an ephemeral owner's workspace is removed with ${title} inside one another, and the server lives`, () =>
    Effect.gen(function* () {
      const root = yield* temporary;
      const workspaces = makeWorkspaces(root);
      yield* Effect.scoped(Effect.tap(workspaces.open(guest, ownerKey(guest)), (path) =>
        Effect.sync(() => {
          makeDeep(`${path}/a`, name, rounds, each);
          Deno.symlinkSync("..", `${path}/a/link`);
          Deno.chmodSync(`${path}/a`, mode);
        })));
      assert.deepEqual(namesIn(root), []);
    }));
}

it.effect("Workspaces.sweep removes what scopes of a crashed server left, and nothing younger", () =>
  Effect.gen(function* () {
    const root = yield* temporary;
    const workspaces = makeWorkspaces(root);
    yield* workspaces.sweep;
    yield* Effect.scoped(workspaces.open(owner, ownerKey(owner)));
    for (const name of ["scoped-old", "scoped-new"]) Deno.mkdirSync(`${root}/${name}`);
    Deno.utimeSync(`${root}/scoped-old`, 0, 0);
    Deno.utimeSync(`${root}/scoped-new`, 86_400, 86_400);
    yield* TestClock.setTime(86_400_001);
    yield* workspaces.sweep;
    assert.deepEqual(namesIn(root).toSorted(), [ownerKey(owner), "scoped-new"].toSorted());
  }));
