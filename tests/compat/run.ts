/**
 * The compatibility suite: other people's clients, unchanged, against a real server with real containers.
 *
 * Every client does a task with three of the server's tools, one with a tool of its own, or one in the hosted
 * interpreter; one server serves them all. A case passes when the client ends well, its text holds the answer, and
 * every response finished once.
 * `--write` renews `docs/compatibility.md`; names after it choose clients, the rows of the others stay.
 */
import { Effect, Layer, Option, Redacted } from "effect";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { freePort } from "../support/freePort.ts";
import { run as runEffect } from "../support/it.ts";
import { served } from "../support/served.ts";
import { type Client, javascriptClients, pythonClients, type Setting } from "./clients.ts";
import { layer as compatModel, markers } from "./compatModel.ts";
import { finishesOf, record } from "./recorder.ts";

/** Time one start of a client may take, packages to be fetched included. */
const clientSecondsMax = 900;

/** What signs webhooks, and the port at which a client may listen for them. */
const webhookSecret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
const webhookPort = freePort();

interface Case {
  readonly client: Client;
  readonly name: string;
  /** Why it failed, "" when it passed. */
  readonly why: string;
  readonly skipped: boolean;
}

interface Reported {
  readonly case: string;
  readonly text: string;
}

const reported = (stdout: string): ReadonlyArray<Reported> =>
  stdout.split("\n").filter((line) => line.startsWith('{"case"')).map((line) => JSON.parse(line));

const expected = (name: string): string => {
  const found = Object.entries(markers).find(([task]) => name.startsWith(task));
  if (found === undefined) throw new Error(`a case must begin with its task: ${name}`);
  return found[1];
};

const spawn = async (client: Client, setting: Setting) => {
  for (const [path, content] of Object.entries(client.files?.(setting) ?? {})) {
    const file = `${setting.directory}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, content);
  }
  const { program, args } = client.command(setting);
  const { HOME: home = "", ...env } = Deno.env.toObject();
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: setting.directory,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    clearEnv: true,
    env: {
      ...env,
      HOME: client.files === undefined ? home : setting.directory,
      npm_config_cache: `${home}/.npm`,
      DENO_DIR: env["DENO_DIR"] ?? `${home}/.cache/deno`,
      NO_COLOR: "1",
      BASE_URL: setting.baseUrl,
      OPENAI_API_KEY: "compat-key",
      OPENAI_AGENTS_DISABLE_TRACING: "1",
      OPENAI_WEBHOOK_SECRET: webhookSecret,
      WEBHOOK_PORT: String(webhookPort),
      ...client.env?.(setting),
    },
    signal: AbortSignal.timeout(clientSecondsMax * 1000),
  });
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
};

const judge = (text: string, name: string, wrongFinishes: ReadonlyArray<number>): string =>
  text.trim() === ""
    ? "the text is empty"
    : !text.includes(expected(name))
    ? `the answer is not in the text: ${JSON.stringify(text.slice(-200))}`
    : wrongFinishes.length > 0
    ? `responses finished ${wrongFinishes.join(", ")} times`
    : "";

/** Sandboxes of one run of the suite: nearly every case has one of its own, and none is idle for long enough to end. */
const sandboxesMax = 400;

/** The server of the whole suite, on the container engine; its containers are removed with the scope. */
const serve = Effect.gen(function* () {
  const containers = yield* Layer.build(
    Layer.orDie(dockerLayer.pipe(
      Layer.provide(engineSettings({ sandboxesMax, sandboxesPerPrincipalMax: sandboxesMax })),
    )),
  );
  return yield* served({
    model: compatModel,
    sandbox: { ...fakeSandbox(), layer: Layer.succeedContext(containers) },
    settings: {
      toolsAsk: parseToolRules("Bash(echo published *)") ?? [],
      webhookUrl: Option.some(`http://127.0.0.1:${webhookPort}/hook`),
      webhookSecret: Option.some(Redacted.make(webhookSecret)),
      webhookPrivate: true,
    },
  });
});

const tryClient = (base: string, client: Client, python: string): Effect.Effect<ReadonlyArray<Case>> =>
  Effect.scoped(Effect.gen(function* () {
    const recorder = yield* Effect.acquireRelease(
      Effect.sync(() => record(base)),
      ({ close }) => Effect.promise(close),
    );
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempDir({ prefix: "caisson-compat-" })),
      (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
    );
    const cases: Array<Case> = [];
    for (const [name, prompt] of Object.entries(client.prompts ?? { "": "" })) {
      recorder.records.length = 0;
      const setting: Setting = { baseUrl: recorder.url, directory, prompt, python };
      const { code, stdout, stderr } = yield* Effect.promise(() => spawn(client, setting));
      const wrong = recorder.records.flatMap((each) => finishesOf(each) ?? []).filter((count) => count !== 1);
      const results: ReadonlyArray<Reported> = name === "" ? reported(stdout) : [{ case: name, text: stdout }];
      const failed = code !== 0
        ? `it exits with ${code}: ${stderr.trim().slice(-600)}`
        : results.length === 0
        ? `it reported nothing: ${stderr.trim().slice(-300)}`
        : "";
      for (const each of results) {
        cases.push({ client, name: each.case, why: judge(each.text, each.case, wrong), skipped: false });
      }
      if (failed !== "") {
        cases.push({ client, name: name === "" ? "runs to its end" : name, why: failed, skipped: false });
      }
    }
    return cases;
  }));

/** Python with a client's package, undefined when there is no package index to get it from. */
const preparePython = async (requirement: string): Promise<string | undefined> => {
  const script = new URL("./python/prepare.sh", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command("bash", { args: [script, requirement] }).output();
  const path = new TextDecoder().decode(stdout).trim().split("\n").at(-1);
  if (code === 0 && path !== undefined && path !== "") return path;
  console.error(new TextDecoder().decode(stderr).slice(-600));
  return undefined;
};

const pagePath = "docs/compatibility.md";

const rowOf = ({ client, name, why, skipped }: Case): string =>
  `| ${client.name} | ${client.version} | ${name} | ${skipped ? "skipped" : why === "" ? "passes" : "fails"} |`;

/** The rows in the order of the clients; those of clients that were not chosen stay as they are. */
const rowsOf = (cases: ReadonlyArray<Case>, before: string): ReadonlyArray<string> => {
  const kept = before.split("\n").filter((line) => line.startsWith("| "));
  return [...javascriptClients, ...pythonClients].flatMap((client) => {
    const renewed = cases.filter((each) => each.client === client);
    return renewed.length > 0 ? renewed.map(rowOf) : kept.filter((line) => line.startsWith(`| ${client.name} | `));
  });
};

const markdown = (cases: ReadonlyArray<Case>, before: string): string =>
  [
    "# Compatibility",
    "",
    "Other people's clients, unchanged, against a real server over real sockets, with real containers. Over chat",
    "completions each does a task in which the server runs three of its own tools, and one in which the model calls a",
    "tool that the client declared and answers. Over the Responses API each asks, goes on from what was kept, answers a",
    "call to its own tool, and has the hosted code interpreter compute a number. A case passes when the client raises",
    "nothing, its text holds the answer, and every response has exactly one finish.",
    "",
    "This page is written by `deno task test:compat --write`.",
    "",
    "| Client | Version | Case | |",
    "| --- | --- | --- | --- |",
    ...rowsOf(cases, before),
    "",
  ].join("\n");

const tryAll = Effect.fnUntraced(function* (clients: ReadonlyArray<Client>) {
  const base = yield* serve;
  const cases: Array<Case> = [];
  for (const client of clients) {
    const requirement = client.requirement;
    const python = requirement === undefined ? "" : yield* Effect.promise(() => preparePython(requirement));
    const results = python === undefined
      ? [{ client, name: "all cases: its package cannot be installed here", why: "", skipped: true }]
      : yield* tryClient(base, client, python);
    for (const { name, why, skipped } of results) {
      console.log(
        `${skipped ? "SKIPPED" : why === "" ? "ok" : "FAILED"}  ${client.name}: ${name}${why && `\n        ${why}`}`,
      );
    }
    cases.push(...results);
  }
  return cases;
});

const main = async (): Promise<number> => {
  const write = Deno.args.includes("--write");
  const names = Deno.args.filter((arg) => !arg.startsWith("--"));
  const chosen = (client: Client) =>
    names.length === 0 || names.some((name) => client.name.toLowerCase().includes(name.toLowerCase()));
  const clients = [...javascriptClients, ...pythonClients].filter(chosen);
  if (skipWithoutEngine !== undefined) {
    console.log(`SKIPPED  every client: ${skipWithoutEngine}\n\n0 passed | 0 failed | ${clients.length} ignored`);
    return 0;
  }
  const cases = await runEffect(tryAll(clients));
  if (write) await Deno.writeTextFile(pagePath, markdown(cases, await Deno.readTextFile(pagePath)));
  const failed = cases.filter(({ why }) => why !== "").length;
  const skipped = cases.filter((each) => each.skipped).length;
  console.log(`\n${cases.length - failed - skipped} passed | ${failed} failed | ${skipped} ignored`);
  return failed > 0 ? 1 : 0;
};

Deno.exit(await main());
