/**
 * The command line: what each line launches, and what is said of the lines that launch nothing.
 */
import assert from "node:assert/strict";
import * as NodeServices from "@effect/platform-node/NodeServices";
import { Console, Effect, Layer, Result } from "effect";
import { Launcher, runLine } from "../../../scripts/cli/commands.ts";
import type { Launch } from "../../../scripts/cli/launch.ts";
import { flagName } from "../../../scripts/cli/settingFlags.ts";
import { type Row, settingsTable } from "../../../src/config.ts";
import { it } from "../../support/it.ts";

interface Said {
  readonly launched: ReadonlyArray<Launch>;
  readonly benched: ReadonlyArray<ReadonlyArray<string>>;
  readonly stdout: string;
  readonly stderr: string;
  readonly isMistake: boolean;
}

const typing = Effect.fnUntraced(function* (...line: ReadonlyArray<string>): Effect.fn.Return<Said> {
  const launched: Array<Launch> = [];
  const benched: Array<ReadonlyArray<string>> = [];
  const said = { stdout: "", stderr: "" };
  const recording = {
    ...globalThis.console,
    log: (text: string) => said.stdout += `${text}\n`,
    error: (text: string) => said.stderr += `${text}\n`,
  };
  const launcher = Layer.succeed(Launcher, {
    launch: (launch) => Effect.sync(() => void launched.push(launch)),
    bench: (args) => Effect.sync(() => void benched.push(args)),
  });
  const result = yield* runLine("caisson", line).pipe(
    Effect.result,
    Effect.provide(Layer.merge(launcher, NodeServices.layer)),
    Effect.provideService(Console.Console, recording),
  );
  return { ...said, launched, benched, isMistake: Result.isFailure(result) };
});

const launches: ReadonlyArray<readonly [string, Launch]> = [
  ["serve", { program: "serve", settings: {}, args: [] }],
  ["serve --mcp", { program: "serve", settings: {}, args: ["--mcp"] }],
  ["serve --port 9000 --host ::1", {
    program: "serve",
    settings: { AGENT_API_HOST: "::1", AGENT_API_PORT: "9000" },
    args: [],
  }],
  ["serve --agent-api-port=0 --sandbox embedded --insecure-allow-anonymous --no-google-genai-use-vertexai", {
    program: "serve",
    settings: {
      AGENT_API_PORT: "0",
      CAISSON_INSECURE_ALLOW_ANONYMOUS: "true",
      GOOGLE_GENAI_USE_VERTEXAI: "false",
      CAISSON_SANDBOX: "embedded",
    },
    args: [],
  }],
  ["mcp --stdio --port 1", { program: "mcp", settings: { CAISSON_MCP_PORT: "1" }, args: ["--stdio"] }],
  ["doctor --docker-runtime runsc", {
    program: "doctor",
    settings: { CAISSON_DOCKER_RUNTIME: "runsc" },
    args: [],
  }],
  ["image", { program: "image", settings: {}, args: [] }],
  ["keys create me --data-path /x", {
    program: "keys",
    settings: { CAISSON_DATA_PATH: "/x" },
    args: ["create", "me"],
  }],
  ["keys list", { program: "keys", settings: {}, args: ["list"] }],
  ["keys revoke me", { program: "keys", settings: {}, args: ["revoke", "me"] }],
  ["erase api-key:me --conversation call_x", { program: "erase", settings: {}, args: ["api-key:me", "", "call_x"] }],
  ["erase api-key:me ada", { program: "erase", settings: {}, args: ["api-key:me", "ada"] }],
  ["skills folder", { program: "skills", settings: {}, args: ["folder"] }],
];

it.live("a line launches its program with its settings and arguments", () =>
  Effect.gen(function* () {
    for (const [line, expected] of launches) {
      const said = yield* typing(...line.split(" "));
      assert.deepEqual(said.launched, [expected], `${line}\n${said.stderr}`);
      assert.deepEqual([said.stdout, said.stderr], ["", ""], line);
    }
    assert.deepEqual((yield* typing("bench", "http", "3")).benched, [["http", "3"]]);
  }));

/** A line that cannot be carried out, and what is said of it: the mistake, and the way out. */
const mistakes: ReadonlyArray<readonly [string, RegExp]> = [
  ["", /serve[^]*mcp[^]*doctor[^]*keys/],
  ["srve", /Unknown subcommand "srve"[^]*serve[^]*--help says more/],
  ["serve --prt 9000", /Unrecognized flag: --prt[^]*--port[^]*--help says more/],
  ["serve --port http", /--agent-api-port: "http"\. Expected: a whole number \(port\) from 0 to 65535/],
  ["serve --sandbox dokcer", /auto[^]*docker[^]*embedded/],
  ["serve --api-keys me:key", /Unrecognized flag: --api-keys[^]*CAISSON_API_KEYS is a secret.*in \.env/],
  ["serve 9000", /9000/],
  ["keys", /create[^]*list[^]*revoke/],
  ["keys create", /Missing required argument: name/],
  ["erase", /Missing required argument: principal/],
  ["erase ada", /"ada"\. Expected: api-key:NAME, jwt:SUBJECT or anonymous/],
];

it.live("a mistake is told on standard error and launches nothing", () =>
  Effect.gen(function* () {
    for (const [line, expected] of mistakes) {
      const said = yield* typing(...line.split(" ").filter((word) => word !== ""));
      assert.deepEqual([said.launched, said.stdout, said.isMistake], [[], "", true], line);
      assert.match(said.stderr, expected, line);
    }
  }));

it.live("help has a flag for each setting of a server but its secrets, and completions know it", () =>
  Effect.gen(function* () {
    const help = (yield* typing("serve", "--help")).stdout;
    const completions = (yield* typing("--completions", "bash")).stdout;
    const facts = ["HOME", "XDG_RUNTIME_DIR"];
    const names = new Set<string>();
    for (const { key, secret, why } of Object.values<Row<unknown>>(settingsTable)) {
      const flag = `--${flagName(key)}`;
      assert.ok(!names.has(flag), `${flag} would be two settings`);
      names.add(flag);
      const isTaken = new RegExp(`${flag}[ ,=]`).test(help);
      assert.equal(isTaken, !secret && !facts.includes(key), key);
      if (!isTaken) continue;
      assert.ok(help.includes(key) && help.includes(why), key);
      assert.ok(completions.includes(flag), flag);
    }
    assert.match((yield* typing("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  }));
