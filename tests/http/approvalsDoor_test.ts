/** `/v1/approvals`: what waits for a person is listed, decided about once, and goes on as a run that can be heard. */
import assert from "node:assert/strict";
import { Effect } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../src/config.ts";
import { textOf } from "../../src/domain/Message.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const toolsAsk = parseToolRules("Bash(git push *), Bash(rm *)") ?? assert.fail();
const asking: Partial<SettingsService> = { toolsAsk };

const bash = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command });

/** An application whose model makes calls once and then answers, and what its model was shown and its sandbox ran. */
const made = (...calls: ReadonlyArray<ReturnType<typeof bash>>) => {
  const seen: Array<ModelRequest> = [];
  const answer: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text(`answer ${seen.length}`), Scripted.finished()];
  };
  const sandbox = fakeSandbox(({ command }) => Effect.succeed(outcome(`did ${command}`)));
  return { seen, sandbox, steps: [Scripted.calls(...calls), ...Array.from({ length: 30 }, () => answer)] };
};

const read = async (app: App, method: "GET" | "POST", path: string, body?: unknown) => {
  const response = await app.send(
    new Request(`http://127.0.0.1:8000/v1${path}`, {
      method,
      headers: { host: "127.0.0.1:8000", "content-type": "application/json" },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );
  return { status: response.status, body: await response.json() };
};

/** Has the model ask, and tells what waits then. */
const ask = async (app: App, session = "trip") => {
  const response = await app.chat(
    { model: "scripted", user: "u", messages: [{ role: "user", content: "Publish it." }] },
    { "x-session-id": session },
  );
  assert.equal(response.status, 200, await response.text());
  const { body } = await read(app, "GET", "/approvals?user=u");
  return body.data[0] ?? assert.fail("nothing waits");
};

const decide = (app: App, id: string, body: unknown, user = "u") =>
  read(app, "POST", `/approvals/${id}?user=${user}`, body);

/** Hears a run to its end. */
const hear = async (app: App, run: string, user = "u"): Promise<string> => {
  const response = await app.send(
    new Request(`http://127.0.0.1:8000/v1/runs/${run}/events?user=${user}`, { headers: { host: "127.0.0.1:8000" } }),
  );
  return await response.text();
};

Deno.test("what waits is listed for its owner alone, and an approval goes on as a run that can be heard", () => {
  const { seen, sandbox, steps } = made(bash("c1", "git push origin main"));
  return withApp({ steps, sandbox, settings: asking }, async (app) => {
    assert.deepEqual((await read(app, "GET", "/approvals?user=u")).body, { object: "list", data: [], has_more: false });
    const waiting = await ask(app);
    assert.deepEqual(
      [waiting.object, waiting.session, waiting.model, waiting.calls],
      ["approval", "trip", "scripted", [{
        id: "c1",
        name: "execute_bash",
        arguments: '{"command":"git push origin main"}',
        rule: "Bash(git push *)",
      }]],
    );
    assert.deepEqual((await read(app, "GET", "/approvals?user=other")).body.data, []);
    assert.equal((await decide(app, waiting.id, { decision: "approve" }, "other")).status, 404);
    assert.deepEqual(sandbox.executed, []);

    const { status, body } = await decide(app, waiting.id, { decision: "approve" });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.object, body.session, body.turn, body.decision], [
      "approval.decision",
      "trip",
      waiting.turn,
      "approve",
    ]);
    const heard = await hear(app, body.run);
    assert.match(heard, /answer 1/);
    assert.deepEqual(sandbox.executed, ["git push origin main"]);
    assert.match(textOf(seen[0]?.messages.at(-1) ?? assert.fail()), /did git push/);
    assert.deepEqual((await read(app, "GET", "/approvals?user=u")).body.data, []);

    const late = await decide(app, waiting.id, { decision: "approve" });
    assert.deepEqual([late.status, late.body.error.code], [409, "approval_decided"]);
    assert.equal(sandbox.executed.length, 1);
  });
});

Deno.test("of many who decide the same at once, all are told one run, and the call is carried out once", () => {
  const { sandbox, steps } = made(bash("c1", "git push origin main"));
  return withApp({ steps, sandbox, settings: asking }, async (app) => {
    const { id } = await ask(app);
    const answers = await Promise.all(Array.from({ length: 20 }, () => decide(app, id, { decision: "approve" })));
    const runs = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.run));
    assert.equal(runs.size, 1, JSON.stringify(answers));
    // Who comes when the run is through is told so.
    for (const { status } of answers) assert.ok(status === 200 || status === 409, String(status));
    for (const run of runs) await hear(app, run);
    assert.deepEqual(sandbox.executed, ["git push origin main"]);
  });
});

Deno.test("a denial carries nothing out, whatever its note says", async () => {
  for (const note of [undefined, "yes", "always", "y", "Use the branch dev instead.", "\n\nyes"]) {
    const { seen, sandbox, steps } = made(bash("c1", "git push origin main"));
    await withApp({ steps, sandbox, settings: asking }, async (app) => {
      const { id } = await ask(app);
      const { status, body } = await decide(app, id, { decision: "deny", ...(note !== undefined && { note }) });
      assert.equal(status, 200, JSON.stringify(body));
      await hear(app, body.run);
      assert.deepEqual(sandbox.executed, []);
      const shown = (seen[0]?.messages ?? []).map(textOf).join("\n");
      assert.match(shown, /Not run/);
      if (note !== undefined) assert.ok(shown.includes(note), shown);
    });
  }
});

Deno.test("some of several calls are approved by their ids, and always means no more asking", () => {
  const { sandbox, steps } = made(bash("c1", "rm a"), bash("c2", "git push"), bash("c3", "rm b"));
  return withApp({ steps, sandbox, settings: asking }, async (app) => {
    const { id, calls } = await ask(app);
    assert.deepEqual(calls.map((call: { id: string }) => call.id), ["c1", "c2", "c3"]);
    const { body } = await decide(app, id, { decision: "approve", calls: ["c3", "c1"] });
    await hear(app, body.run);
    assert.deepEqual(sandbox.executed, ["rm a", "rm b"]);
  });
});

Deno.test("too late to approve is said by name, and a denial still comes in time", () => {
  const { sandbox, steps } = made(bash("c1", "git push"));
  return withApp({ steps, sandbox, settings: { ...asking, approvalSeconds: -1 } }, async (app) => {
    const { id } = await ask(app);
    const late = await decide(app, id, { decision: "always" });
    assert.deepEqual([late.status, late.body.error.code], [409, "approval_expired"]);
    const { status, body } = await decide(app, id, { decision: "deny" });
    assert.equal(status, 200);
    await hear(app, body.run);
    assert.deepEqual(sandbox.executed, []);
  });
});

const refused: ReadonlyArray<readonly [what: string, body: unknown, param: string]> = [
  ["nothing", {}, "decision"],
  ["another word", { decision: "maybe" }, "decision"],
  ["no JSON", "{", "decision"],
  ["another field", { decision: "approve", user: "u" }, "user"],
  ["a note beside an approval", { decision: "approve", note: "but carefully" }, "note"],
  ["calls beside a denial", { decision: "deny", calls: ["c1"] }, "calls"],
  ["calls that do not wait", { decision: "approve", calls: ["c1", "c9"] }, "calls"],
  ["no call at all", { decision: "approve", calls: [] }, "calls"],
  ["a note that is too long", { decision: "deny", note: "x".repeat(20_000) }, "note"],
];
Deno.test("what is no decision is refused by name, and decides nothing", () => {
  const { sandbox, steps } = made(bash("c1", "git push"));
  return withApp({ steps, sandbox, settings: asking }, async (app) => {
    const { id } = await ask(app);
    for (const [what, sent, param] of refused) {
      const { status, body } = await decide(app, id, sent);
      assert.deepEqual([status, body.error.param], [400, param], `${what}: ${JSON.stringify(body)}`);
    }
    for (const unknown of ["appr_none", "turn-1", "%00", "a".repeat(500)]) {
      const { status, body } = await decide(app, unknown, { decision: "approve" });
      assert.deepEqual([status, body.error.code], [404, "approval_not_found"]);
    }
    assert.deepEqual(sandbox.executed, []);
    assert.equal((await read(app, "GET", "/approvals?user=u")).body.data.length, 1);
  });
});
