/**
 * Child processes whose life is a scope, with bounded output.
 */
import { Effect, type Scope } from "effect";

/** Bytes of a child's stderr that are kept for the log: its last words. */
const lastWordsBytesMax = 4 * 1024;

/** A crash report of V8 takes about a second to write. */
const settleTimeout = "3 seconds";

/** A running child and how to learn of its end. */
export interface Child {
  readonly process: Deno.ChildProcess;
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** The end of what it wrote to stderr. */
  readonly lastWords: () => string;
  /** Waits a moment for a process that closed its output to end by itself, so that its status tells why. */
  readonly settle: Effect.Effect<void>;
  /** Kills the process and waits until it is gone. */
  readonly kill: Effect.Effect<void>;
}

/** Reads a stream to its end and keeps only the last bytes. */
const keepLast = (stream: ReadableStream<Uint8Array>): () => string => {
  let kept = new Uint8Array(0);
  const read = async () => {
    for await (const part of stream) {
      const all = new Uint8Array(kept.length + part.length);
      all.set(kept);
      all.set(part, kept.length);
      kept = all.slice(-lastWordsBytesMax);
    }
  };
  // A stream that breaks has no more words.
  const done = read().catch(() => undefined);
  void done;
  return () => new TextDecoder().decode(kept);
};

/** Spawns a process with piped stdio; closing the scope kills it. */
export const spawn = (
  command: string,
  options: Pick<Deno.CommandOptions, "args" | "env" | "clearEnv" | "uid" | "gid" | "cwd">,
): Effect.Effect<Child, unknown, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: (): Child => {
        const process = new Deno.Command(command, {
          ...options,
          // Ctrl-C in a terminal goes to the whole group of the server, and is not meant for what runs in sandboxes.
          detached: true,
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        })
          .spawn();
        const lastWords = keepLast(process.stderr);
        let gone = false;
        const ended = process.status.then((status) => {
          gone = true;
          return status;
        });
        const kill = Effect.promise(() => {
          if (!gone) process.kill("SIGKILL");
          return ended;
        });
        return {
          process,
          ended,
          lastWords,
          settle: Effect.promise(() => ended).pipe(Effect.timeoutOption(settleTimeout), Effect.asVoid),
          kill: Effect.asVoid(kill),
        };
      },
      catch: (cause) => cause,
    }),
    (child) => child.kill,
  );

const whyNotSpawned = (command: string, cause: unknown): string => {
  if (cause instanceof Deno.errors.NotFound) return `${command} is not installed`;
  if (cause instanceof Deno.errors.NotCapable) return `this server was not granted to run ${command}`;
  return `${command} cannot be run: ${cause instanceof Error ? cause.message : "unknown"}`;
};

/** Runs a short trusted command and returns its stdout. *Fails with* what went wrong, in words for the log. */
export const runToEnd = (
  command: string,
  options: Pick<Deno.CommandOptions, "args" | "env" | "clearEnv" | "uid" | "gid">,
): Effect.Effect<string, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* spawn(command, options).pipe(
        Effect.mapError((cause) => new Error(whyNotSpawned(command, cause), { cause })),
      );
      return yield* Effect.tryPromise({
        try: async () => {
          await child.process.stdin.close();
          const output = await new Response(child.process.stdout).text();
          const status = await child.ended;
          if (!status.success) throw new Error(`exit ${status.signal ?? status.code}: ${child.lastWords().trim()}`);
          return output;
        },
        catch: (cause) => new Error(cause instanceof Error ? cause.message : "the command failed", { cause }),
      });
    }),
  );
