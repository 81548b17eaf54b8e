import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { Context, Effect, Layer, Scope } from "effect";
import { TestClock } from "effect/testing";
import * as Sqlite from "../../../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../../../src/config.ts";
import { assistant, user } from "../../../../src/domain/Message.ts";
import { OwnerKey } from "../../../../src/domain/Owner.ts";
import type { NewTurn } from "../../../../src/domain/Session.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Sessions } from "../../../../src/services/Sessions.ts";
import { it } from "../../../support/it.ts";
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts";

const key = { owner: OwnerKey.make("a".repeat(32)), id: "s" };

const turn = (id: string): NewTurn => ({
  id,
  parent: { _tag: "Newest" },
  messages: [user("said"), assistant(`secret words of ${id}`)],
  status: "completed",
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

/** A store of its own on a data directory, as another process would have. */
const open = (dataPath: string) =>
  Effect.flatMap(Scope.Scope, (scope) =>
    Effect.map(
      Layer.buildWithScope(
        Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath, sessionTimeoutSeconds: 60 }))),
        scope,
      ),
      (context) => Context.get(context, Sessions),
    ));

it.effect("Sqlite.layer keeps turns when the store is closed and opened again", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    yield* Effect.scoped(Effect.flatMap(open(dataPath), (sessions) => sessions.append(key, turn("1"))));
    const again = yield* open(dataPath);
    assert.deepEqual((yield* again.load(key)).turns, [{ ...turn("1"), parent: null }]);
  }));

it.effect("append chains turns when two stores write one session", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const [one, two] = [yield* open(dataPath), yield* open(dataPath)];
    for (let n = 0; n < 10; n += 2) {
      yield* one.append(key, turn(`${n}`));
      yield* two.append(key, turn(`${n + 1}`));
      assert.equal((yield* one.load(key)).turns.length, n + 2);
    }
    const turns = (yield* two.load(key)).turns;
    assert.deepEqual(turns.map((t) => [t.id, t.parent]), turns.map((_, n) => [`${n}`, n === 0 ? null : `${n - 1}`]));
  }));

it.live("append fails while another process holds the file and works when it lets go", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const sessions = yield* open(dataPath);
    yield* sessions.append(key, turn("1"));
    const other = new DatabaseSync(`${dataPath}/sessions.sqlite`);
    other.exec("BEGIN IMMEDIATE");
    const error = yield* Effect.flip(sessions.append(key, turn("2")));
    assert.deepEqual([error._tag, error.store, error.operation], ["SessionsUnavailable", "sqlite", "append"]);
    other.exec("ROLLBACK");
    other.close();
    yield* sessions.append(key, turn("2"));
    assert.deepEqual((yield* sessions.load(key)).turns.map((t) => t.id), ["1", "2"]);
  }));

it.effect("Sqlite.layer fails with a reason when the file cannot be used", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const path = `${dataPath}/sessions.sqlite`;
    yield* Effect.promise(() => Deno.writeTextFile(path, "this is no database ".repeat(1000)));
    assert.match((yield* Effect.flip(open(dataPath))).detail, /not a database/);
    yield* Effect.promise(() => Deno.remove(path));
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 999");
    newer.close();
    assert.match((yield* Effect.flip(open(dataPath))).detail, /version 999/);
    assert.equal((yield* Effect.flip(open(`${path}/below-a-file`)))._tag, "SessionsUnavailable");
  }));

it.effect("Sqlite.layer keeps its file from other users of the machine", () =>
  Effect.gen(function* () {
    const dataPath = `${yield* temporaryDirectory}/data`;
    const sessions = yield* open(dataPath);
    yield* sessions.append(key, turn("1"));
    const mode = (path: string) => Effect.promise(async () => ((await Deno.stat(path)).mode ?? 0) & 0o777);
    assert.equal(yield* mode(dataPath), 0o700);
    for (const suffix of ["", "-wal", "-shm"]) assert.equal(yield* mode(`${dataPath}/sessions.sqlite${suffix}`), 0o600);
  }));

it.effect("the sweep removes expired sessions from the file when time passes", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const sessions = yield* open(dataPath);
    for (let n = 0; n < 50; n++) yield* sessions.append({ ...key, id: `s${n}` }, turn("1"));
    yield* TestClock.adjust("50 seconds");
    yield* sessions.load({ ...key, id: "s7" });
    yield* TestClock.adjust("30 seconds");
    const file = new DatabaseSync(`${dataPath}/sessions.sqlite`, { readOnly: true });
    assert.deepEqual(file.prepare("SELECT id FROM sessions").all().map((row) => row["id"]), ["s7"]);
    assert.equal(file.prepare("SELECT count(*) AS n FROM turns").get()?.["n"], 1);
    file.close();
  }));

it.effect("remove leaves none of the words in any file", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const sessions = yield* open(dataPath);
    yield* sessions.append(key, turn("erased"));
    yield* sessions.append({ ...key, id: "other" }, turn("kept"));
    const words = Effect.promise(async () => {
      let text = "";
      for await (const { name } of Deno.readDir(dataPath)) {
        text += new TextDecoder("latin1").decode(await Deno.readFile(`${dataPath}/${name}`));
      }
      return ["erased", "kept"].filter((id) => text.includes(`secret words of ${id}`));
    });
    assert.deepEqual(yield* words, ["erased", "kept"]);
    yield* sessions.remove(key);
    assert.deepEqual(yield* words, ["kept"]);
  }));

/** What can become of a store's file while it is open. */
const losses: ReadonlyArray<readonly [string, (path: string) => Promise<void>]> = [
  ["is deleted", (path) => Deno.remove(path)],
  ["is replaced", async (path) => {
    await Deno.remove(path);
    await Deno.writeTextFile(path, "");
  }],
  ["is overwritten", (path) => Deno.writeTextFile(path, "this is no database ".repeat(10_000))],
];

for (const [what, lose] of losses) {
  it.effect(`check fails when the file ${what}`, () =>
    Effect.gen(function* () {
      const dataPath = yield* temporaryDirectory;
      const sessions = yield* open(dataPath);
      yield* sessions.append(key, turn("1"));
      yield* sessions.check;
      yield* Effect.promise(() => lose(`${dataPath}/sessions.sqlite`));
      assert.equal((yield* Effect.flip(sessions.check))._tag, "SessionsUnavailable");
    }));
}

it.effect("secret is the same after a restart and for another process, and another store has another", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const first = yield* Effect.scoped(Effect.flatMap(open(dataPath), (sessions) => sessions.secret));
    const [one, two] = [yield* open(dataPath), yield* open(dataPath)];
    assert.deepEqual([yield* one.secret, yield* two.secret], [first, first]);
    const other = yield* open(yield* temporaryDirectory);
    assert.notEqual(yield* other.secret, first);
  }));

const opener = new URL("../../../support/sqliteOpener.ts", import.meta.url);

/** The next message of a worker. */
const said = (worker: Worker): Promise<string> =>
  new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });

it.live("Sqlite.layer opens one fresh file for everybody who starts at the same moment, with one secret", () =>
  Effect.gen(function* () {
    const workers = yield* Effect.acquireRelease(
      Effect.sync(() => Array.from({ length: 4 }, () => new Worker(opener))),
      (all) => Effect.promise(() => Promise.all(all.map((worker) => worker.terminate()))),
    );
    yield* Effect.promise(() => Promise.all(workers.map(said)));
    for (let round = 0; round < 5; round++) {
      const dataPath = yield* temporaryDirectory;
      const secrets = yield* Effect.promise(() => {
        const answers = Promise.all(workers.map(said));
        for (const worker of workers) worker.postMessage(dataPath);
        return answers;
      });
      assert.match(secrets[0] ?? "", /^[\w-]{43}$/);
      assert.deepEqual(new Set(secrets).size, 1, secrets.join("\n"));
    }
  }));

/** The locks of processes on a file, as Linux tells them. */
const locksOn = (path: string) =>
  Effect.promise(async () => {
    const { ino } = await Deno.stat(path);
    // Deno lets a program read this only that may do everything.
    const { stdout } = await new Deno.Command("cat", { args: ["/proc/locks"] }).output();
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(`:${ino} `)).length;
  });

it.effect(
  "the locks of an open store stay when it was checked and another store of the process came and went",
  () =>
    Effect.gen(function* () {
      const dataPath = yield* temporaryDirectory;
      const path = `${dataPath}/sessions.sqlite`;
      const sessions = yield* open(dataPath);
      yield* sessions.append(key, turn("1"));
      // Without them a tool that looks at the file removes the log that the store goes on writing.
      const locks = yield* locksOn(path);
      assert.ok(locks > 0);
      yield* sessions.check;
      yield* Effect.scoped(Effect.flatMap(open(dataPath), (other) => other.check));
      assert.equal(yield* locksOn(path), locks);
    }),
  { skip: Deno.build.os === "linux" ? undefined : "only Linux tells of locks" },
);
