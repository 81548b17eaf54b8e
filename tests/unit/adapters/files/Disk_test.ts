import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import * as Disk from "../../../../src/adapters/files/Disk.ts";
import { OwnerKey } from "../../../../src/domain/Owner.ts";
import { it } from "../../../support/it.ts";
import { fill, mayMount, smallDisk } from "../../../support/smallDisk.ts";
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts";

const ada = OwnerKey.make("a".repeat(32));
const bob = OwnerKey.make("b".repeat(32));
const bytesOf = (text: string) => new TextEncoder().encode(text);

const namesIn = (path: string) => Effect.promise(() => Array.fromAsync(Deno.readDir(path), ({ name }) => name));

const written = (store: ReturnType<typeof Disk.make>, id: string, text: string) =>
  Effect.scoped(Effect.gen(function* () {
    const draft = yield* store.draft(ada);
    yield* draft.write(bytesOf(text));
    yield* draft.keep(id);
  }));

const read = (store: ReturnType<typeof Disk.make>, id: string) =>
  Stream.mkString(Stream.decodeText(store.read(ada, id)));

it.live("Disk: what is kept is read whole by its keeper alone and nobody else on the machine", () =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory;
    const store = Disk.make(`${root}/files`);
    const text = "grüße\n".repeat(50_000);
    yield* written(store, "file-1", text);
    yield* written(store, "file-2", "");
    assert.equal(yield* read(store, "file-1"), text);
    assert.equal(yield* read(store, "file-2"), "");
    yield* store.check(ada, "file-1");
    const mode = (yield* Effect.promise(() => Deno.stat(`${root}/files/${ada}/file-1`))).mode ?? 0;
    assert.equal(mode & 0o777, 0o600);
    assert.equal((yield* Effect.flip(store.check(bob, "file-1"))).reason, "Missing");
    assert.equal((yield* Effect.flip(read(store, "file-3"))).reason, "Missing");
    for (const id of ["../file-1", "file-1/../file-2", "..", "", "file-"]) {
      assert.equal((yield* Effect.flip(store.check(ada, id))).reason, "Missing", id);
      assert.equal((yield* Effect.flip(store.remove(ada, id))).reason, "Missing", id);
    }
    yield* store.remove(ada, "file-1");
    yield* store.remove(ada, "file-1");
    assert.deepEqual(yield* namesIn(`${root}/files/${ada}`), ["file-2"]);
    yield* store.erase(ada);
    yield* store.erase(ada);
    assert.deepEqual(yield* namesIn(`${root}/files`), []);
  }));

it.live("Disk: a draft that is not kept leaves nothing", () =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory;
    const store = Disk.make(root);
    const broken = Effect.gen(function* () {
      const draft = yield* store.draft(ada);
      yield* draft.write(bytesOf("half"));
      assert.equal((yield* namesIn(`${root}/${ada}`)).length, 1);
      return yield* Effect.interrupt;
    });
    yield* Effect.exit(Effect.scoped(broken));
    assert.deepEqual(yield* namesIn(`${root}/${ada}`), []);
  }));

it.live("Disk: what a crash left is swept when it is old, and nothing that a record leads to", () =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory;
    const store = Disk.make(root);
    for (const id of ["file-1", "file-2", "file-3"]) yield* written(store, id, id);
    yield* Effect.promise(() => Deno.writeTextFile(`${root}/${ada}/half.part`, "half"));
    const old = new Date(1_000);
    for (const name of ["file-1", "file-2", "half.part"]) {
      yield* Effect.promise(() => Deno.utime(`${root}/${ada}/${name}`, old, old));
    }
    const sweep = store.sweep(2_000, (keeper, id) => Effect.succeed(keeper === ada && id === "file-1"));
    assert.equal(yield* sweep, 2);
    assert.deepEqual((yield* namesIn(`${root}/${ada}`)).toSorted(), ["file-1", "file-3"]);
    const failing = store.sweep(2_000, () => Effect.fail("the records do not answer" as const));
    assert.equal(yield* Effect.flip(failing), "the records do not answer");
    assert.equal((yield* namesIn(`${root}/${ada}`)).length, 2, "what is not known to be lost stays");
  }));

it.live("Disk: a place that cannot be written to is told by name", () =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory;
    yield* Effect.promise(() => Deno.writeTextFile(`${root}/${ada}`, "a file stands here"));
    assert.equal((yield* Effect.flip(Effect.scoped(Disk.make(root).draft(ada)))).reason, "Failed");
  }));

it.live(
  "Disk: a full disk is told by name, nothing half is left, and with room it goes on",
  () =>
    Effect.gen(function* () {
      const root = yield* smallDisk;
      const store = Disk.make(root);
      yield* written(store, "file-1", "kept");
      fill(`${root}/ballast`, 64 * 1024);
      const broken = Effect.scoped(Effect.gen(function* () {
        const draft = yield* store.draft(ada);
        for (let pieces = 0; pieces < 32; pieces++) yield* draft.write(new Uint8Array(16 * 1024));
        yield* draft.keep("file-2");
      }));
      assert.equal((yield* Effect.flip(broken)).reason, "NoSpace");
      assert.deepEqual(yield* namesIn(`${root}/${ada}`), ["file-1"]);
      yield* Effect.promise(() => Deno.remove(`${root}/ballast`));
      yield* broken;
      assert.equal(yield* read(store, "file-1"), "kept");
    }),
  { skip: await mayMount() ? undefined : "no right to mount a small disk" },
);
