/**
 * A store on a disk that fills up: what is asked of it says so, its check says so, and it works again with room.
 */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import * as Sqlite from "../../../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../../../src/config.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";
import { user } from "../../../../src/domain/Message.ts";
import type { NewTurn } from "../../../../src/domain/Session.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Sessions } from "../../../../src/services/Sessions.ts";
import { it } from "../../../support/it.ts";
import { fill, mayMount, smallDisk } from "../../../support/smallDisk.ts";

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
