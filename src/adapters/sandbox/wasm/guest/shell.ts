/**
 * The simulated bash of the guest: one fresh shell per command over the guest's mounts.
 */
import { workspaceFolder } from "../../../../domain/workspacePaths.ts";
import { Bash, type IFileSystem, MountableFs, OverlayFs, ReadWriteFs } from "npm:just-bash@3.4.2";
import type { Mount } from "./paths.ts";
import type { Python } from "./python.ts";

/** What became of a command, its output as text and whole. */
export interface ShellResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Output of one command in memory; a command that prints more is stopped by the shell. */
const outputBytesMax = 32 * 1024 * 1024;
/** Effectively none: time is the limit, and it is enforced. */
const stepsMax = 1e12;
/** The shell's own deadline, which loses output, comes only after ours, which keeps it. */
const slackMs = 2_500;
/** Largest file the shell's commands read; they hold it in memory. */
const readBytesMax = 256 * 1024 * 1024;

const pythonCommands = (python: Python, endsAt: number) =>
  ["python3", "python"].map((name) => python.command(name, endsAt));

/** Builds the file tree that every shell of this guest sees. */
export const shellFs = (mounts: ReadonlyArray<Mount>, python: Python): IFileSystem => {
  // A throw-away shell lays out /bin, /dev and the rest; a command without a file there is not found.
  const layout = new Bash({ defenseInDepth: false, customCommands: pythonCommands(python, 0) }).fs;
  // What is written outside the mounts stays in the memory of this process.
  const tree = new MountableFs({ base: layout });
  for (const { at, host, writable } of mounts) {
    tree.mount(
      at,
      writable
        ? new ReadWriteFs({ root: host, maxFileReadSize: readBytesMax })
        : new OverlayFs({ root: host, mountPoint: "/", readOnly: true, maxFileReadSize: readBytesMax }),
    );
  }
  return tree;
};

/** Says "no more" to a shell from a point in time on, in a way that keeps what was printed so far. */
const limitByTime = (shell: Bash, endsAt: number) => {
  const limits: unknown = Reflect.get(shell, "limits");
  if (!(limits instanceof Object)) return;
  for (const name of ["maxCommandCount", "maxLoopIterations"]) {
    Object.defineProperty(limits, name, { get: () => performance.now() < endsAt ? stepsMax : 0 });
  }
};

const limitMessage =
  /^bash: .{0,500}(too many (commands|iterations)|execution deadline|execution aborted).{0,500}\n?/gm;

/** Runs one command with bash in `/workspace` and never rejects for what the command does. */
export const runShell = async (
  fs: IFileSystem,
  python: Python,
  command: string,
  timeoutMs: number,
): Promise<ShellResult> => {
  const endsAt = performance.now() + timeoutMs;
  const shell = new Bash({
    fs,
    cwd: workspaceFolder,
    // The process is the boundary. Patching globals in it slows every command and guards nothing more.
    defenseInDepth: false,
    customCommands: pythonCommands(python, endsAt),
    env: {
      HOME: workspaceFolder,
      USER: "coderunner",
      LANG: "C.UTF-8",
      PATH: "/usr/local/bin:/usr/bin:/bin",
      TMPDIR: "/tmp",
    },
    processInfo: { uid: 1000, gid: 1000 },
    executionLimits: {
      maxExecutionTimeMs: timeoutMs + slackMs,
      maxCommandCount: stepsMax,
      maxLoopIterations: stepsMax,
      maxWorkUnits: stepsMax,
      maxOutputSize: outputBytesMax,
    },
    sleep: (ms) =>
      new Promise((wake) => {
        // A timer drops the part of a millisecond: what slept to the end would seem to have had the time it wanted.
        setTimeout(wake, Math.max(0, Math.ceil(Math.min(ms, endsAt - performance.now()))));
      }),
  });
  limitByTime(shell, endsAt);
  const result = await shell.exec(command, { rawScript: true }).catch((error: unknown) => ({
    // A file system that refuses a redirection ends the script this way.
    exitCode: 1,
    stdout: "",
    stderr: `bash: ${error instanceof Error ? error.message : String(error)}\n`,
  }));
  const timedOut = performance.now() >= endsAt;
  return {
    exitCode: timedOut ? 124 : result.exitCode,
    stdout: result.stdout,
    stderr: timedOut ? result.stderr.replace(limitMessage, "") : result.stderr,
    timedOut,
  };
};
