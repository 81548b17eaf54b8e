/**
 * What the page needs of the server: its sandbox seen without starting one, files by their ids, titles by pages, and
 * a sign-in that only the page itself can use.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted } from "effect";
import type { Job } from "../../src/domain/Job.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { type App, withApp } from "../support/app.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { type FakeSandbox, fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const ada = { "x-user-id": "ada" };

const send = (app: App, method: string, path: string, headers: Readonly<Record<string, string>>, body?: unknown) =>
  app.send(
    new Request(`http://caisson.test${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );

Deno.test("GET /v1/sandbox and a list with start=false start nothing; stop and reset end what is there", async () => {
  const sandbox = fakeSandbox();
  await withApp({ sandbox }, async (app) => {
    const state = async () => (await (await app.get("/v1/sandbox", ada)).json()).state;
    assert.equal(await state(), "none");
    assert.deepEqual((await (await app.get("/v1/artifacts?start=false", ada)).json()).data, []);
    assert.equal(sandbox.opened.length, 0);
    assert.equal((await app.get("/v1/artifacts", ada)).status, 200);
    assert.equal(await state(), "idle");
    const stopped = await (await send(app, "POST", "/v1/sandbox/stop", ada)).json();
    assert.deepEqual(stopped, {
      object: "sandbox",
      state: "none",
      kind: "scripted",
      memory: null,
      disk: null,
      commands: [],
      jobs: [],
      previews: [],
      egress: [],
      egress_left_out: 0,
      egress_granted: [],
    });
    assert.equal((await send(app, "POST", "/v1/sandbox/reset", ada)).status, 200);
  });
});

Deno.test("a sandbox tells what it uses, what runs in it, and what its jobs print; one that has ended is a 404", async () => {
  const job = { id: "job-1", command: "python3 -m http.server", status: "running" as const, startedAtMs: 61_000 };
  const ended: Job = { ...job, status: "killed", endedAtMs: 62_000 };
  const printed = (offset: number) => ({ job, text: "serving\n".slice(offset), offset, nextOffset: 8, totalBytes: 8 });
  const sandbox = fakeSandbox(undefined, undefined, {
    commands: [{ kind: "python", command: "1 + 1", startedAtMs: 60_000 }],
    jobs: [job],
    use: { memoryBytes: 5, memoryBytesMax: 9, diskBytes: 7 },
    ofJobs: {
      start: () => Effect.die("not asked for"),
      list: Effect.succeed([job]),
      read: (_id, { offset = 0 }) => Effect.succeed(printed(offset)),
      kill: () => Effect.succeed(ended),
    },
  });
  await withApp({ sandbox }, async (app) => {
    const { memory, disk, commands, jobs } = await (await app.get("/v1/sandbox", ada)).json();
    assert.deepEqual(memory, { used_bytes: 5, max_bytes: 9 });
    assert.deepEqual(disk, { used_bytes: 7, max_bytes: null });
    assert.deepEqual(commands, [{ kind: "python", command: "1 + 1", started_at_ms: 60_000 }]);
    const out = {
      id: "job-1",
      command: job.command,
      status: "running",
      started_at: 61,
      ended_at: null,
      exit_code: null,
    };
    assert.deepEqual(jobs, [out]);
    const read = await (await app.get("/v1/sandbox/jobs/job-1?offset=4", ada)).json();
    assert.deepEqual(read, { job: out, text: "ing\n", offset: 4, next_offset: 8, total_bytes: 8 });
    const killed = await (await send(app, "POST", "/v1/sandbox/jobs/job-1/kill", ada)).json();
    assert.deepEqual(killed, { ...out, status: "killed", ended_at: 62 });
    const unknown = await app.get("/v1/sandbox/jobs/job-2", ada);
    assert.deepEqual([unknown.status, (await unknown.json()).error.code], [404, "job_not_found"]);
    assert.equal((await app.get("/v1/sandbox/jobs/job-1?offset=-1", ada)).status, 400);
  });
});

Deno.test("a stored turn tells what it made, with links that open it; one of a run without files tells none", async () => {
  const sandbox: FakeSandbox = fakeSandbox(() =>
    Effect.sync(() => {
      const [owner] = sandbox.opened;
      assert.ok(owner);
      sandbox.files.set(`${ownerKey(owner)}:/workspace/a.csv`, new TextEncoder().encode("a,b\n"));
      return outcome("done\n");
    })
  );
  const steps = [
    Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "make" })),
    Scripted.answers("made"),
    Scripted.answers("nothing"),
  ];
  await withApp({ sandbox, steps }, async (app) => {
    const headers = { ...ada, "x-session-id": "s" };
    for (const content of ["make it", "and now?"]) {
      const body = { model: Scripted.scriptedModel, messages: [{ role: "user", content }] };
      assert.equal((await send(app, "POST", "/v1/chat/completions", headers, body)).status, 200);
    }
    const { turns } = await (await app.get("/v1/sessions/s", ada)).json();
    const [[made], none] = [turns[0].files, turns[1].files];
    assert.deepEqual([made.path, made.bytes, made.is_image, none], ["/workspace/a.csv", 4, false, []]);
    const { pathname, search } = new URL(made.url);
    assert.equal(await (await app.get(pathname + search, {})).text(), "a,b\n");
  });
});

Deno.test("a file of the workspace is attached by its id, by its owner only, and stays with the turn", async () => {
  await withApp({ steps: [Scripted.answers("seen")] }, async (app) => {
    const uploaded = await app.send(
      new Request("http://caisson.test/v1/artifacts?path=uploads/sales.csv", {
        method: "POST",
        headers: ada,
        body: "a",
      }),
    );
    const { id, path } = await uploaded.json();
    const content = [{ type: "text", text: "look" }, { type: "file", file: { file_id: id } }];
    const refused = await app.chat({ messages: [{ role: "user", content }] }, { "x-user-id": "eve" });
    assert.equal(refused.status, 404);
    assert.equal((await refused.json()).error.param, "messages.0.content.1.file.file_id");
    const headers = { ...ada, "x-session-id": "s" };
    assert.equal((await app.chat({ messages: [{ role: "user", content }] }, headers)).status, 200);
    const { title, turns } = await (await app.get("/v1/sessions/s", ada)).json();
    assert.equal(title, "look");
    assert.deepEqual(turns[0].messages[0].attachments, [{ path }]);
    assert.ok(turns[0].finished_at_ms >= turns[0].started_at_ms);
  });
});

Deno.test("sessions are found by words of their title, in pages, and renamed", async () => {
  const steps = ["a", "b", "c"].map((answer) => Scripted.answers(answer));
  await withApp({ steps }, async (app) => {
    for (const id of ["one", "two", "three"]) {
      const body = { messages: [{ role: "user", content: `Sales of ${id}` }] };
      assert.equal((await app.chat(body, { ...ada, "x-session-id": id })).status, 200);
    }
    const list = async (query: string) => await (await app.get(`/v1/sessions?${query}`, ada)).json();
    const titles = (data: ReadonlyArray<{ title: string }>) => data.map(({ title }) => title).toSorted();
    const first = await list("limit=2");
    assert.deepEqual([first.data.length, first.has_more], [2, true]);
    const rest = await list(`limit=2&after=${first.data[1].id}`);
    assert.deepEqual([rest.data.length, rest.has_more], [1, false]);
    assert.deepEqual(titles([...first.data, ...rest.data]), ["Sales of one", "Sales of three", "Sales of two"]);
    assert.deepEqual(titles((await list("query=OF%20TW")).data), ["Sales of two"]);
    const renamed = await send(app, "POST", "/v1/sessions/two", ada, { title: "  Other " });
    assert.deepEqual((await renamed.json()).title, "Other");
    assert.equal((await send(app, "POST", "/v1/sessions/two", ada, { title: " " })).status, 400);
    assert.equal((await send(app, "POST", "/v1/sessions/two", { "x-user-id": "eve" }, { title: "x" })).status, 404);
  });
});

Deno.test("a sign-in's cookie counts for the page alone, and the key cannot be read from it", async () => {
  const key = "sk-page-0123456789abcdef0123456789abcdef";
  await withApp({ settings: { apiKeys: Option.some(Redacted.make(`ada:${key}`)) } }, async (app) => {
    assert.equal((await send(app, "POST", "/ui/session", {}, { key: "wrong" })).status, 401);
    assert.equal((await send(app, "POST", "/ui/session", { origin: "http://evil.test" }, { key })).status, 403);
    assert.equal((await send(app, "POST", "/ui/session", {}, { key: 1 })).status, 400);
    const signedIn = await send(app, "POST", "/ui/session", {}, { key });
    assert.equal(signedIn.status, 200);
    const set = signedIn.headers.get("set-cookie") ?? "";
    assert.match(set, /; Path=\/; HttpOnly; SameSite=Strict; Max-Age=28800$/);
    assert.ok(!set.includes(key) && !set.includes(btoa(key).slice(0, 20)));
    const cookie = set.slice(0, set.indexOf(";"));
    const ask = async (headers: Readonly<Record<string, string>>) =>
      (await app.get("/v1/sessions", { cookie, host: "caisson.test", ...headers })).status;
    assert.equal(await ask({ "sec-fetch-site": "same-origin" }), 200);
    assert.equal(await ask({ "x-user-id": "me" }), 200);
    assert.equal(await ask({}), 401, "a request that is not seen to be the page's");
    assert.equal(await ask({ "sec-fetch-site": "same-site", "x-user-id": "me" }), 401);
    assert.equal(await ask({ "x-user-id": "me", origin: "http://evil.test" }), 401);
    assert.equal(await ask({ "x-user-id": "me", cookie: `${cookie.slice(0, -4)}AAAA` }), 401);
    const out = await send(app, "DELETE", "/ui/session", { "sec-fetch-site": "same-origin" });
    assert.match(out.headers.get("set-cookie") ?? "", /Max-Age=0/);
  });
});

Deno.test("GET /v1/models?views=false lists each model once", async () => {
  await withApp({}, async (app) => {
    const { data } = await (await app.get("/v1/models?views=false")).json();
    assert.deepEqual(data.map(({ id }: { id: string }) => id), ["scripted"]);
    assert.ok((await (await app.get("/v1/models")).json()).data.length > 1);
  });
});

Deno.test("the frame that draws PDF files has no origin and no network, and only it may be loaded from elsewhere", async () => {
  await withApp({}, async (app) => {
    const policyOf = async (path: string) => (await app.get(path)).headers.get("content-security-policy") ?? "";
    for (const name of ["pdf.html", "pdf.js", "pdf.css"]) {
      assert.match(
        await policyOf(`/ui/${name}`),
        /^sandbox allow-scripts; default-src 'none'; (?!.*connect-src)/,
        name,
      );
    }
    assert.doesNotMatch(await policyOf("/"), /sandbox|script-src (?!'self';)/);
  });
});
