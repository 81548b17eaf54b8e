/**
 * What a process must be allowed by Deno, computed from its settings: exactly what they need and nothing else.
 *
 * The tasks of `deno.json` take it from `scripts/grants.ts`. It is pure, so that a launcher in another
 * runtime can compute the same.
 */
import { dirname, normalize } from "node:path";
import { socketPath, usualSockets } from "./engineSockets.ts";

/** What there is to know of a machine. */
export interface Machine {
  /** A setting by its name, undefined when it is unset or empty. */
  readonly setting: (name: string) => string | undefined;
  /** Whether a program is at a path. */
  readonly isInstalled: (path: string) => boolean;
  /** The Deno that runs, which the WebAssembly sandbox starts for each user. */
  readonly denoPath: string;
}

/** A flag of `deno run`, and what its reader should know about it. */
export interface Grant {
  readonly flag: string;
  readonly note?: string;
}

/** The variables that settings are read from, as Deno names them; a program sees nothing else of the environment. */
export const settingVariables: ReadonlyArray<string> = [
  "AGENT_*",
  "MCP_*",
  "CAISSON_*",
  "GOOGLE_*",
  "GEMINI_*",
  "OPENAI_*",
  "ANTHROPIC_*",
  "OTEL_*",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "DEFAULT_MODEL",
  "DOCKER_HOST",
  "HOME",
  "XDG_RUNTIME_DIR",
  "SESSION_TIMEOUT_SECONDS",
  "LOG_LEVEL",
];

const bubblewrapPaths: ReadonlyArray<string> = ["/usr/bin/bwrap", "/usr/local/bin/bwrap"];

/** Where everything is kept that must survive a restart. */
const dataPath = ({ setting }: Machine): string => setting("CAISSON_DATA_PATH") ?? "./.caisson";

/** The file of API keys: the one that is named, else the one of the data directory. */
const keysFile = (machine: Machine): string =>
  machine.setting("CAISSON_API_KEYS_FILE") ?? `${dataPath(machine)}/keys.json`;

/** The engine sockets that may be asked; to connect is to write. */
const sockets = ({ setting }: Machine): ReadonlyArray<string> => {
  const named = socketPath(setting("DOCKER_HOST") ?? "");
  return named === undefined ? usualSockets({ home: setting("HOME"), runtime: setting("XDG_RUNTIME_DIR") }) : [named];
};

/** The nearest directory without a comma: in a list of Deno's a comma always ends a path. */
const withoutComma = (path: string): string => {
  let parent = normalize(path);
  while (parent.includes(",")) parent = dirname(parent);
  return parent;
};

const listed = (name: string, paths: ReadonlyArray<string>): Grant => {
  const widened = paths.filter((path) => path.includes(","));
  return {
    flag: `--allow-${name}=${paths.map(withoutComma).join(",")}`,
    ...(widened.length > 0 && {
      note: `${widened.join(" and ")} has a comma, which Deno cannot hold in a permission: ` +
        `this process may write anywhere in ${widened.map(withoutComma).join(" and ")}`,
    }),
  };
};

/** The commands of further MCP servers; settings that cannot be read are refused by name later. */
const toolServerCommands = (json: string): ReadonlyArray<string> => {
  const commands: Array<string> = [];
  try {
    JSON.parse(json, (key, value: unknown) => {
      if (key === "command" && typeof value === "string" && !value.includes(",")) commands.push(value);
      return value;
    });
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  return commands;
};

const embedded = (machine: Machine): ReadonlyArray<string> => [
  machine.denoPath,
  ...bubblewrapPaths.filter(machine.isInstalled),
];

const runnable = (machine: Machine): ReadonlyArray<string> => {
  // The engine runs the code, so nothing of it is started here.
  const sandboxes = machine.setting("CAISSON_SANDBOX")?.toLowerCase() === "docker" ? [] : embedded(machine);
  return [...sandboxes, ...toolServerCommands(machine.setting("CAISSON_MCP_SERVERS") ?? "")];
};

/** Each permission that depends on settings, as a whole flag, by the name a task asks for it. */
export const grants: Readonly<Record<string, (machine: Machine) => Grant>> = {
  /** The variables that settings are read from. */
  env: () => ({ flag: `--allow-env=${settingVariables.join(",")}` }),
  /** The data directory and the engines' sockets. */
  write: (machine) => listed("write", [dataPath(machine), ...sockets(machine)]),
  /** The engines' sockets as the net permission names them. */
  sockets: (machine) => listed("net", sockets(machine).map((path) => `unix:${path}`)),
  /** What starts sandboxes and further MCP servers. */
  run: (machine) => {
    const commands = runnable(machine);
    return commands.length === 0 ? { flag: "--deny-run" } : listed("run", commands);
  },
  /** What starts the embedded sandbox, whatever the settings choose. */
  embedded: (machine) => listed("run", embedded(machine)),
  /** The file of API keys and its directory. */
  keys: (machine) => listed("write", [dirname(keysFile(machine))]),
};
