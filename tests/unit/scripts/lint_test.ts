import assert from "node:assert/strict";
import plugin, { refusedImport } from "../../../scripts/lint.ts";

const cases: ReadonlyArray<readonly [from: string, specifier: string, allowed: boolean]> = [
  ["src/domain/Message.ts", "./Usage.ts", true],
  ["src/domain/Message.ts", "../services/Model.ts", false],
  ["src/services/Model.ts", "../domain/Message.ts", true],
  ["src/agent/Agent.ts", "../adapters/model/Scripted.ts", false],
  ["src/agent/Agent.ts", "../services/Model.ts", true],
  ["src/adapters/sandbox/docker/Docker.ts", "../../../services/Sandbox.ts", true],
  ["src/adapters/sandbox/docker/Docker.ts", "../../../agent/Agent.ts", false],
  ["src/http/router.ts", "../adapters/model/Scripted.ts", false],
  ["src/http/router.ts", "../mcp/http.ts", false],
  ["src/mcp/http.ts", "../domain/agentTools.ts", true],
  ["src/mcp/http.ts", "../agent/Agent.ts", false],
  ["src/runs/RunLog.ts", "../http/frame/errors.ts", false],
  ["src/app.ts", "./adapters/model/Router.ts", true],
  ["src/app.ts", "../server.ts", false],
  ["src/agent/Agent.ts", "dockerode", false],
  ["src/adapters/model/Gemini.ts", "@google/genai/web", true],
  ["tests/unit/x_test.ts", "../../src/adapters/model/Scripted.ts", true],
];

for (const [from, specifier, allowed] of cases) {
  Deno.test(`import-direction ${allowed ? "accepts" : "refuses"} ${specifier} in ${from}`, () => {
    assert.equal(refusedImport(`/anywhere/${from}`, specifier) === undefined, allowed);
  });
}

const lint = (file: string, source: string) =>
  Deno.lint.runPlugin(plugin, file, source).map((diagnostic) => diagnostic.id);

Deno.test("import-direction reports a dynamic import against the direction", () => {
  assert.deepEqual(lint("src/http/x.ts", 'await import("../adapters/model/Scripted.ts");'), [
    "caisson/import-direction",
  ]);
});

Deno.test("effects-only reports the environment, the clock, the console and any in the library only", () => {
  const source = "const x: any = [Deno.env, Date.now, console.log, Effect.runPromise, y!];";
  assert.equal(lint("src/agent/x.ts", source).length, 6);
  assert.equal(lint("scripts/x.ts", source).length, 0);
});
