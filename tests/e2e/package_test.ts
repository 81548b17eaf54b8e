/**
 * The npm package: built, packed, installed into an empty folder and used there, as somebody without a checkout does.
 */
import assert from "node:assert/strict";
import { Effect, type Scope } from "effect";
import { buildPackage } from "../../scripts/package.ts";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

/** A tarball past this has something in it that belongs elsewhere. */
const tarballBytesMax = 5 * 1024 * 1024;

/** Longest wait for a command; an installation fetches Deno. */
const commandMsMax = 600_000;

/** What a person's shell has; nothing that points to the checkout or to this Deno. */
const env = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
  HOME: Deno.env.get("HOME") ?? "/root",
  ...Object.fromEntries(
    ["DOCKER_HOST", "MCP_EXECUTOR_IMAGE"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  ),
  ...more,
});

const command = (folder: string, line: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
  const [program = "", ...args] = line;
  return new Deno.Command(program, {
    args,
    cwd: folder,
    clearEnv: true,
    env: env(more),
    stdout: "piped",
    stderr: "piped",
  });
};

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const run = (folder: string, ...line: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const { code, stdout, stderr } = await command(folder, line).output();
    return { code, stdout: decode(stdout), stderr: decode(stderr) };
  }).pipe(Effect.timeout(commandMsMax), Effect.orDie);

/** Starts a server of the package and yields its address; it is stopped with SIGTERM and has to end with 0. */
const serving = (
  folder: string,
  settings: Readonly<Record<string, string>>,
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => command(folder, ["node_modules/.bin/caisson", "serve"], settings).spawn()),
      (process) =>
        Effect.promise(async () => {
          process.kill("SIGTERM");
          assert.equal((await process.status).code, 0, "the launcher passes the signal on and the code back");
        }),
    );
    yield* Effect.forkScoped(Effect.promise(async () => {
      for await (const _ of child.stderr);
    }));
    const address = Effect.promise(async () => {
      let said = "";
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const found = /agent API listens on (http:\/\/[^"\s]+)/.exec(said)?.[1];
        if (found !== undefined) {
          // What it says from here on is read as well, so that it never waits for a reader.
          void (async () => {
            while (!(await reader.read()).done);
          })();
          return found;
        }
        const { done, value = "" } = await reader.read();
        if (done) throw new Error(`it ended: ${said}`);
        said += value;
      }
    });
    return yield* address.pipe(Effect.timeout(commandMsMax), Effect.orDie);
  });

const execute = (base: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: "ada", messages: [{ role: "user", content: "Execute: print(6 * 7)" }] }),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    // The line that the program printed, as JSON has it.
    assert.match(text, /\\n42\\n/);
    const page = await fetch(base);
    assert.match(await page.text(), /<!doctype html>/i);
    return text;
  });

const requests = [
  {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "package", version: "1" } },
  },
  { jsonrpc: "2.0", method: "notifications/initialized" },
  {
    jsonrpc: "2.0",
    id: 2,
    method: "tools/call",
    params: { name: "execute_bash", arguments: { command: "echo $((6 * 7))" } },
  },
];

/** A tool call over standard streams; the client reads the answer before it goes. */
const callOverStreams = (folder: string) =>
  Effect.promise(async () => {
    const child = new Deno.Command("node_modules/.bin/caisson", {
      args: ["mcp", "--stdio"],
      cwd: folder,
      clearEnv: true,
      env: env({ CAISSON_SANDBOX: "embedded" }),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    for (const request of requests) await writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!/"id":2\b.*\n/.test(said)) {
      const { done, value = "" } = await reader.read();
      assert.ok(!done, said);
      said += value;
    }
    await writer.close();
    // Read to its end: it may say more, and has somebody to say it to.
    while (!(await reader.read()).done);
    const { code } = await child.status;
    return { said, code };
  });

it.live("the npm package serves, calls a tool over standard streams and keeps keys in an empty folder", () =>
  Effect.gen(function* () {
    const base = yield* temporaryDirectory;
    const folder = `${base}/an empty folder`;
    yield* Effect.promise(async () => {
      await buildPackage(`${base}/package`);
      await Deno.mkdir(folder);
      await Deno.writeTextFile(`${folder}/package.json`, "{}");
    });
    const packed = yield* run(base, "npm", "pack", "--silent", "./package");
    assert.equal(packed.code, 0, packed.stderr);
    const tarball = `${base}/${packed.stdout.trim()}`;
    const { size } = Deno.statSync(tarball);
    assert.ok(size < tarballBytesMax, `${size} bytes`);
    const megabytes = `${Math.round(size / 1e6)}`;
    const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
    const told = [...readme.matchAll(/package (?:of| *\|) (\d+) MB/g)].map(([, figure]) => figure);
    assert.deepEqual(told, [megabytes, megabytes], "README.md says how large the package is");
    const installed = yield* run(folder, "npm", "install", "--no-fund", "--no-audit", tarball);
    assert.equal(installed.code, 0, installed.stderr);

    const answered = yield* Effect.scoped(
      Effect.flatMap(serving(folder, { AGENT_API_PORT: "0", CAISSON_SANDBOX: "embedded" }), execute),
    );
    assert.match(answered, /caisson-offline/);
    // A driver in CommonJS, which a bundle can hand on without its names; that no Redis answers is told and waited out.
    yield* Effect.scoped(serving(folder, {
      AGENT_API_PORT: "0",
      CAISSON_SANDBOX: "embedded",
      CAISSON_SESSIONS: "redis",
      CAISSON_REDIS_URL: "redis://127.0.0.1:9",
    }));
    const { said, code } = yield* callOverStreams(folder);
    assert.match(said, /42/);
    assert.equal(code, 0);

    const caisson = (...args: ReadonlyArray<string>) => run(folder, "node_modules/.bin/caisson", ...args);
    assert.match((yield* caisson("skills")).stdout, /^[1-9]\d* skills,/m);
    assert.equal((yield* caisson("keys", "create", "me")).code, 0);
    assert.match((yield* caisson("keys", "list")).stdout, / me$/m);
    const unclear = yield* caisson("keys");
    assert.equal(unclear.code, 2);
    assert.match(unclear.stderr, /caisson keys <subcommand>[^]*create[^]*revoke/);
    const misspelt = yield* caisson("srve");
    assert.deepEqual([misspelt.code, misspelt.stdout], [2, ""]);
    assert.match(misspelt.stderr, /Unknown subcommand "srve"[^]*Did you mean this\?\s+serve/);
    assert.match((yield* caisson("--help")).stdout, /serve[^]*mcp[^]*doctor/);

    if (skipWithoutEngine === undefined) {
      // A data directory of its own: keys were created in the other.
      const settings = { AGENT_API_PORT: "0", CAISSON_SANDBOX: "docker", CAISSON_DATA_PATH: `${base}/docker` };
      yield* Effect.scoped(Effect.flatMap(serving(folder, settings), execute));
    }
  }));
