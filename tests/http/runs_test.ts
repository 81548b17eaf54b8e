/**
 * Runs by their ids: looked at, heard again from where a client was cut, ended; and only by whom they are.
 */
import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import { cellNotRun } from "../../src/domain/Cell.ts";
import { ModelError, Unavailable } from "../../src/services/Model.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const ada = { "x-user-id": "ada" };
const events = { ...ada, "x-session-id": "s", "x-caisson-view": "events" };
const bash = (id: string) => Scripted.calls(Scripted.toolCall(id, "execute_bash", { command: "sleep" }));
const body = { stream: true, metadata: { detached: "true" }, messages: [{ role: "user", content: "wait for it" }] };

interface Frame {
  readonly id: number;
  readonly data: { readonly caisson?: { readonly type: string; readonly run?: string }; readonly error?: unknown };
}

/** Reads frames until one is of the given type, or to the end. */
const readUntil = async (response: Response, type?: string): Promise<ReadonlyArray<Frame>> => {
  assert.equal(response.status, 200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  let text = "";
  const frames = (): ReadonlyArray<Frame> =>
    text.split("\n\n").slice(0, -1).filter((frame) => /(^|\n)data: \{/.test(frame)).map((frame) => ({
      id: Number(/^id: (\d+)$/m.exec(frame)?.[1]),
      data: JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? "null"),
    }));
  for (;;) {
    const { done, value } = await reader.read();
    text += value ?? "";
    const read = frames();
    if (done || (type !== undefined && read.some(({ data }) => data.caisson?.type === type))) {
      await reader.cancel();
      return read;
    }
  }
};

const runOf = (frames: ReadonlyArray<Frame>): string => {
  const run = frames.map(({ data }) => data.caisson).find((told) => told?.type === "run.started")?.run;
  assert.ok(run);
  return run;
};

const post = (app: App, path: string, headers: Readonly<Record<string, string>>) =>
  app.send(new Request(`http://caisson.test${path}`, { method: "POST", headers }));

/** A sandbox whose commands wait to be let go, and that tells which were killed. */
const waiting = () => {
  const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
  let killed = 0;
  const sandbox = fakeSandbox(() =>
    Effect.promise(() => go).pipe(
      Effect.as(outcome("waited\n")),
      Effect.onInterrupt(() => Effect.sync(() => void killed++)),
    )
  );
  return { sandbox, letGo, killed: () => killed };
};

Deno.test("a detached run outlives its client, and is heard whole by one that comes back", async () => {
  const { sandbox, letGo, killed } = waiting();
  await withApp({ steps: [bash("c"), Scripted.answers("It is there.")], sandbox }, async (app) => {
    const before = await readUntil(await app.chat(body, events), "tool.started");
    const run = runOf(before);
    const listed = await (await app.get("/v1/runs?session=s&status=in_progress", ada)).json();
    assert.deepEqual(listed.data.map(({ id, input }: { id: string; input: string }) => [id, input]), [[
      run,
      "wait for it",
    ]]);
    const rest = app.get(`/v1/runs/${run}/events`, { ...ada, "last-event-id": String(before.at(-1)?.id) });
    letGo();
    const after = await readUntil(await rest);
    const whole = await readUntil(await app.get(`/v1/runs/chatcmpl-${run}/events`, ada));
    assert.deepEqual([...before, ...after], whole);
    assert.deepEqual(whole.map(({ id }) => id), whole.map((_, index) => index + 1));
    assert.equal(killed(), 0);
    const shown = await (await app.get(`/v1/runs/${run}`, ada)).json();
    assert.equal(shown.status, "completed");
    const session = await (await app.get("/v1/sessions/s", ada)).json();
    assert.deepEqual(session.turns.map(({ id }: { id: string }) => id), [shown.turn]);
  });
});

Deno.test("cancelling a run kills its command, keeps what was completed, and tells whoever listens", async () => {
  const { sandbox, killed } = waiting();
  await withApp({ steps: [bash("c")], sandbox }, async (app) => {
    const run = runOf(await readUntil(await app.chat(body, events), "tool.started"));
    const listening = app.get(`/v1/runs/${run}/events`, ada);
    const cancelled = await (await post(app, `/v1/runs/${run}/cancel`, ada)).json();
    assert.equal(cancelled.status, "cancelled");
    assert.equal(killed(), 1);
    const heard = await readUntil(await listening);
    assert.ok(heard.some(({ data }) => data.error !== undefined));
    const again = await (await post(app, `/v1/runs/${run}/cancel`, ada)).json();
    assert.equal(again.status, "cancelled");
    const session = await (await app.get("/v1/sessions/s", ada)).json();
    assert.deepEqual(session.turns.map(({ status }: { status: string }) => status), ["cancelled"]);
  });
});

Deno.test("a run is there for its own user only", async () => {
  const { sandbox, letGo } = waiting();
  await withApp({ steps: [bash("c"), Scripted.answers("done")], sandbox }, async (app) => {
    const run = runOf(await readUntil(await app.chat(body, events), "tool.started"));
    const eve = { "x-user-id": "eve" };
    const answers = [
      await app.get(`/v1/runs/${run}`, eve),
      await app.get(`/v1/runs/${run}/events`, eve),
      await post(app, `/v1/runs/${run}/cancel`, eve),
      await app.get(`/v1/runs/none`, ada),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 404);
      assert.equal((await answer.json()).error.code, "run_not_found");
    }
    assert.deepEqual((await (await app.get("/v1/runs", eve)).json()).data, []);
    letGo();
    await readUntil(await app.get(`/v1/runs/${run}/events`, ada));
  });
});

Deno.test("metadata.parent_turn says what a message follows; a turn that is not there is refused", async () => {
  await withApp(
    { steps: [Scripted.answers("one"), Scripted.answers("two"), Scripted.answers("three")] },
    async (app) => {
      const ask = async (content: string, parent: string) =>
        await readUntil(
          await app.chat(
            { stream: true, metadata: { parent_turn: parent }, messages: [{ role: "user", content }] },
            events,
          ),
        );
      await ask("first", "root");
      await ask("again", "root");
      const { turns } = await (await app.get("/v1/sessions/s", ada)).json();
      await ask("then", turns[0].id);
      const session = await (await app.get("/v1/sessions/s", ada)).json();
      assert.deepEqual(session.turns.map(({ parent }: { parent: string | null }) => parent), [null, null, turns[0].id]);
      const refused = await app.chat(
        { metadata: { parent_turn: "turn-none" }, messages: [{ role: "user", content: "x" }] },
        { ...ada, "x-session-id": "s" },
      );
      assert.equal(refused.status, 404);
      const { error } = await refused.json();
      assert.deepEqual([error.code, error.param], ["turn_not_found", "metadata.parent_turn"]);
    },
  );
});

Deno.test("GET /v1/me says for whom the caller speaks", async () => {
  await withApp({}, async (app) => {
    const me = await (await app.get("/v1/me", ada)).json();
    assert.deepEqual([me.principal, me.kind, me.user, me.default_model], [
      "anonymous",
      "anonymous",
      "ada",
      "scripted",
    ]);
  });
});

// What happened in a run -------------------------------------------------------------------------

const usage = { inputTokens: 100, outputTokens: 10 };
const script: ReadonlyArray<Scripted.Step> = [
  [
    Scripted.toolCall("c1", "execute_bash", { command: "make report" }),
    Scripted.toolCall("c2", "read_file", { file_path: "none" }),
    Scripted.finished("ToolCalls", usage),
  ],
  [Scripted.text("The report is ready."), Scripted.finished("Stop", usage)],
];
const asking = { messages: [{ role: "user", content: "make the report" }] };
const inSession = { ...ada, "x-session-id": "s" };

Deno.test("a run that has ended tells what happened in it, by its id, its completion's or its request's", () => {
  const sandbox = fakeSandbox(() => Effect.succeed({ ...outcome("made\n", 3), timedOut: true }));
  return withApp({ steps: script, sandbox }, async (app) => {
    const answer = await (await app.chat(asking, { ...inSession, "x-request-id": "req-7" })).json();
    const shown = await (await app.get(`/v1/runs/${answer.id}`, ada)).json();
    assert.equal(`chatcmpl-${shown.id}`, answer.id);
    assert.deepEqual(await (await app.get("/v1/runs/req-7", ada)).json(), shown);
    assert.deepEqual(await (await app.get(`/v1/runs/${shown.id}`, ada)).json(), shown);
    assert.deepEqual(
      [shown.status, shown.session, shown.finish_reason, shown.error, shown.turns, shown.request_id],
      ["completed", "s", "Stop", null, 2, "req-7"],
    );
    assert.deepEqual([shown.usage.prompt_tokens, shown.usage.completion_tokens], [200, 20]);
    assert.deepEqual(
      shown.timeline.map((step: Record<string, unknown>) => [
        step["type"],
        step["tool"] ?? step["turn"],
        step["exit_code"] ?? null,
        step["flags"] ?? [],
        step["is_error"] ?? null,
      ]),
      [
        ["model_turn", 1, null, [], null],
        ["tool_call", "execute_bash", 3, ["timed_out"], false],
        ["tool_call", "read_file", null, [], true],
        ["model_turn", 2, null, [], null],
      ],
    );
    for (const step of shown.timeline) {
      assert.ok(step.duration_ms >= 0 && step.started_ms >= 0);
      if (step.type === "model_turn") assert.ok(step.first_chunk_ms <= step.duration_ms);
    }
    for (const word of ["report", "made", "ready", "none"]) assert.ok(!JSON.stringify(shown).includes(word), word);
    const whole = await (await app.get("/v1/runs/req-7?include=content", ada)).json();
    assert.equal(whole.output, "The report is ready.");
    assert.equal(whole.input, "make the report");
    assert.match(whole.timeline[1].arguments, /make report/);
    assert.match(whole.timeline[1].result, /made/);
    const { data } = await (await app.get("/v1/runs?session=s", ada)).json();
    assert.deepEqual(data.map(({ id }: { id: string }) => id), [shown.id]);
  });
});

Deno.test("a run tells what its calls asked of the network, added up over commands and cells", async () => {
  const record = {
    host: "a.example",
    port: 443,
    verdict: "allowed" as const,
    connections: 2,
    upBytes: 3,
    downBytes: 5,
  };
  const refused = { ...record, host: "b.example", verdict: "refused" as const, why: "it is not on the allowlist" };
  const sandbox = fakeSandbox(
    () => Effect.succeed({ ...outcome(""), egress: { records: [record, refused], connectionsLeftOut: 1 } }),
    () => Effect.succeed({ ...cellNotRun("no"), egress: { records: [record], connectionsLeftOut: 0 } }),
  );
  const python = Scripted.calls(Scripted.toolCall("p", "execute_python", { code: "1" }));
  await withApp({ steps: [bash("a"), python, Scripted.answers("done")], sandbox }, async (app) => {
    const { id } = await (await app.chat(asking, ada)).json();
    const shown = await (await app.get(`/v1/runs/${id}`, ada)).json();
    assert.deepEqual(shown.egress, [
      {
        host: "a.example",
        port: 443,
        verdict: "allowed",
        reason: null,
        connections: 4,
        up_bytes: 6,
        down_bytes: 10,
      },
      {
        host: "b.example",
        port: 443,
        verdict: "refused",
        reason: "it is not on the allowlist",
        connections: 2,
        up_bytes: 3,
        down_bytes: 5,
      },
    ]);
    assert.equal(shown.egress_left_out, 1);
  });
});

Deno.test("a run that its client cut is found by its request, with the command that was killed", async () => {
  const { sandbox, killed } = waiting();
  await withApp({ steps: [bash("c")], sandbox }, async (app) => {
    const leaving = new AbortController();
    const streamed = { ...asking, stream: true };
    const response = await app.chat(streamed, { ...events, "x-request-id": "req-cut" }, leaving.signal);
    await readUntil(response, "tool.started");
    leaving.abort();
    let shown = await (await app.get("/v1/runs/req-cut", ada)).json();
    while (shown.status === "in_progress") {
      await new Promise((resolve) => setImmediate(resolve));
      shown = await (await app.get("/v1/runs/req-cut", ada)).json();
    }
    assert.equal(killed(), 1);
    assert.deepEqual([shown.status, shown.error], ["cancelled", "ClientGone"]);
    assert.deepEqual(shown.timeline.map(({ type }: { type: string }) => type), ["model_turn", "tool_call"]);
    assert.equal(shown.timeline[1].duration_ms, null);
    assert.equal(shown.usage.prompt_tokens, 10);
    assert.equal(shown.finish_reason, null);
  });
});

Deno.test("a run that failed says with what, and what it used until then", () =>
  withApp({
    steps: [
      Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "true" })),
      () =>
        Stream.fail(
          new ModelError({ provider: "p", model: "m", reason: new Unavailable({}), detail: "the prompt was: report" }),
        ),
    ],
  }, async (app) => {
    assert.equal((await app.chat(asking, { ...inSession, "x-request-id": "req-f" })).status, 503);
    const shown = await (await app.get("/v1/runs/req-f", ada)).json();
    assert.deepEqual([shown.status, shown.error, shown.usage.prompt_tokens], ["failed", "Unavailable", 10]);
    assert.ok(!JSON.stringify(shown).includes("report"));
  }));

Deno.test("what happened in a run is told to its owner only, and goes with its session", () =>
  withApp({ steps: script }, async (app) => {
    await (await app.chat(asking, { ...inSession, "x-request-id": "req-9" })).text();
    assert.equal((await app.get("/v1/runs/req-9", { "x-user-id": "eve" })).status, 404);
    assert.equal((await app.get("/v1/runs/req-9", ada)).status, 200);
    await app.send(new Request("http://caisson.test/v1/sessions/s", { method: "DELETE", headers: ada }));
    assert.equal((await app.get("/v1/runs/req-9", ada)).status, 404);
    assert.deepEqual((await (await app.get("/v1/runs", ada)).json()).data, []);
  }));

Deno.test("a run that names nobody is not remembered: nobody could ask for it", () =>
  withApp({ steps: script }, async (app) => {
    const { id } = await (await app.chat(asking)).json();
    assert.equal((await app.get(`/v1/runs/${id}`)).status, 404);
  }));
