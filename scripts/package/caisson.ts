/**
 * The command `caisson` of the npm package: finds Deno among the package's own dependencies and runs one of the
 * bundled programs under it, with the permissions that its settings need and no others.
 *
 * It runs under Node, so it imports nothing but Node's modules and what is pure.
 */
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readDotEnv } from "../../src/config/dotEnv.ts";
import { grants, type Machine, settingVariables } from "../../src/config/permissions.ts";
import { editDistance } from "../../src/config/unknownNames.ts";
import { version } from "../../src/domain/version.ts";

const home = dirname(dirname(fileURLToPath(import.meta.url)));

const settingsEnv = `--allow-env=${settingVariables.join(",")}`;

interface Program {
  readonly entry: string;
  readonly about: string;
  readonly usage: string;
  /** Fixed flags, and the names of those that depend on settings. */
  readonly flags: ReadonlyArray<string>;
  readonly granted: ReadonlyArray<string>;
}

const serverFlags = [settingsEnv, "--allow-net", "--allow-read"];
const engineFlags = [settingsEnv, "--allow-read"];

const programs: Readonly<Record<string, Program>> = {
  serve: {
    entry: "server.js",
    about: "serve the agent API on AGENT_API_HOST:AGENT_API_PORT (127.0.0.1:8000)",
    usage: "caisson serve",
    flags: serverFlags,
    granted: ["write", "run"],
  },
  mcp: {
    entry: "mcp.js",
    about: "serve the tools as an MCP server over HTTP, or over standard streams",
    usage: "caisson mcp [--stdio]",
    flags: serverFlags,
    granted: ["write", "run"],
  },
  doctor: {
    entry: "scripts/doctor.js",
    about: "check engine, image and, inside a live sandbox, every hardening control",
    usage: "caisson doctor",
    flags: engineFlags,
    granted: ["write", "sockets"],
  },
  image: {
    entry: "scripts/image.js",
    about: "build the sandbox image ahead of its first use",
    usage: "caisson image",
    flags: engineFlags,
    granted: ["write", "sockets"],
  },
  keys: {
    entry: "scripts/keys.js",
    about: "create, list and revoke API keys; a running server takes notice within a second",
    usage: "caisson keys create NAME | list | revoke ID_OR_NAME",
    flags: [settingsEnv, "--allow-read"],
    granted: ["keys"],
  },
  erase: {
    entry: "scripts/erase.js",
    about: "erase everything that is kept about a user",
    usage: "caisson erase PRINCIPAL [USER]",
    flags: serverFlags,
    granted: ["write", "run"],
  },
  skills: {
    entry: "scripts/skills.js",
    about: "validate the skills of a folder and show what an agent sees of them",
    usage: "caisson skills [FOLDER]",
    flags: ["--allow-env=INIT_CWD", "--allow-read"],
    granted: [],
  },
};

const help = [
  `caisson ${version}: an OpenAI-compatible agent that runs code in sealed, per-user containers`,
  "",
  ...Object.values(programs).map(({ usage, about }) => `  ${usage.padEnd(52)} ${about}`),
  "",
  "Settings are read from the environment and from .env in this directory; caisson COMMAND --help says more of one.",
].join("\n");

/** Says what is wrong on standard error and ends with the code of a usage error. */
const refuse = (message: string): never => {
  process.stderr.write(`${message}\n`);
  process.exit(2);
};

const settings = (): Readonly<Record<string, string | undefined>> => {
  try {
    return readDotEnv();
  } catch {
    // The program itself refuses to start, and says why.
    return {};
  }
};

/** Deno, as the package depends on it; npm may not have run the step that puts it in place. */
const denoPath = (): string => {
  const named = process.env["CAISSON_DENO"];
  if (named !== undefined && named !== "") return named;
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("deno/package.json"));
  const program = join(folder, process.platform === "win32" ? "deno.exe" : "deno");
  return existsSync(program) ? program : String(require(join(folder, "install_api.cjs")).runInstall());
};

/** Where skills and tools are when nothing says so: in this directory, else those of the package. */
const folders = (setting: Machine["setting"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ([["MCP_SKILLS_PATH", "skills"], ["MCP_TOOLS_PATH", "tools"]] as const).flatMap(([name, folder]) =>
      setting(name) === undefined && !existsSync(folder) ? [[name, join(home, folder)]] : []
    ),
  );

const run = (program: Program, args: ReadonlyArray<string>): void => {
  const dotEnv = settings();
  const setting = (name: string) => process.env[name]?.trim() || dotEnv[name]?.trim() || undefined;
  const machine: Machine = {
    setting,
    isInstalled: (path) => existsSync(path) && statSync(path).isFile(),
    denoPath: denoPath(),
  };
  const computed = program.granted.flatMap((name) => grants[name]?.(machine) ?? []);
  for (const { note } of computed) if (note !== undefined) process.stderr.write(`${note}\n`);
  const child = spawn(machine.denoPath, [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-config",
    "--node-modules-dir=manual",
    "--ignore-env",
    ...program.flags,
    ...computed.map(({ flag }) => flag),
    join(home, program.entry),
    ...args,
  ], {
    stdio: "inherit",
    env: { ...process.env, ...folders(setting), INIT_CWD: resolve("."), DENO_NO_UPDATE_CHECK: "1" },
  });
  // A terminal's Ctrl-C reaches the program as well; it knows that both are one wish.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`${machine.denoPath} cannot be run: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
};

const [name = "", ...args] = process.argv.slice(2);
const program = Object.hasOwn(programs, name) ? programs[name] : undefined;
if (["", "help", "--help", "-h"].includes(name)) process.stdout.write(`${help}\n`);
else if (["--version", "-v", "version"].includes(name)) process.stdout.write(`${version}\n`);
else if (program === undefined) {
  const [nearest] = Object.keys(programs)
    .map((command) => ({ command, edits: editDistance(name.slice(0, 32), command) }))
    .filter(({ edits }) => edits <= 2)
    .toSorted((left, right) => left.edits - right.edits);
  refuse(
    `caisson: there is no command ${JSON.stringify(name)}${
      nearest === undefined ? "" : `; did you mean ${nearest.command}?`
    }\n\n${help}`,
  );
} else if (args.includes("--help") || args.includes("-h")) {
  process.stdout.write(`usage: ${program.usage}\n\n${program.about}\n`);
} else if ((name === "serve" || name === "mcp") && args.some((arg) => name !== "mcp" || arg !== "--stdio")) {
  refuse(`caisson ${name}: unexpected ${JSON.stringify(args[0])}\nusage: ${program.usage}`);
} else run(program, args);
