import assert from "node:assert/strict";
import { Effect, Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const settings = { apiKeys: Option.some(Redacted.make("ann:key-ann-000000000000,bob:key-bob-000000000000")) };
const as = (name: string) => ({ authorization: `Bearer key-${name}-000000000000`, "x-session-id": "s1" });

const steps = [
  Scripted.calls(
    Scripted.toolCall("c1", "execute_bash", { command: "false" }),
    Scripted.toolCall("c2", "write_file", { file_path: "a.txt", content: "x" }),
    Scripted.toolCall("c4", "execute_python", { code: "1 + 1" }),
  ),
  Scripted.calls(Scripted.toolCall("c3", "ask_user", {})),
];

Deno.test("GET executions tells every call of ours with its ending and duration, to its owner only", () =>
  withApp({ steps, settings, sandbox: fakeSandbox(() => Effect.succeed(outcome("out\n", 3))) }, async (app) => {
    await (await app.chat({
      model: "scripted",
      user: "u1",
      messages: [{ role: "user", content: "Go" }],
      tools: [{ type: "function", function: { name: "ask_user", parameters: { type: "object" } } }],
    }, as("ann"))).body?.cancel();
    const path = "/v1/sessions/s1/executions?user=u1";
    const response = await app.get(path, as("ann"));
    assert.equal(response.status, 200);
    const { data } = await response.json();
    // Calls that the client answers are not executions of ours.
    assert.equal(data.length, 3);
    const { turn, started_at_ms, duration_ms, ...first } = data[0];
    assert.ok(typeof turn === "string" && started_at_ms > 0 && duration_ms >= 0);
    assert.deepEqual(first, {
      id: "c1",
      object: "execution",
      tool: "execute_bash",
      command: "false",
      code: null,
      arguments: '{"command":"false"}',
      exit_code: 3,
      stdout: "out\n",
      stderr: "",
      flags: [],
      result: '{"exit_code":3,"stdout":"out\\n","stderr":""}',
      is_error: false,
    });
    assert.deepEqual(
      [data[1].tool, data[1].command, data[1].exit_code, data[1].result],
      ["write_file", null, null, "Successfully wrote 1 bytes to a.txt"],
    );
    assert.deepEqual(
      [data[2].tool, data[2].command, data[2].code, data[2].exit_code, data[2].stdout],
      ["execute_python", null, "1 + 1", null, ""],
    );
    for (const [who, other] of [["bob", path], ["ann", "/v1/sessions/s1/executions?user=u2"]] as const) {
      const refused = await app.get(other, as(who));
      assert.equal(refused.status, 404);
      await refused.body?.cancel();
    }
  }));

Deno.test("a call that waited for a person is an execution of the turn that approved it; a refused one is none", () => {
  const call = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command });
  const script = [
    Scripted.calls(
      call("c1", "ls"),
      call("c2", "rm one"),
      call("c3", "rm two"),
    ),
    Scripted.answers("Done."),
  ];
  const asking = {
    ...settings,
    toolsAsk: parseToolRules("Bash(rm *)") ?? assert.fail("rules"),
  };
  const sandbox = fakeSandbox(({ command }) => Effect.succeed(outcome(`did ${command}`)));
  return withApp({ steps: script, settings: asking, sandbox }, async (app) => {
    const say = async (content: string) =>
      await (await app.chat({
        model: "scripted",
        user: "u1",
        messages: [{ role: "user", content }],
      }, as("ann"))).text();
    const asked = async () => (await (await app.get("/v1/sessions?user=u1", as("ann"))).json()).data[0].approval;
    await say("Clean");
    assert.match(await asked(), /^appr_/);
    await say("yes 1");
    assert.equal(await asked(), null);
    const { data } = await (await app.get("/v1/sessions/s1/executions?user=u1", as("ann")))
      .json();
    const { turns } = await (await app.get("/v1/sessions/s1?user=u1", as("ann"))).json();
    const told = data.map((
      { id, turn, stdout }: { id: string; turn: string; stdout: string },
    ) => [id, turn, stdout]);
    assert.deepEqual(told, [["c1", turns[0].id, "did ls"], [
      "c2",
      turns[1].id,
      "did rm one",
    ]]);
  });
});
