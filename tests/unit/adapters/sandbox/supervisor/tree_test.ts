/** The workspace as a whole through the real supervisor, and through one that lies. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { Duration, Effect } from "effect";
import { connect } from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";
import { decodeTree } from "../../../../../src/adapters/sandbox/supervisor/tree.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor, makeDirectories, spawnSupervisor } from "./hostSupervisor.ts";
import { makeRandom } from "./random.ts";

/** Enough that the list takes several windows. */
const filesMany = 20_000;

it.live("a list of many windows arrives whole, while other work goes on", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    for (let folder = 0; folder < filesMany / 1000; folder++) {
      mkdirSync(`${workspace}/${folder}`);
      for (let file = 0; file < 1000; file++) writeFileSync(`${workspace}/${folder}/a-name-of-some-length-${file}`, "");
    }
    const [tree] = yield* Effect.all(
      [link.tree.list(filesMany * 2), link.ping, link.writeFile("x", Buffer.from("x"))],
      {
        concurrency: "unbounded",
      },
    );
    assert.ok(tree.isWhole);
    assert.ok(tree.entries.length >= filesMany + filesMany / 1000);
  }));

it.effect("a list that is cut or changed is refused or read, and never throws", () =>
  Effect.sync(() => {
    const record = Buffer.alloc(41);
    record[0] = 255;
    record.writeUInt32BE(1, 1);
    assert.deepEqual(decodeTree(record), { entries: [], unlisted: [], isWhole: true });
    for (let length = 0; length < 41; length++) assert.equal(decodeTree(record.subarray(0, length)), undefined);
    const file = Buffer.concat([Buffer.alloc(41), Buffer.from("abc"), record]);
    file[0] = 1;
    file.writeUInt16BE(3, 37);
    assert.deepEqual(decodeTree(file)?.entries.map(({ path }) => path), ["abc"]);
    const { below } = makeRandom(7);
    for (let round = 0; round < 20_000; round++) {
      const broken = Buffer.from(file);
      broken[below(broken.length)] = below(256);
      decodeTree(broken);
    }
  }));

/** A supervisor that starts in directories of a test, until it says hello. */
const startedIn = (directories: { readonly workspace: string; readonly tools: string; readonly cgroup: string }) =>
  Effect.scoped(Effect.gen(function* () {
    const { channel } = yield* spawnSupervisor(directories);
    const { workspace } = directories;
    yield* connect(channel, { outputBytesMax: 1024, startTimeout: Duration.seconds(60), workspace });
  }));

it.live("what a server that died was about to put back is gone when the sandbox starts again", () =>
  Effect.gen(function* () {
    const directories = yield* makeDirectories;
    const folder = `${directories.workspace}/.caisson/undo`;
    mkdirSync(`${folder}/a`, { recursive: true });
    mkdirSync(`${folder}/b`);
    for (const name of ["a/0", "a/1", "b/.caisson-1234.part"]) writeFileSync(`${folder}/${name}`, "staged");
    yield* startedIn(directories);
    assert.deepEqual(readdirSync(`${directories.workspace}/.caisson`), []);
  }));

it.live("a start takes nothing away through a link, nor what a user made there", () =>
  Effect.gen(function* () {
    const directories = yield* makeDirectories;
    const { workspace } = directories;
    mkdirSync(`${workspace}/.caisson`);
    mkdirSync(`${workspace}/mine/deep`, { recursive: true });
    writeFileSync(`${workspace}/mine/deep/file`, "mine");
    symlinkSync(`${workspace}/mine`, `${workspace}/.caisson/undo`);
    yield* startedIn(directories);
    unlinkSync(`${workspace}/.caisson/undo`);
    mkdirSync(`${workspace}/.caisson/undo/a/b`, { recursive: true });
    writeFileSync(`${workspace}/.caisson/undo/a/b/file`, "mine");
    symlinkSync(`${workspace}/mine/deep`, `${workspace}/.caisson/undo/link`);
    yield* startedIn(directories);
    assert.equal(readFileSync(`${workspace}/mine/deep/file`, "utf8"), "mine");
    assert.equal(readFileSync(`${workspace}/.caisson/undo/a/b/file`, "utf8"), "mine");
  }));
