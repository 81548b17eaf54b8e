/**
 * The real supervisor as a child process of the test, in a directory of its own.
 *
 * It runs without a container, so tests must not do what only a container contains: fork bombs,
 * memory hogs and full disks belong to the contract suite of the Docker adapter.
 */
import { Duration, Effect, type Scope } from "effect";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SandboxError } from "../../../../../src/services/Sandbox.ts";
import { type ByteChannel, fromStreams } from "../../../../../src/adapters/sandbox/supervisor/ByteChannel.ts";
import {
  connect,
  type SupervisorLink,
  type SupervisorOptions,
} from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";

const program = fileURLToPath(new URL("../../../../../image/supervisor", import.meta.url));

/** A running supervisor, its directories and its process. */
export interface HostSupervisor {
  readonly link: SupervisorLink;
  readonly workspace: string;
  readonly tools: string;
  readonly cgroup: string;
  readonly pid: number;
}

/** Directories for one supervisor, removed with the scope. */
export const makeDirectories = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "caisson-supervisor-"));
    const directories = {
      workspace: join(root, "workspace"),
      tools: join(root, "tools"),
      cgroup: join(root, "cgroup"),
    };
    for (const path of Object.values(directories)) mkdirSync(path);
    return { root, ...directories };
  }),
  ({ root }) => Effect.sync(() => rmSync(root, { recursive: true, force: true })),
);

interface Directories {
  readonly workspace: string;
  readonly tools: string;
  readonly cgroup: string;
}

/** Starts the supervisor and returns the channel to it; the scope ends the process. */
export const spawnSupervisor = (directories: Directories, more: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn("/usr/bin/python3", [
        "-ISB",
        `${program}/__main__.py`,
        "--workspace",
        directories.workspace,
        "--tools",
        directories.tools,
        "--cgroup",
        directories.cgroup,
        ...more,
      ], { stdio: ["pipe", "pipe", "inherit"], env: { PATH: "/usr/local/bin:/usr/bin:/bin" } });
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      return { child, gone, channel: fromStreams(child.stdout, child.stdin) };
    }),
    ({ child, gone }) =>
      Effect.promise(() => {
        child.stdin.destroy();
        child.stdout.destroy();
        return gone;
      }),
  );

/** How a test's supervisor differs from the usual one. */
export interface Setup {
  /** Counter of memory kills to make before the start, as a path in the control group's directory. */
  readonly counterFile?: string;
  readonly wrap?: (channel: ByteChannel) => ByteChannel;
  /** Further arguments of the program. */
  readonly arguments?: ReadonlyArray<string>;
}

/** Starts a supervisor and connects to it. */
export const hostSupervisor = (
  options: Partial<SupervisorOptions> = {},
  setup: Setup = {},
): Effect.Effect<HostSupervisor, SandboxError, Scope.Scope> =>
  Effect.gen(function* () {
    const directories = yield* makeDirectories;
    if (setup.counterFile !== undefined) {
      const path = join(directories.cgroup, setup.counterFile);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "oom 1\noom_kill 1\n");
    }
    const { child, channel } = yield* spawnSupervisor(directories, setup.arguments);
    const link = yield* connect(setup.wrap?.(channel) ?? channel, {
      outputBytesMax: 64 * 1024,
      startTimeout: Duration.seconds(60),
      workspace: directories.workspace,
      ...options,
    });
    return { link, ...directories, pid: child.pid ?? 0 };
  });
