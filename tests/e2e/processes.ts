/**
 * The entries as processes of their own, as a deployment runs them.
 */
import { Effect, Queue, type Scope, Stream } from "effect";

const root = new URL("../../", import.meta.url).pathname;

/** Longest wait for a line: it ends a test that hangs, however long a busy machine takes to start a process. */
const lineMax = "5 minutes";

/** A running process. */
export interface Running {
  /** Waits for a line of the log that matches and yields its groups. */
  readonly line: (pattern: RegExp) => Effect.Effect<ReadonlyArray<string>>;
  /** Ends it in order, as a deployment does. */
  readonly stop: Effect.Effect<void>;
  /** Stops it in mid-work, as a machine that is out of memory or processors would, until it goes on. */
  readonly freeze: Effect.Effect<void, never, Scope.Scope>;
  /** Kills it at once, as a crash would, and waits for its end. */
  readonly kill: Effect.Effect<void>;
}

/** What a process gets of the environment: enough to find its dependencies, and what the test says. */
const inherited = ["PATH", "HOME", "DENO_DIR"];

/** Starts an entry; it is stopped in order when the scope closes. */
export const start = (
  entry: "server.ts" | "mcp.ts",
  env: Readonly<Record<string, string>>,
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--no-check",
            "--allow-net",
            "--allow-read",
            "--allow-write",
            "--allow-run",
            "--allow-env",
            entry,
          ],
          cwd: root,
          clearEnv: true,
          env: {
            ...Object.fromEntries(inherited.flatMap((key) => {
              const value = Deno.env.get(key);
              return value === undefined ? [] : [[key, value]];
            })),
            ...env,
          },
          stdin: "null",
          stdout: "piped",
          stderr: "inherit",
        }).spawn()
      ),
      (process) =>
        Effect.promise(async () => {
          try {
            process.kill("SIGTERM");
          } catch (error) {
            // It ended before; a test may have killed it.
            if (!(error instanceof TypeError)) throw error;
          }
          await process.status;
        }),
    );
    const lines = yield* Queue.bounded<string>(1024);
    yield* Effect.forkScoped(
      Stream.fromReadableStream({ evaluate: () => child.stdout, onError: (cause) => cause }).pipe(
        Stream.decodeText,
        Stream.splitLines,
        Stream.runForEach((text) => Queue.offer(lines, text)),
      ),
    );
    return {
      line: (pattern) =>
        Effect.gen(function* () {
          while (true) {
            const found = pattern.exec(yield* Queue.take(lines));
            if (found !== null) return found.slice(1);
          }
        }).pipe(Effect.timeout(lineMax), Effect.orDie),
      stop: Effect.promise(async () => {
        child.kill("SIGTERM");
        await child.status;
      }),
      freeze: Effect.acquireRelease(
        Effect.sync(() => child.kill("SIGSTOP")),
        () => Effect.sync(() => child.kill("SIGCONT")),
      ),
      kill: Effect.promise(async () => {
        child.kill("SIGKILL");
        await child.status;
      }),
    };
  });
