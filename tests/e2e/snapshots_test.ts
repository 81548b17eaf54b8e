/**
 * Taking back what a turn did, with every part real: the official client, the composed server and a container.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Logger, Option, Schema } from "effect";
import { HttpServer } from "effect/http";
import OpenAI from "npm:openai@7.57.0";
import { agentApi } from "../../src/app.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { RestoreOut, SnapshotDiff, SnapshotList } from "../../src/http/caisson/snapshots.ts";
import { dataDirectory } from "../support/dataDirectory.ts";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";

const dockerHost = Option.fromUndefinedOr(Deno.env.get("DOCKER_HOST"));
const user = "ada";

/** A server that takes back what replaced turns did, and what a test says to it. */
const serve = Effect.fnUntraced(function* (changes: Partial<SettingsService> = {}) {
  const dataPath = yield* dataDirectory;
  const settings = {
    apiPort: 0,
    dataPath,
    dockerHost,
    sandbox: "docker",
    logLevel: "NONE",
    rewindFiles: "undo",
  } as const;
  const context = yield* Layer.build(
    agentApi.pipe(Layer.provide(Settings.layerWith({ ...settings, ...changes })), Layer.provide(Logger.layer([]))),
  );
  const { address } = yield* HttpServer.HttpServer.pipe(Effect.provideContext(context));
  const baseURL = `${HttpServer.formatAddress(address)}/v1`;
  const client = new OpenAI({ baseURL, apiKey: "none-on-loopback", maxRetries: 0 });

  /** Says the last message of a conversation whose commands are given, and returns the answer. */
  const say = (session: string, commands: ReadonlyArray<string>, answers: ReadonlyArray<string>) =>
    Effect.promise(async () => {
      const messages = commands.flatMap((command, index): Array<OpenAI.ChatCompletionMessageParam> => [
        { role: "user", content: `Execute this bash command: ${command}` },
        ...(index < answers.length ? [{ role: "assistant" as const, content: answers[index] ?? "" }] : []),
      ]);
      const completion = await client.chat.completions.create(
        { model: "caisson-offline", user, messages },
        { headers: { "x-session-id": session } },
      );
      return completion.choices[0]?.message.content ?? "";
    });

  const fetched = <A, E>(schema: Schema.Codec<A, E>, path: string, body?: unknown) =>
    Effect.flatMap(
      Effect.promise(async () => {
        const response = await fetch(`${baseURL}/sessions/${path}?user=${user}`, {
          ...(body !== undefined && {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
          }),
        });
        return await response.json();
      }),
      Schema.decodeUnknownEffect(schema),
    );
  return { say, fetched, dataPath };
});

it.live(
  "regenerating a turn brings the files of the turn before back and leaves another chat's alone",
  () =>
    Effect.gen(function* () {
      const { say, fetched } = yield* serve();
      const look = say("look", ["cd /workspace && head -c 99 *"], []);
      const write = "printf one > data.csv; printf base > shared.py; ln -s data.csv link";
      const change = "cat link && rm data.csv && printf mine > shared.py && printf x > plot.png";
      const first = yield* say("a", [write], []);
      const second = yield* say("a", [write, change], [first]);
      assert.match(second, /one/);
      yield* say("b", ["printf theirs > report.md; printf theirs > shared.py"], []);
      assert.doesNotMatch(yield* look, /data\.csv/);

      // The command of the second turn works again: what it removed is back.
      const again = yield* say("a", [write, change], [first]);
      assert.match(again, /one/);
      assert.doesNotMatch(again, /No such file/);
      const { data } = yield* fetched(SnapshotList, "a/snapshots");
      const [, replaced, undo, regenerated] = data;
      assert.deepEqual(data.map(({ kind, state }) => `${kind} ${state}`), [
        "turn applied",
        "turn undone",
        "restore applied",
        "turn applied",
      ]);
      assert.deepEqual(undo?.undoes, [replaced?.id]);
      assert.deepEqual(undo?.conflicts, [{ path: "shared.py", why: "it was changed after this turn" }]);

      const diff = yield* fetched(SnapshotDiff, `a/snapshots/${regenerated?.turn}`);
      assert.deepEqual(diff.files.map(({ path, change, diff }) => [path, change, diff]), [
        ["data.csv", "removed", "@@ -1 +0,0 @@\n-one\n"],
        ["plot.png", "added", "@@ -0,0 +1 @@\n+x\n"],
        ["shared.py", "changed", "@@ -1 +1 @@\n-theirs\n+mine\n"],
      ]);

      // On request as well, and the undo of the undo.
      const taken = yield* fetched(RestoreOut, "a/restore", { turn: regenerated?.turn });
      assert.deepEqual(taken.undone.map(({ path, change }) => `${path} ${change}`), [
        "data.csv added",
        "plot.png removed",
        "shared.py changed",
      ]);
      assert.deepEqual(taken.conflicts, []);
      assert.match(yield* look, /data\.csv[^]*one[^]*report\.md[^]*theirs[^]*shared\.py[^]*theirs/);
      const back = yield* fetched(RestoreOut, "a/restore", { snapshot: taken.snapshot });
      assert.deepEqual(back.conflicts, []);
      const shown = yield* look;
      assert.match(shown, /plot\.png[^]*report\.md[^]*theirs[^]*shared\.py[^]*mine/);
      assert.doesNotMatch(shown, /data\.csv[^]*one/);
    }),
  { skip: skipWithoutEngine },
);

it.live("what cannot be kept is told by name, and nothing is lost", () =>
  Effect.gen(function* () {
    const { say, fetched } = yield* serve({ rewindFiles: "keep", snapshotMb: 1 });
    // Files too large for the bound, sparse ones, links out, hostile names, a pipe.
    const write =
      "printf small > small; head -c 3000000 /dev/urandom > large; truncate -s 100M sparse; ln -s /etc out; " +
      "mkfifo pipe; touch $'bad\\xff' $'line\\nbreak'; printf moved > $'moved\\xff'";
    const first = yield* say("a", [write], []);
    const change =
      "printf changed > small; printf changed >> large; rm sparse out pipe $'bad\\xff'; mv $'moved\\xff' good";
    yield* say("a", [write, change], [first]);
    const { data } = yield* fetched(SnapshotList, "a/snapshots");
    const restored = yield* fetched(RestoreOut, "a/restore", { turn: data[1]?.turn });
    assert.deepEqual(restored.undone.map(({ path, change }) => `${path} ${change}`), [
      "bad\ufffd added",
      "good removed",
      "moved\ufffd added",
      "out added",
      "small changed",
    ]);
    assert.deepEqual(restored.conflicts.map(({ path, why }) => `${path}: ${why}`).sort(), [
      "large: what it was before is not kept",
      "pipe: what it was before is not kept",
      "sparse: what it was before is not kept",
    ]);
    const shown = yield* say("look", ["cat small; readlink out; tail -c 7 large; cat $'moved\\xff'; ls good"], []);
    assert.match(shown, /small\/etc\nchangedmoved/);
    assert.match(shown, /cannot access 'good'/);
  }), { skip: skipWithoutEngine });
