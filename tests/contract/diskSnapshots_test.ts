import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { Effect } from "effect";
import * as Disk from "../../src/adapters/snapshots/Disk.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { snapshotStoreSuite } from "./snapshotStoreSuite.ts";

snapshotStoreSuite("Disk", Effect.map(temporaryDirectory, (path) => Disk.make(`${path}/snapshots`)));

const owner = ownerKey({ principal: "contract", user: "ada", ephemeral: false });
const bytes = new TextEncoder().encode("content");

it.live("Disk: a piece that was changed on the disk is damaged, and its name leads nowhere else", () =>
  Effect.gen(function* () {
    const path = yield* temporaryDirectory;
    const store = Disk.make(path);
    const name = yield* store.putChunk(owner, bytes);
    const file = `${path}/${owner}/chunks/${name.slice(0, 2)}/${name}`;
    assert.equal(((yield* Effect.promise(() => Deno.stat(file))).mode ?? 0) & 0o777, 0o600);
    yield* Effect.promise(() => Deno.writeTextFile(file, "changed"));
    assert.equal((yield* Effect.flip(store.chunk(owner, name))).reason, "Damaged");
  }));

it.live("Disk: what cannot be written fails and leaves what was there", () =>
  Effect.gen(function* () {
    const path = yield* temporaryDirectory;
    yield* Effect.promise(() => Deno.writeTextFile(`${path}/${owner}`, "a file stands here"));
    const store = Disk.make(path);
    assert.equal((yield* Effect.flip(store.putChunk(owner, bytes))).reason, "Failed");
    assert.equal(yield* Effect.promise(() => Deno.readTextFile(`${path}/${owner}`)), "a file stands here");
  }));

it.live("Disk: the room that it tells leaves a twentieth of the disk, or a gibibyte, to others", () =>
  Effect.gen(function* () {
    const path = yield* temporaryDirectory;
    const room = yield* Disk.make(`${path}/snapshots`).room;
    const { bavail, blocks, bsize } = yield* Effect.promise(() => statfs(path));
    const left = Math.min(1024 ** 3, blocks * bsize / 20);
    // Others write to the same disk meanwhile: half of what is left to them is theirs to do that.
    assert.ok(room === 0 || Math.abs(bavail * bsize - left - room) < left / 2, `${room} of ${bavail * bsize}`);
  }));
