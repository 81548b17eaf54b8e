/**
 * Each task of `deno.json`, started as it is written and as its users start it: with a `.env`, a data path with a
 * space, a read-only checkout that is not where they stand, and no rights of root.
 */
import assert from "node:assert/strict";
import { Effect, Schema } from "effect";
import { it } from "../support/it.ts";
import { finish, text, turn } from "../support/openaiWire.ts";
import { connected } from "../support/responsesSocket.ts";
import { serveWire } from "../support/wireServer.ts";
import { type RunningTask, userCheckout } from "./support/userCheckout.ts";

const read = (path: string): string => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));

// Register ---------------------------------------------------------------------------------------

/** Tasks of developers, which `.ci/run` runs as they are written. */
const runByCi = ["image", "test", "check", "test:doc", "coverage", "test:compat", "test:mcp-conformance"];
/** Tasks that are made of others. */
const composed = ["ok"];
/** Tasks of users, each with a test below. */
const tried = ["serve", "mcp", "example", "image", "doctor", "erase", "keys", "skills", "grants", "caisson"];
/** Tasks that write into the checkout; the gate compares what they write with what is there. */
const writers = ["ledger:sdk", "docs", "locks", "package", "web"];

const { tasks } = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ tasks: Schema.Record(Schema.String, Schema.String) })),
)(read("deno.json"));

/** Tasks that measure for minutes and end with an exit code of their own; people start them one by one. */
const benches = Object.keys(tasks).filter((task) => /^bench(:|$)/.test(task));

Deno.test("every task of deno.json is run somewhere as it is written", () => {
  const known = new Set([...runByCi, ...composed, ...benches, ...tried, ...writers]);
  assert.deepEqual(Object.keys(tasks).filter((task) => !known.has(task)), [], "add it to this suite");
  assert.deepEqual([...known].filter((task) => !Object.hasOwn(tasks, task)), []);
  const ci = read(".ci/run");
  assert.deepEqual(runByCi.filter((task) => !new RegExp(`deno task ${task}(?![\\w:])`).test(ci)), []);
  for (const task of composed) {
    const parts = (tasks[task] ?? "").split(" && ");
    assert.ok(parts.every((part) => /^deno (task (test|check|test:doc)|fmt --check|lint)$/.test(part)), task);
  }
  assert.deepEqual(benches.filter((task) => !/^deno run .*bench\/(\w+\/)?\w+\.ts$/.test(tasks[task] ?? "")), []);
});

// Steps ------------------------------------------------------------------------------------------

const address = (task: RunningTask, door: string) =>
  Effect.map(task.said(new RegExp(`${door} listens on (http://[^"\\s]+)`)), ([url = ""]) => url);

const ask = (base: string, key?: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ messages: [{ role: "user", content: "Hello" }] }),
    });
    return { status: response.status, body: await response.text() };
  });

/** Asks until the answer has a status; the server takes notice of a new key within a second. */
const askUntil = (base: string, status: number): Effect.Effect<void> =>
  Effect.flatMap(ask(base), (answer) => answer.status === status ? Effect.void : askUntil(base, status));

const listed = (ids: ReadonlyArray<string>) => ({
  headers: { "content-type": "application/json" },
  body: [JSON.stringify({ object: "list", data: ids.map((id) => ({ id })) })],
});

/** Free ports and a short goodbye. */
const usual = { AGENT_API_PORT: "0", CAISSON_MCP_PORT: "0", CAISSON_SHUTDOWN_GRACE_SECONDS: "1" };

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tasks", version: "1" } },
};

// Tests ------------------------------------------------------------------------------------------

it.live("serve takes the provider of .env as its default, keys count at once, and SIGTERM ends it with 0", () =>
  Effect.gen(function* () {
    const provider = yield* serveWire(({ path }) =>
      path.endsWith("/models") ? listed(["nomic-embed-text", "qwen3:8b"]) : turn(text("Hello from qwen"), finish())
    );
    const user = yield* userCheckout({
      ...usual,
      OPENAI_BASE_URL: `${provider.url}/v1`,
      OPENAI_API_KEY: "sk-upstream",
      CAISSON_API_KEY: "a-typing-error",
    });
    const server = yield* user.start("serve");
    const base = yield* address(server, "agent API");
    yield* server.said(/CAISSON_API_KEY is no setting and is not read: did you mean CAISSON_API_KEYS\?/);
    yield* server.said(/models: .*; the default is qwen3:8b/);
    yield* server.said(/sandbox: embedded/);
    yield* server.said(/next: open http/);

    const answer = yield* ask(base);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /Hello from qwen/);

    const created = yield* user.run("keys", ["create", "me"]);
    assert.equal(created.code, 0, created.stderr);
    yield* askUntil(base, 401);
    assert.equal((yield* ask(base, created.stdout.trim())).status, 200);
    assert.match((yield* user.run("keys", ["list"])).stdout, / me$/m);
    assert.ok(Deno.statSync(`${user.dataPath}/keys.json`).isFile);

    yield* server.signal("SIGTERM");
    assert.equal(yield* server.ended, 0, server.output());
  }));

it.live("serve speaks Responses over a WebSocket with the permissions that it has, and code runs in it", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout(usual);
    const server = yield* user.start("serve");
    const base = yield* address(server, "agent API");
    const socket = yield* connected(base, { "x-user-id": "ada" });
    const frames = yield* Effect.promise(() =>
      socket.turn({
        type: "response.create",
        input: "Run python: print(6 * 7)",
        tools: [{ type: "code_interpreter", container: { type: "auto" } }],
        include: ["code_interpreter_call.outputs"],
      })
    );
    const done = JSON.stringify(frames.at(-1));
    assert.match(done, /"type":"response.completed"/);
    assert.match(done, /"type":"logs","logs":"42"/);
    yield* server.signal("SIGTERM");
    assert.equal(yield* server.ended, 0, server.output());
  }));

it.live("serve ends with 0 on Ctrl-C, and erase works beside it", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout(usual);
    const server = yield* user.start("serve");
    const base = yield* address(server, "agent API");
    yield* server.said(/no model is configured/);
    assert.equal((yield* ask(base)).status, 200);
    const erased = yield* user.run("erase", ["anonymous", "bob"]);
    assert.equal(erased.code, 0, erased.stderr);
    assert.match(erased.stdout, /^erased 0 sessions and the workspace of anonymous "bob"/m);
    const unclear = yield* user.run("erase");
    assert.equal(unclear.code, 2);
    assert.match(unclear.stderr, /Missing required argument: principal[^]*usage: deno task caisson erase/);
    yield* server.controlC;
    assert.equal(yield* server.ended, 0, server.output());
  }));

it.live("caisson serve takes settings as flags, and --mcp opens both doors over the same sandboxes", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout({ ...usual, AGENT_API_PORT: "http" });
    const refused = yield* user.run("serve", ["--port", "0"]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /unexpected "--port".*deno task caisson serve and mcp take them as flags/);
    const server = yield* user.start("caisson", [
      "serve",
      "--port",
      "0",
      "--mcp",
      "--data-path",
      `${user.elsewhere}/d`,
    ]);
    const api = yield* address(server, "agent API");
    const mcp = yield* address(server, "MCP server");
    assert.equal((yield* ask(api)).status, 200);
    assert.equal((yield* Effect.promise(() => fetch(`${mcp}/health`))).status, 200);
    assert.ok(Deno.statSync(`${user.elsewhere}/d`).isDirectory);
    assert.equal(server.output().match(/sandbox: embedded/g)?.length, 1);
    assert.equal(server.output().match(/istens? on|istening on/g)?.length, 2);
    yield* server.signal("SIGTERM");
    assert.equal(yield* server.ended, 0, server.output());
  }));

it.live("mcp answers over HTTP and over standard streams", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout(usual);
    const server = yield* user.start("mcp");
    const base = yield* address(server, "MCP server");
    const response = yield* Effect.promise(() =>
      fetch(`${base}/mcp`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify(initialize),
      })
    );
    assert.equal(response.status, 200);
    assert.match(yield* Effect.promise(() => response.text()), /"serverInfo"/);
    yield* server.signal("SIGTERM");
    assert.equal(yield* server.ended, 0, server.output());

    const streams = yield* user.run("mcp", ["--stdio"], `${JSON.stringify(initialize)}\n`);
    assert.equal(streams.code, 0, streams.stderr);
    const lines = streams.stdout.trim().split("\n");
    assert.equal(lines.length, 1, "standard output carries the protocol and nothing else");
    assert.match(lines[0] ?? "", /"serverInfo"/);
  }));

it.live("doctor and image say why there is no engine for this user and what to do", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout({ ...usual, DOCKER_HOST: "unix:///nonexistent/engine.sock" });
    for (const task of ["doctor", "image"]) {
      const { code, stdout, stderr } = yield* user.run(task);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout + stderr, /\/nonexistent\/engine\.sock/);
      assert.doesNotMatch(stdout + stderr, /NotCapable|Uncaught/);
    }
  }));

it.live("skills looks at the folder that is meant from where the user stands", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout(usual);
    const own = yield* user.run("skills");
    assert.equal(own.code, 0, own.stderr);
    assert.match(own.stdout, /^[1-9]\d* skills, \d+ tokens in the catalogue, 0 refused$/m);
    yield* Effect.promise(async () => {
      await Deno.mkdir(`${user.elsewhere}/mine/greet`, { recursive: true });
      await Deno.writeTextFile(
        `${user.elsewhere}/mine/greet/SKILL.md`,
        "---\nname: greet\ndescription: Greets people. Use it when somebody arrives.\n---\n\nSay hello.\n",
      );
    });
    const mine = yield* user.run("skills", ["mine"]);
    assert.equal(mine.code, 0, mine.stdout + mine.stderr);
    assert.match(mine.stdout, /^greet .*\n1 skills/m);
    const absent = yield* user.run("skills", ["absent"]);
    assert.equal(absent.code, 2);
    assert.match(absent.stderr, /else where\/absent does not exist/);
  }));

it.live("grants and example run, and a wrong .env is refused by name", () =>
  Effect.gen(function* () {
    const user = yield* userCheckout({ ...usual, AGENT_API_PORT: "http" });
    const write = yield* user.run("grants", ["write"]);
    assert.match(write.stdout, /^--allow-write=\/.*\/my data,/);
    const refused = yield* user.run("serve");
    assert.equal(refused.code, 1);
    assert.match(refused.stdout + refused.stderr, /AGENT_API_PORT is .*http.*expected a whole number \(port\)/);
    // The example keeps its data in the checkout, so its user may write there.
    yield* user.makeWritable;
    const example = yield* user.run("example");
    assert.equal(example.code, 0, example.stderr);
  }));
