/**
 * Bounding a workspace where nothing beneath it can.
 *
 * Its size and the number of its entries are measured from inside while and shortly after commands run. Over
 * a limit, running commands are stopped and writes are refused until something is deleted. User code that
 * hides from the measurement can delay it, which is why the control is reported as not applied.
 */
import { Deferred, Duration, Effect, Latch, type Scope } from "effect";
import type { ExecutionOutcome, ExecutionRequest } from "../../../domain/Execution.ts";
import { type FileContent, FileError, type SandboxError } from "../../../services/Sandbox.ts";
import type { LinkJobs } from "../supervisor/jobs.ts";

/** What a workspace may hold. */
export interface WorkspaceBounds {
  /** MiB of disk; absent where the file system bounds them. */
  readonly mb?: number;
  /** Files, directories and links. */
  readonly entries: number;
}

/** What a workspace holds. */
interface Used {
  readonly bytes: number;
  readonly entries: number;
}

/** The two operations the watch stands before. */
interface Operations {
  readonly execute: (request: ExecutionRequest) => Effect.Effect<ExecutionOutcome, SandboxError>;
  readonly writeFile: (path: string, content: FileContent) => Effect.Effect<number, SandboxError | FileError>;
}

/** A watch, and what it stands before. */
interface Watched extends Operations {
  /** Counts as running what takes an effect that completes when the workspace breaks its bounds. */
  readonly during: <A>(run: (broken: Effect.Effect<void>) => Effect.Effect<A>) => Effect.Effect<A>;
}

/** What the watch needs of a sandbox. */
interface Guarded extends Operations {
  /** Measures the workspace, counting entries no further than asked; `FileError` when there was no telling. */
  readonly usage: (entriesMax: number) => Effect.Effect<Used, SandboxError | FileError>;
  /** Runs a command and kills it when `stop` completes first, keeping what it printed. */
  readonly executeUntil: (
    request: ExecutionRequest,
    stop: Effect.Effect<void>,
  ) => Effect.Effect<ExecutionOutcome, SandboxError>;
}

/** Pause between measurements: what a disk can take in it is the most that a workspace overshoots by. */
const pauseMs = 1_000;
/** The part of the time that measuring may take: a workspace of many files is looked at less often. */
const measureShare = 0.2;
/** Entries counted, as a multiple of what may be there: between the two, growth can be told from deletion. */
const countedOfBound = 2;
/** The exit code of a shell whose program was stopped for writing more than it may (128 + SIGXFSZ). */
const exitCodeOverLimit = 153;

const mib = 1024 * 1024;

/** What is known of one workspace: what it last held, and who must hear that it broke its bounds. */
class Gauge {
  /** Entries are counted no further than this. */
  readonly countedMax: number;
  private used: Used = { bytes: 0, entries: 0 };
  private running = 0;
  private breach = Deferred.makeUnsafe<void>();
  private readonly bytesMax: number;

  constructor(private readonly bounds: WorkspaceBounds) {
    this.bytesMax = bounds.mb === undefined ? Number.POSITIVE_INFINITY : bounds.mb * mib;
    this.countedMax = bounds.entries * countedOfBound;
  }

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

  /** *within → over*: a workspace that grew over its bounds under running commands stops them. */
  measured(now: Used): void {
    const before = this.used;
    this.used = now;
    // What was over a bound before must not stop the command that deletes it, as far as that can be seen.
    const isOver = now.bytes > Math.max(this.bytesMax, before.bytes) ||
      now.entries > Math.max(this.bounds.entries, before.entries) || now.entries >= this.countedMax;
    if (!isOver || !this.isBusy) return;
    const broken = this.breach;
    this.breach = Deferred.makeUnsafe<void>();
    Deferred.doneUnsafe(broken, Effect.void);
  }

  /** What a workspace over its bounds is told. */
  get overNote(): string | undefined {
    const { bytes, entries } = this.used;
    const held = [
      ...(bytes > this.bytesMax ? [`${Math.ceil(bytes / mib)} MiB, over its limit of ${this.bounds.mb} MiB`] : []),
      ...(entries > this.bounds.entries ? [`more than ${this.bounds.entries} files and directories`] : []),
    ];
    return held.length === 0
      ? undefined
      : `The workspace holds ${held.join(" and ")}: delete files, writes are refused.`;
  }
}

/**
 * What a workspace over its bounds is told, as it is now: what was over is measured anew, for it may have been deleted
 * since; what is within its bounds costs nothing.
 */
const overNow = (gauge: Gauge, measure: Effect.Effect<void, SandboxError>) =>
  Effect.suspend(() => gauge.overNote === undefined ? Effect.void : measure).pipe(
    // What a command came to is told whatever became of its sandbox since.
    Effect.catch((error) => Effect.logDebug(`the workspace was not measured: ${error.message}`)),
    Effect.andThen(Effect.sync(() => gauge.overNote)),
  );

/** Runs a command that a breach stops, and says so in its outcome. */
const executeWatched = (
  guarded: Guarded,
  gauge: Gauge,
  measure: Effect.Effect<void, SandboxError>,
  request: ExecutionRequest,
) => {
  let told = false;
  const stop = Effect.andThen(
    gauge.broken,
    Effect.sync(() => {
      told = true;
    }),
  );
  return guarded.executeUntil(request, stop).pipe(
    Effect.ensuring(Effect.sync(() => gauge.end())),
    Effect.flatMap((outcome) =>
      Effect.map(overNow(gauge, measure), (over) => {
        // One that ended well at the same moment was not stopped.
        const isStopped = told && outcome.exitCode !== 0;
        const why = isStopped ? "The command was stopped because it filled the workspace." : undefined;
        const note = [outcome.note, why, over].filter((part) => part !== undefined).join(" ");
        if (note === "") return outcome;
        return { ...outcome, note, ...(isStopped && { exitCode: exitCodeOverLimit }) };
      })
    ),
  );
};

/** Makes a breach end the jobs that run. */
export const watchJobs = (
  watch: Pick<Watched, "during">,
  jobs: LinkJobs,
): Effect.Effect<LinkJobs, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => ({
    ...jobs,
    start: (request) =>
      Effect.tap(jobs.start(request), ({ id }) =>
        watch.during((broken) =>
          Effect.raceFirst(
            jobs.ended(id),
            Effect.andThen(broken, Effect.ignore(jobs.kill(id, "It was ended because it filled the workspace."))),
          )
        ).pipe(Effect.forkIn(scope, { startImmediately: true }))),
  }));

/** Watches one sandbox for the current scope. */
export const watchWorkspace = Effect.fnUntraced(function* (
  guarded: Guarded,
  bounds: WorkspaceBounds,
): Effect.fn.Return<Watched, never, Scope.Scope> {
  const gauge = new Gauge(bounds);
  const active = yield* Latch.make(false);
  let pause = pauseMs;
  const measure = guarded.usage(gauge.countedMax).pipe(
    Effect.map((used) => gauge.measured(used)),
    Effect.catchTag("FileError", (error) => Effect.logDebug(`the workspace was not measured: ${error.message}`)),
  );
  yield* Effect.gen(function* () {
    yield* active.await;
    yield* Effect.sleep(pause);
    yield* active.close;
    const [took] = yield* Effect.timed(measure);
    pause = Math.max(pauseMs, Duration.toMillis(took) / measureShare);
    if (gauge.isBusy) yield* active.open;
  }).pipe(
    // The link died: the sandbox is replaced, and its replacement has a watch of its own.
    Effect.forever,
    Effect.catch((error) => Effect.logDebug(`the workspace is no longer measured: ${error.message}`)),
    Effect.forkScoped,
  );
  return {
    during: (run) =>
      Effect.suspend(() => {
        gauge.begin();
        active.openUnsafe();
        return Effect.ensuring(run(gauge.broken), Effect.sync(() => gauge.end()));
      }),
    execute: (request) =>
      Effect.suspend(() => {
        gauge.begin();
        active.openUnsafe();
        return executeWatched(guarded, gauge, measure, request);
      }),
    writeFile: (path, content) =>
      Effect.suspend(() => {
        active.openUnsafe();
        return Effect.flatMap(overNow(gauge, measure), (over) =>
          over === undefined
            ? guarded.writeFile(path, content)
            : Effect.fail(new FileError({ path, reason: "NoSpace", why: over })));
      }),
  };
});
