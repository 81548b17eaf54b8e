import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { Effect, Layer } from "effect";
import * as Sqlite from "../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { pathTo } from "../../src/domain/Session.ts";
import { textOf } from "../../src/domain/Message.ts";
import { Sessions } from "../../src/services/Sessions.ts";
import { it } from "../support/it.ts";
import { writtenAnswer, writtenKey } from "../support/sqliteWriter.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

/** Times that a writer is killed. */
const kills = 50;

const writer = new URL("../support/sqliteWriter.ts", import.meta.url).pathname;

/** Lets a process store turns, kills it after a number of them and returns the ids it named. */
const killedWriter = (dataPath: string, prefix: string, afterTurns: number) =>
  Effect.promise(() =>
    new Promise<ReadonlyArray<string>>((resolve, reject) => {
      const permissions = [`--allow-read=${dataPath}`, `--allow-write=${dataPath}`];
      const child = spawn(Deno.execPath(), ["run", "--no-check", ...permissions, writer, dataPath, prefix], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout.on("data", (data) => {
        text += String(data);
        if (text.split("\n").length > afterTurns) child.kill("SIGKILL");
      });
      child.once("error", reject);
      // A line that was cut names a turn that was stored as well, but perhaps not its whole id.
      child.once("close", () => resolve(text.split("\n").slice(0, -1)));
    })
  );

it.live(`every turn a killed process reported is there when it was killed ${kills} times`, () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const reported: Array<string> = [];
    for (let kill = 0; kill < kills; kill++) {
      const ids = yield* killedWriter(dataPath, `kill${kill}`, 1 + (kill * 7) % 40);
      assert.ok(ids.length > 0);
      reported.push(...ids);
    }
    const file = new DatabaseSync(`${dataPath}/sessions.sqlite`, { readOnly: true });
    assert.deepEqual(file.prepare("PRAGMA integrity_check").all().map((row) => row["integrity_check"]), ["ok"]);
    assert.deepEqual(file.prepare("PRAGMA foreign_key_check").all(), []);
    file.close();

    const { turns } = yield* Effect.flatMap(Sessions, (sessions) => sessions.load(writtenKey)).pipe(
      Effect.provide(Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath })))),
    );
    const stored = new Map(turns.map((turn) => [turn.id, turn]));
    assert.deepEqual(reported.filter((id) => !stored.has(id)), []);
    for (const turn of turns) assert.equal(textOf(turn.messages[1] ?? assert.fail()), writtenAnswer(turn.id));
    // One chain through every kill: nothing was orphaned or stored twice.
    assert.equal(pathTo(turns, turns.at(-1)?.id ?? null).length, turns.length);
    assert.ok(turns.length >= reported.length);
  }));
