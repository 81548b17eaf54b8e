/**
 * Bounding a workspace on an engine that cannot.
 *
 * The size is measured from inside while and shortly after commands run. Over the limit, running
 * commands are stopped and writes are refused until something is deleted. User code that hides from
 * the measurement can delay it, which is why the control is reported as not applied.
 */
import { Deferred, Effect, Latch, type Scope } from "effect";
import type { ExecutionOutcome, ExecutionRequest } from "../../../domain/Execution.ts";
import { FileError, type SandboxError } from "../../../services/Sandbox.ts";

/** The two operations the watch stands before. */
interface Watched {
  readonly execute: (request: ExecutionRequest) => Effect.Effect<ExecutionOutcome, SandboxError>;
  readonly writeFile: (path: string, content: Uint8Array) => Effect.Effect<number, SandboxError | FileError>;
}

/** What the watch needs of a sandbox. */
interface Guarded extends Watched {
  /** Runs a command and kills it when `stop` completes first, keeping what it printed. */
  readonly executeUntil: (
    request: ExecutionRequest,
    stop: Effect.Effect<void>,
  ) => Effect.Effect<ExecutionOutcome, SandboxError>;
}

/** Pause between measurements: what a disk can take in it is the most that a workspace overshoots by. */
const pauseMs = 1_000;
/** A measurement that takes longer says nothing. */
const measureMsMax = 5_000;
/** The exit code of a shell whose program was stopped for writing more than it may (128 + SIGXFSZ). */
const exitCodeOverLimit = 153;

const mib = 1024 * 1024;

/** Watches one sandbox for the current scope. */
export const watchWorkspace = Effect.fnUntraced(function* (
  guarded: Guarded,
  limitMb: number,
): Effect.fn.Return<Watched, never, Scope.Scope> {
  let usedBytes = 0;
  let running = 0;
  const active = yield* Latch.make(false);
  let breach = yield* Deferred.make<void>();
  const limitBytes = limitMb * mib;

  const measure = Effect.gen(function* () {
    const outcome = yield* guarded.execute({
      command: "du -sxB1 /workspace 2>/dev/null | cut -f1",
      timeoutMs: measureMsMax,
    });
    const bytes = Number.parseInt(outcome.stdout, 10);
    if (!Number.isSafeInteger(bytes)) return;
    // What was over the limit before must not stop the command that deletes it.
    const allowed = Math.max(limitBytes, usedBytes);
    usedBytes = bytes;
    if (bytes <= allowed || running === 0) return;
    const broken = breach;
    breach = yield* Deferred.make<void>();
    yield* Deferred.succeed(broken, undefined);
  });

  yield* Effect.gen(function* () {
    yield* active.await;
    yield* Effect.sleep(pauseMs);
    yield* active.close;
    yield* measure;
    if (running > 0) yield* active.open;
  }).pipe(
    // The link died: the sandbox is replaced, and its replacement has a watch of its own.
    Effect.forever,
    Effect.catch((error) => Effect.logDebug(`the workspace is no longer measured: ${error.message}`)),
    Effect.forkScoped,
  );

  const overNote = () =>
    usedBytes > limitBytes
      ? `The workspace holds ${
        Math.ceil(usedBytes / mib)
      } MiB, over its limit of ${limitMb} MiB: delete files, writes are refused.`
      : undefined;

  return {
    execute: (request) =>
      Effect.suspend(() => {
        running++;
        active.openUnsafe();
        let told = false;
        const stop = Effect.andThen(
          Deferred.await(breach),
          Effect.sync(() => {
            told = true;
          }),
        );
        return guarded.executeUntil(request, stop).pipe(
          Effect.map((outcome) => {
            // One that ended well at the same moment was not stopped.
            const isStopped = told && outcome.exitCode !== 0;
            const why = isStopped ? "The command was stopped because it filled the workspace." : undefined;
            const note = [outcome.note, why, overNote()].filter((part) => part !== undefined).join(" ");
            if (note === "") return outcome;
            return { ...outcome, note, ...(isStopped && { exitCode: exitCodeOverLimit }) };
          }),
          Effect.ensuring(Effect.sync(() => {
            running--;
          })),
        );
      }),
    writeFile: (path, content) =>
      Effect.suspend(() => {
        const note = overNote();
        active.openUnsafe();
        return note === undefined
          ? guarded.writeFile(path, content)
          : Effect.fail(new FileError({ path, reason: "NoSpace", why: note }));
      }),
  };
});
