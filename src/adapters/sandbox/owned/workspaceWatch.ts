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

/** What is known of one workspace: its size as last measured, and who must hear that it broke its limit. */
class Gauge {
  private usedBytes = 0;
  private running = 0;
  private breach = Deferred.makeUnsafe<void>();

  constructor(private readonly limitMb: number) {}

  get isBusy(): boolean {
    return this.running > 0;
  }

  begin(): void {
    this.running++;
  }

  end(): void {
    this.running--;
  }

  /** Completes at the next breach. */
  readonly broken: Effect.Effect<void> = Effect.suspend(() => Deferred.await(this.breach));

  /** *within → over*: a workspace that grew over its limit under running commands stops them. */
  measured(bytes: number): void {
    // What was over the limit before must not stop the command that deletes it.
    const allowed = Math.max(this.limitMb * mib, this.usedBytes);
    this.usedBytes = bytes;
    if (bytes <= allowed || !this.isBusy) return;
    const broken = this.breach;
    this.breach = Deferred.makeUnsafe<void>();
    Deferred.doneUnsafe(broken, Effect.void);
  }

  /** What a workspace over its limit is told. */
  get overNote(): string | undefined {
    if (this.usedBytes <= this.limitMb * mib) return undefined;
    const used = Math.ceil(this.usedBytes / mib);
    return `The workspace holds ${used} MiB, over its limit of ${this.limitMb} MiB: delete files, writes are refused.`;
  }
}

/** Measures from inside, in bytes; nothing when there was no telling. */
const measure = (guarded: Guarded): Effect.Effect<number | undefined, SandboxError> =>
  guarded.execute({ command: "du -sxB1 /workspace 2>/dev/null | cut -f1", timeoutMs: measureMsMax }).pipe(
    Effect.map(({ stdout }) => Number.parseInt(stdout, 10)),
    Effect.map((bytes) => Number.isSafeInteger(bytes) ? bytes : undefined),
  );

/** Runs a command that a breach stops, and says so in its outcome. */
const executeWatched = (guarded: Guarded, gauge: Gauge, request: ExecutionRequest) => {
  let told = false;
  const stop = Effect.andThen(
    gauge.broken,
    Effect.sync(() => {
      told = true;
    }),
  );
  return guarded.executeUntil(request, stop).pipe(
    Effect.map((outcome) => {
      // One that ended well at the same moment was not stopped.
      const isStopped = told && outcome.exitCode !== 0;
      const why = isStopped ? "The command was stopped because it filled the workspace." : undefined;
      const note = [outcome.note, why, gauge.overNote].filter((part) => part !== undefined).join(" ");
      if (note === "") return outcome;
      return { ...outcome, note, ...(isStopped && { exitCode: exitCodeOverLimit }) };
    }),
    Effect.ensuring(Effect.sync(() => gauge.end())),
  );
};

/** Watches one sandbox for the current scope. */
export const watchWorkspace = Effect.fnUntraced(function* (
  guarded: Guarded,
  limitMb: number,
): Effect.fn.Return<Watched, never, Scope.Scope> {
  const gauge = new Gauge(limitMb);
  const active = yield* Latch.make(false);
  yield* Effect.gen(function* () {
    yield* active.await;
    yield* Effect.sleep(pauseMs);
    yield* active.close;
    const bytes = yield* measure(guarded);
    if (bytes !== undefined) gauge.measured(bytes);
    if (gauge.isBusy) yield* active.open;
  }).pipe(
    // The link died: the sandbox is replaced, and its replacement has a watch of its own.
    Effect.forever,
    Effect.catch((error) => Effect.logDebug(`the workspace is no longer measured: ${error.message}`)),
    Effect.forkScoped,
  );
  return {
    execute: (request) =>
      Effect.suspend(() => {
        gauge.begin();
        active.openUnsafe();
        return executeWatched(guarded, gauge, request);
      }),
    writeFile: (path, content) =>
      Effect.suspend(() => {
        const note = gauge.overNote;
        active.openUnsafe();
        return note === undefined
          ? guarded.writeFile(path, content)
          : Effect.fail(new FileError({ path, reason: "NoSpace", why: note }));
      }),
  };
});
