/**
 * A store on a disk that fills up: what is asked of it says so, its check says so, and it works again with room.
 */
import assert from "node:assert/strict";
import { Effect, Layer, type Scope } from "effect";
import * as Sqlite from "../../../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../../../src/config.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { user } from "../../../../src/domain/Message.ts";
import type { NewTurn } from "../../../../src/domain/Session.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Sessions } from "../../../../src/services/Sessions.ts";
import { it } from "../../../support/it.ts";

const diskMb = 4;
const piece = new Uint8Array(4 * 1024);

const run = (command: string, ...args: ReadonlyArray<string>) =>
  new Deno.Command(command, { args: [...args], stderr: "piped" }).output();

/** A file system of a few megabytes, as long as the scope. */
const smallDisk: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await Deno.makeTempDir({ prefix: "caisson-disk-" });
    const { success, stderr } = await run("mount", "-t", "tmpfs", "-o", `size=${diskMb}m`, "tmpfs", path);
    assert.ok(success, new TextDecoder().decode(stderr));
    return path;
  }),
  (path) =>
    Effect.promise(async () => {
      await run("umount", "-l", path);
      await Deno.remove(path, { recursive: true });
    }),
);

/** Fills a disk until no byte goes in any more, or but for so many. */
const fill = (path: string, leftBytes = 0) => {
  using file = Deno.openSync(path, { create: true, append: true });
  try {
    while (true) file.writeSync(piece);
  } catch {
    // It is full.
  }
  if (leftBytes > 0) file.truncateSync(file.statSync().size - leftBytes);
};

const mayMount = async (): Promise<boolean> => {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const path = await Deno.makeTempDir();
  const { success } = await run("mount", "-t", "tmpfs", "tmpfs", path);
  if (success) await run("umount", path);
  return success;
};

const turn = (id: string, characters: number): NewTurn => ({
  id,
  parent: { _tag: "Newest" },
  messages: [user("x".repeat(characters))],
  status: "completed",
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

it.live(
  "Sqlite's check fails on a full disk as a completion does, also on one that is full but for a page, until there is room",
  () =>
    Effect.gen(function* () {
      const disk = yield* smallDisk;
      yield* Effect.gen(function* () {
        const sessions = yield* Sessions;
        const key = { owner: ownerKey({ principal: "p", user: "u", ephemeral: false }), id: "s" };
        yield* sessions.append(key, turn("1", 1_000));
        yield* sessions.check;
        for (const leftBytes of [0, 20_000]) {
          fill(`${disk}/filling`, leftBytes);
          const refused = yield* Effect.flip(sessions.append(key, turn(`full-${leftBytes}`, 60_000)));
          const told = yield* Effect.flip(sessions.check);
          assert.deepEqual([refused._tag, told._tag], ["SessionsUnavailable", "SessionsUnavailable"]);
          Deno.removeSync(`${disk}/filling`);
          yield* sessions.check;
          assert.deepEqual((yield* sessions.load(key)).turns.map(({ id }) => id), ["1"], "what was kept stays");
        }
        assert.equal((yield* sessions.append(key, turn("2", 60_000))).parent, "1");
      }).pipe(
        Effect.provide(Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath: `${disk}/data` })))),
      );
    }),
  (await mayMount()) ? {} : { skip: "no file system can be mounted here" },
);
