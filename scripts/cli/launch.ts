/**
 * Launches a program under Deno with the permissions that its settings need and no others.
 *
 * It runs under Deno in a checkout and under Node in the npm package, so it imports Node's modules and what is pure.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { readDotEnv } from "../../src/config/dotEnv.ts";
import { grants, type Machine } from "../../src/config/permissions.ts";
import { type Program, type ProgramName, programs } from "./programs.ts";

/** Where the programs are. */
export interface Place {
  /** The folder of the checkout or of the package. */
  readonly home: string;
  readonly isPackage: boolean;
}

/** What is to be launched. */
export interface Launch {
  readonly program: ProgramName;
  /** Settings given as flags, by the names of their variables; they come before the environment and `.env`. */
  readonly settings: Readonly<Record<string, string>>;
  readonly args: ReadonlyArray<string>;
}

/** Signals that end a program, which is told of them and decides by itself. */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Says why nothing can be launched, and ends this process. */
const giveUp = (message: string): never => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};

const dotEnv = (): Readonly<Record<string, string | undefined>> => {
  try {
    return readDotEnv();
  } catch {
    // The program itself refuses to start, and says why.
    return {};
  }
};

/** Deno, as the package depends on it; npm may not have run the step that puts it in place. */
const packagedDeno = (): string => {
  try {
    const require = createRequire(import.meta.url);
    const folder = dirname(require.resolve("deno/package.json"));
    const program = join(folder, process.platform === "win32" ? "deno.exe" : "deno");
    return existsSync(program) ? program : String(require(join(folder, "install_api.cjs")).runInstall());
  } catch (thrown) {
    return giveUp(
      `Deno, a dependency of this package, is not installed: ${thrown instanceof Error ? thrown.message : thrown}\n` +
        "Install the package again without --omit=optional, or name a Deno of your own in CAISSON_DENO.",
    );
  }
};

const denoPath = (place: Place): string => {
  const named = process.env["CAISSON_DENO"];
  if (named !== undefined && named !== "") return named;
  return place.isPackage ? packagedDeno() : process.execPath;
};

/** Where skills and tools are when nothing says so: in this directory, else those of the package. */
const folders = (place: Place, setting: Machine["setting"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ([["MCP_SKILLS_PATH", "skills"], ["MCP_TOOLS_PATH", "tools"]] as const).flatMap(([name, folder]) =>
      setting(name) === undefined && !existsSync(folder) ? [[name, join(place.home, folder)]] : []
    ),
  );

/** Whether a file is there; a directory that may not be entered holds nothing that could be run. */
const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** Runs a command with the streams of this process, hands its signals on and ends as it ends. */
const become = (command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>): void => {
  const child = spawn(command, [...args], { stdio: "inherit", env: { ...process.env, ...env } });
  // A terminal's Ctrl-C reaches the program as well; it knows that both are one wish. By `child.kill` Deno would take
  // the signal for how the program ended, whatever its exit code.
  for (const signal of signals) {
    process.on(signal, () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(child.pid, signal);
    });
  }
  child.on("error", (error) => giveUp(`${command} cannot be run: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
};

/** Launches a program; this process ends when and as the program does. */
export const launch = (place: Place, { program: name, settings, args }: Launch): void => {
  const program: Program = programs[name];
  const fromFile = dotEnv();
  const setting = (key: string) =>
    settings[key] ?? (process.env[key]?.trim() || undefined) ?? (fromFile[key]?.trim() || undefined);
  const machine: Machine = { setting, isInstalled: isFile, denoPath: denoPath(place) };
  const computed = program.granted.flatMap((grant) => grants[grant]?.(machine) ?? []);
  for (const { note } of computed) if (note !== undefined) process.stderr.write(`${note}\n`);
  // In a checkout the page is built when its sources changed, as the task does it.
  if (name === "serve" && !place.isPackage) {
    const task = ["task", "--quiet", "--config", join(place.home, "deno.json"), "web", "--or-without"];
    spawnSync(machine.denoPath, task, { stdio: "inherit" });
  }
  become(machine.denoPath, [
    "run",
    "--quiet",
    "--no-prompt",
    ...(place.isPackage ? ["--no-config", "--node-modules-dir=manual"] : ["--config", join(place.home, "deno.json")]),
    "--ignore-env",
    ...program.flags,
    ...computed.map(({ flag }) => flag),
    join(place.home, `${program.entry}.${place.isPackage ? "js" : "ts"}`),
    ...args,
  ], {
    ...folders(place, setting),
    ...settings,
    INIT_CWD: process.env["INIT_CWD"] ?? resolve("."),
    DENO_NO_UPDATE_CHECK: "1",
  });
};

/** Runs a bench of the checkout; a package has none. */
export const bench = (place: Place, args: ReadonlyArray<string>): void => {
  if (place.isPackage) giveUp("The benches come with the sources: clone the repository and run deno task bench there.");
  become(denoPath(place), ["task", "--quiet", "--config", join(place.home, "deno.json"), "bench", ...args], {});
};
