/**
 * What the WebAssembly form promises, and what it does not.
 */
import type { SettingsService } from "../../../config.ts";
import type { SandboxControl } from "../../../services/Sandbox.ts";

/** The settings that bound a WebAssembly sandbox or that it cannot heed. */
export type WasmSettings = Pick<SettingsService, "sandboxMemoryMb" | "sandboxNetwork">;

/** The controls of the WebAssembly form. */
export const wasmControls = (settings: WasmSettings): ReadonlyArray<SandboxControl> => [
  {
    name: "process",
    applied: true,
    detail: "one Deno process per owner, without the server's environment; killed at a timeout it does not obey",
  },
  {
    name: "permissions",
    applied: true,
    detail: "Deno grants it its workspace, a temporary directory, /tools and /skills read-only, and its own package",
  },
  {
    name: "network",
    applied: settings.sandboxNetwork === "none",
    detail: "none, whatever CAISSON_SANDBOX_NETWORK says",
  },
  { name: "read-only root", applied: true, detail: "no directory of the host but the granted ones can be reached" },
  {
    name: "memory",
    applied: false,
    detail:
      `JavaScript heap and WebAssembly memory are bounded apart, together about ${settings.sandboxMemoryMb} MiB; ` +
      "what the process holds beside them is not",
  },
  { name: "processes", applied: true, detail: "a program cannot start processes or threads" },
  { name: "cpu", applied: false, detail: "only the time of a command is bounded; one command runs at a time" },
  {
    name: "disk",
    applied: false,
    detail: "write_file keeps the workspace within its size; programs are not stopped at it",
  },
  {
    name: "file size",
    applied: false,
    detail: "write_file keeps files within their size; programs are not stopped at it",
  },
  { name: "user", applied: false, detail: "the process runs as the server's own user" },
  {
    name: "kernel isolation",
    applied: false,
    detail: "no namespaces and no seccomp; WebAssembly, V8 and Deno's permissions are the boundary",
  },
];

/** What the model must know about the WebAssembly form. */
export const wasmNotes = (settings: WasmSettings): ReadonlyArray<string> => [
  "bash is simulated: the common text and file commands work, but not git, compilers, package managers, background jobs or ps.",
  "python3 is Python in WebAssembly with its standard library only: no numpy, no pip, no processes, no threads.",
  "Run a Python script as `python3 script.py`; a script's own #! line is not followed.",
  "execute_python keeps its variables until any command or cell runs out of time or memory; it shows no pictures.",
  "There is no network.",
  "Symbolic links cannot be made.",
  `A command may use about ${settings.sandboxMemoryMb} MiB of memory; one command runs at a time.`,
];
