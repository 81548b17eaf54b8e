/** What turns do to the workspace: kept, told, and taken back. */
import assert from "node:assert/strict";
import { Effect } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../src/config.ts";
import { type App, withApp } from "../support/app.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A sandbox whose commands are `NAME=TEXT` words, which write, and `-NAME` words, which remove. */
const writing = (): FakeSandbox => {
  const fake: FakeSandbox = fakeSandbox(({ command }) =>
    Effect.sync(() => {
      const owner = [...fake.files.keys()].map((key) => key.split(":")[0]).find((key) => key !== undefined) ?? "";
      for (const word of command.startsWith("rm ") ? [] : command.split(" ")) {
        const [name = "", text] = word.split("=");
        if (text === undefined) fake.files.delete(`${owner}:/workspace/${name.slice(1)}`);
        else fake.files.set(`${owner}:/workspace/${name}`, bytes(text));
      }
      return outcome("");
    })
  );
  return fake;
};

const turn = (id: string, command: string): ReadonlyArray<Scripted.Step> => [
  Scripted.calls(Scripted.toolCall(id, "execute_bash", { command })),
  Scripted.answers("done"),
];

/** Asks in a chat that sends its whole history; `said` are the user's messages, each answered with "done". */
const ask = async (app: App, session: string, ...said: ReadonlyArray<string>) => {
  const messages = said.flatMap((content, index) => [
    { role: "user", content },
    ...(index < said.length - 1 ? [{ role: "assistant", content: "done" }] : []),
  ]);
  const response = await app.chat({ model: "scripted", messages }, { "x-session-id": session, "x-user-id": "ada" });
  assert.equal(response.status, 200, await response.text());
};

const get = async (app: App, path: string) => {
  const response = await app.get(`/v1/sessions/${path}`, { "x-user-id": "ada" });
  return { status: response.status, body: await response.json() };
};

const restore = async (app: App, session: string, body: unknown) => {
  const response = await app.send(
    new Request(`http://caisson.test/v1/sessions/${session}/restore`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-user-id": "ada" },
      body: JSON.stringify(body),
    }),
  );
  return { status: response.status, body: await response.json() };
};

/** Files of the one owner. */
const filesOf = ({ files }: FakeSandbox) =>
  Object.fromEntries(
    [...files].filter(([key]) => !key.includes("/.caisson/") && !key.endsWith("/seed")).map(([key, content]) => [
      key.slice(key.indexOf("/workspace/") + 11),
      new TextDecoder().decode(content),
    ]),
  );

/** What is kept of a session, which must be as many; the list waits for what is being kept. */
const kept = async (app: App, session: string, count: number) => {
  const { body } = await get(app, `${session}/snapshots`);
  assert.equal(body.data.length, count);
  return body.data;
};

const withSnapshots = (
  rewindFiles: SettingsService["rewindFiles"],
  steps: ReadonlyArray<Scripted.Step>,
  body: (app: App, sandbox: FakeSandbox) => Promise<void>,
) => {
  const sandbox = writing();
  const first = Scripted.calls(Scripted.toolCall("seed", "write_file", { file_path: "seed", content: "" }));
  return withApp(
    { steps: [first, Scripted.answers("done"), ...steps], sandbox, settings: { rewindFiles } },
    async (app) => {
      await ask(app, "seeding", "seed");
      await body(app, sandbox);
    },
  );
};

Deno.test("regenerating an answer takes back what it did, names the conflict, and can be taken back itself", () =>
  withSnapshots("undo", [
    ...turn("1", "data.csv=one shared.py=base"),
    ...turn("2", "-data.csv shared.py=mine plot.png=x"),
    ...turn("3", "report.md=theirs shared.py=theirs"),
    ...turn("4", "again=yes"),
  ], async (app, sandbox) => {
    await ask(app, "a", "write");
    await kept(app, "a", 1);
    await ask(app, "a", "write", "change");
    await kept(app, "a", 2);
    await ask(app, "b", "report");
    await kept(app, "b", 1);
    assert.deepEqual(filesOf(sandbox), { "shared.py": "theirs", "plot.png": "x", "report.md": "theirs" });

    await ask(app, "a", "write", "change");
    const records = await kept(app, "a", 4);
    assert.deepEqual(filesOf(sandbox), {
      "data.csv": "one",
      "shared.py": "theirs",
      "report.md": "theirs",
      again: "yes",
    });
    const [, second, undo] = records;
    assert.deepEqual([second.state, undo.kind, undo.undoes], ["undone", "restore", [second.id]]);
    assert.deepEqual(undo.conflicts, [{ path: "shared.py", why: "it was changed after this turn" }]);

    const again = await restore(app, "a", { snapshot: undo.id });
    assert.deepEqual(again.body.undone, [
      { path: "data.csv", change: "removed" },
      { path: "plot.png", change: "added" },
    ]);
    assert.deepEqual(filesOf(sandbox), { "shared.py": "theirs", "plot.png": "x", "report.md": "theirs", again: "yes" });
    assert.equal((await kept(app, "a", 5))[1].state, "applied");
  }));

Deno.test("on request a turn is taken back, and a dry run changes nothing", () =>
  withSnapshots(
    "keep",
    [...turn("1", "f=one\ntwo"), ...turn("2", "f=one\nthree g=new"), ...turn("3", "h=1")],
    async (app, sandbox) => {
      await ask(app, "a", "write");
      await kept(app, "a", 1);
      await ask(app, "a", "write", "change");
      const [, second] = await kept(app, "a", 2);
      const before = filesOf(sandbox);
      const dry = await restore(app, "a", { turn: second.turn, dry_run: true });
      assert.deepEqual([dry.status, dry.body.snapshot, dry.body.undone_total], [200, null, 2]);
      assert.deepEqual(filesOf(sandbox), before);

      // Regenerating alone takes nothing back here, and tells that it could be.
      await ask(app, "a", "write", "change");
      assert.deepEqual((await kept(app, "a", 3)).map(({ replaced }: { replaced: boolean }) => replaced), [
        false,
        true,
        false,
      ]);
      assert.deepEqual(filesOf(sandbox), { ...before, h: "1" });

      const real = await restore(app, "a", { turn: second.turn });
      assert.deepEqual(real.body.conflicts, []);
      assert.equal(filesOf(sandbox)["f"], "one\ntwo");
      assert.equal(filesOf(sandbox)["g"], undefined);
      const repeated = await restore(app, "a", { turn: second.turn });
      assert.deepEqual([repeated.status, repeated.body.error.code], [409, "snapshot_not_kept"]);
    },
  ));

Deno.test("the difference of a turn names what it added, changed and removed, with the lines of texts", () =>
  withSnapshots(
    "keep",
    [...turn("1", "keep=1 old=was text=a\nb"), ...turn("2", "-old text=a\nc new=\u0000bin")],
    async (app) => {
      await ask(app, "a", "write");
      await kept(app, "a", 1);
      await ask(app, "a", "write", "change");
      const [, second] = await kept(app, "a", 2);
      const { body } = await get(app, `a/snapshots/${second.turn}`);
      assert.equal(body.files_total, 3);
      assert.deepEqual(
        body.files.map(({ path, change, diff, no_diff }: Record<string, unknown>) => [path, change, diff, no_diff]),
        [
          ["new", "added", null, "binary"],
          ["old", "removed", "@@ -1 +0,0 @@\n-was\n", null],
          ["text", "changed", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", null],
        ],
      );
      assert.deepEqual((await get(app, `a/snapshots/${second.id}`)).body, body);
      assert.equal((await get(app, "a/snapshots/none")).body.error.code, "snapshot_not_found");
      assert.equal((await get(app, "b/snapshots")).body.error.code, "session_not_found");
    },
  ));

Deno.test("nothing is kept and nobody waits while snapshots are off", () =>
  withSnapshots("off", turn("1", "f=1"), async (app, sandbox) => {
    const tree = sandbox.executed.length;
    await ask(app, "a", "write");
    const { body } = await get(app, "a/snapshots");
    assert.deepEqual([body.mode, body.data], ["off", []]);
    assert.equal(sandbox.executed.length, tree + 1);
    const refused = await restore(app, "a", { turn: "turn-x" });
    assert.deepEqual([refused.status, refused.body.error.code], [400, "snapshots_off"]);
  }));

Deno.test("snapshots go with their session", () =>
  withSnapshots("keep", [...turn("1", "f=1"), ...turn("2", "g=1")], async (app) => {
    await ask(app, "a", "write");
    await kept(app, "a", 1);
    const gone = await app.send(
      new Request("http://caisson.test/v1/sessions/a", { method: "DELETE", headers: { "x-user-id": "ada" } }),
    );
    assert.equal(gone.status, 200);
    await ask(app, "a", "write");
    assert.deepEqual((await kept(app, "a", 1)).length, 1);
  }));

Deno.test("a restore names one thing, and what it names must be there", () =>
  withSnapshots("keep", turn("1", "f=1"), async (app) => {
    await ask(app, "a", "write");
    await kept(app, "a", 1);
    for (
      const body of [
        {},
        { turn: "t", snapshot: "s" },
        { turn: 5 },
        { turn: "t", dry_run: "yes" },
        { turn: "t", x: 1 },
        [],
      ]
    ) {
      assert.equal((await restore(app, "a", body)).status, 400, JSON.stringify(body));
    }
    assert.equal((await restore(app, "a", { turn: "../../x" })).body.error.code, "snapshot_not_found");
    assert.equal((await restore(app, "nobody", { turn: "t" })).body.error.code, "session_not_found");
  }));
