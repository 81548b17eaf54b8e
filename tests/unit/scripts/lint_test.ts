import assert from "node:assert/strict";
import plugin, { functionLinesMax, refusedImport } from "../../../scripts/lint.ts";

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
  ["src/adapters/model/Gemini.ts", "../sandbox/docker/Engine.ts", false],
  ["src/adapters/limits/Configured.ts", "../redis/RedisConnection.ts", true],
  ["src/adapters/brandNew/x.ts", "../redis/RedisConnection.ts", false],
  ["src/adapters/sandbox/docker/Docker.ts", "../owned/PerOwner.ts", true],
  ["src/adapters/sandbox/docker/Docker.ts", "../wasm/Wasm.ts", false],
  ["src/adapters/sandbox/bubblewrap/Bubblewrap.ts", "../docker/container.ts", false],
  ["src/adapters/sandbox/wasm/guest/main.ts", "../wire.ts", true],
  ["src/adapters/sandbox/wasm/guest/main.ts", "../../local/workspaces.ts", true],
  ["src/adapters/sandbox/owned/PerOwner.ts", "../docker/Engine.ts", false],
  ["src/adapters/sandbox/Embedded.ts", "./wasm/Wasm.ts", true],
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

Deno.test("comment-width reports each line of a comment that is too wide, and no code", () => {
  const wide = "x".repeat(130);
  const source = `/** ${wide} */\nexport const a = "${wide}";\n/**\n * ${wide}\n * ok\n */\nconst b = 1; // ${wide}\n`;
  assert.deepEqual(lint("src/agent/x.ts", source), Array.from({ length: 3 }, () => "caisson/comment-width"));
  assert.deepEqual(lint("scripts/x.ts", source), []);
});

Deno.test("short-functions reports a function of more lines than fit a screen, in the library only", () => {
  const body = (lines: number) => `export const f = () => {\n${"  g();\n".repeat(lines - 2)}};\n`;
  assert.deepEqual(lint("src/agent/x.ts", body(functionLinesMax)), []);
  assert.deepEqual(lint("src/agent/x.ts", body(functionLinesMax + 1)), ["caisson/short-functions"]);
  assert.deepEqual(lint("tests/x.ts", body(functionLinesMax + 1)), []);
});

const slow: ReadonlyArray<RegExp> = [
  /\s+$/,
  /\w+@/,
  /^.*models\//,
  /^[ \t]*x/gm,
  /^(a+)+$/,
  /^(a|a)*$/,
  /^(?:a?)*b/,
  /^(\w+\s?)*$/,
  /(?=\s*x)/,
  /<x>[\s\S]*?<\/x>/,
  /<details\b[^>]*\btype="x"[^>]*>/,
  /^\[[^\]]*\]\(\S*\/v1/,
  /^(`{3,})\S* caisson:(?:call|result)\s*$/,
  /x{0,20000}y/,
];
for (const pattern of slow) {
  Deno.test(`linear-patterns refuses ${pattern}`, () => {
    assert.deepEqual(lint("src/http/x.ts", `export const pattern = ${pattern};`), ["caisson/linear-patterns"]);
    assert.deepEqual(lint("tests/x.ts", `export const pattern = ${pattern};`), []);
  });
}

const linear: ReadonlyArray<RegExp> = [
  /\s+/g,
  /[^\w]+/g,
  /"[^"]*"/,
  /^\s*\w+\s*$/,
  /^[\w-]+\.[\w-]+\.[\w-]+$/,
  /^[a-z0-9]+(-[a-z0-9]+)*$/,
  /(?:\s|#[^\n]*\n|\\\n)*/y,
  /a{1,64}b/,
  /^Bearer +(\S+)$/i,
];
for (const pattern of linear) {
  Deno.test(`linear-patterns accepts ${pattern}`, () => {
    assert.deepEqual(lint("src/http/x.ts", `export const pattern = ${pattern};`), []);
  });
}

Deno.test("linear-patterns refuses a pattern that is put together at run time", () => {
  assert.deepEqual(lint("src/http/x.ts", "export const pattern = (text) => new RegExp(text);"), [
    "caisson/linear-patterns",
  ]);
});

Deno.test("whole-characters refuses text that is cut and shown, and nothing else that is cut", () => {
  const shown = [
    "`${text.slice(0, 9)}…`",
    "`'${text.slice(0, 9)}'`",
    'text.slice(0, 9) + "…"',
    "`${a.trim().slice(0, 9)} ...`",
  ];
  for (const source of shown) {
    assert.deepEqual(lint("src/http/x.ts", `export const x = ${source};`), ["caisson/whole-characters"], source);
  }
  for (const source of ["hash.slice(0, 9)", "`${cutText(text, 9)}`", "`${all.slice(1)}…`"]) {
    assert.deepEqual(lint("src/http/x.ts", `export const x = ${source};`), [], source);
  }
});
