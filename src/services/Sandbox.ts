/**
 * The Sandbox port: one sealed place per owner in which commands run and files live.
 *
 * Adapters decide how sealed it is and must say so in {@link SandboxInfo}. All file work happens
 * inside the sandbox as its user, never on paths of the host.
 */
import { Context, Effect, Schema, type Scope, type Stream } from "effect";
import type { CellOutcome, CellRequest } from "../domain/Cell.ts";
import type { EgressSummary } from "../domain/EgressRecord.ts";
import type { ExecutionOutcome, ExecutionRequest } from "../domain/Execution.ts";
import { Job, type JobOutput, type JobReadRequest, type JobRequest } from "../domain/Job.ts";
import type { Owner } from "../domain/Owner.ts";
import type { FilePart, PutBack, Tree } from "../domain/WorkspaceTree.ts";

// Errors -----------------------------------------------------------------------------------------

/** The runtime behind the sandboxes cannot be reached or refuses to work. */
export class RuntimeUnavailable extends Schema.TaggedError<RuntimeUnavailable>()("RuntimeUnavailable", {}) {}
/** The sandbox image is missing and could not be built. */
export class ImageMissing extends Schema.TaggedError<ImageMissing>()("ImageMissing", { image: Schema.String }) {}
/** A sandbox did not come up. */
export class StartFailed extends Schema.TaggedError<StartFailed>()("StartFailed", {}) {}
/** The sandbox died under a request; the command may have run. The next request gets a fresh one. */
export class SandboxLost extends Schema.TaggedError<SandboxLost>()("SandboxLost", {}) {}
/** Every place is taken, for this principal or in all. */
export class NoCapacity extends Schema.TaggedError<NoCapacity>()("NoCapacity", {
  scope: Schema.Literals(["principal", "server"]),
  limit: Schema.Int,
}) {}

/** Every way in which a sandbox fails. */
export const SandboxErrorReason = Schema.Union([
  RuntimeUnavailable,
  ImageMissing,
  StartFailed,
  SandboxLost,
  NoCapacity,
]);
export type SandboxErrorReason = typeof SandboxErrorReason.Type;

/**
 * The sandbox itself failed, not the code in it; `detail` is for the log only.
 *
 * *Example* (go on when every sandbox is taken):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { Sandbox } from "@caisson/caisson";
 *
 * const reason = new Sandbox.NoCapacity({ scope: "server", limit: 100 });
 * const open = Effect.fail(new Sandbox.SandboxError({ reason, detail: "100 of 100 are open" }));
 * const message = open.pipe(
 *   Effect.catchTag("SandboxError", (error) => Effect.succeed(`later, please (${error.message})`)),
 * );
 * assert.equal(await Effect.runPromise(message), "later, please (sandbox failed: NoCapacity)");
 * ```
 */
export class SandboxError extends Schema.TaggedError<SandboxError>()("SandboxError", {
  reason: SandboxErrorReason,
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `sandbox failed: ${this.reason._tag}`;
  }
}

/**
 * A file operation that the sandbox refused, in words fit for the model: the path is the caller's
 * own. `UnsupportedFile` covers what is neither a regular file nor a directory, `Changed`
 * what was to be put back over something that somebody changed meanwhile.
 *
 * *Example* (let the model mend a path):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Sandbox } from "@caisson/caisson";
 *
 * const error = new Sandbox.FileError({ path: "/workspace/data.csv", reason: "NotFound", why: "no such file" });
 * assert.equal(error.message, "/workspace/data.csv: no such file");
 * ```
 */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  path: Schema.String,
  reason: Schema.Literals([
    "NotFound",
    "IsDirectory",
    "NotADirectory",
    "PermissionDenied",
    "ReadOnly",
    "NoSpace",
    "TooLarge",
    "NotText",
    "UnsupportedFile",
    "InvalidPath",
    "NotPython",
    "NoSuchFunction",
    "Changed",
    "Other",
  ]),
  why: Schema.String,
}) {
  override get message(): string {
    return `${this.path}: ${this.why}`;
  }
}

/**
 * A stream of bytes to a port of the sandbox that could not be opened, or ended before its end.
 *
 * *Details*: `Refused` means that nothing listens there, `TooMany` that the sandbox has as many streams as it
 * may, `Reset` that one of its ends gave it up, `NotRunning` that the owner has no sandbox now, `Unsupported` that
 * this kind of sandbox has no streams.
 */
export class StreamError extends Schema.TaggedError<StreamError>()("StreamError", {
  reason: Schema.Literals(["Refused", "TooMany", "Reset", "NotRunning", "Unsupported"]),
  why: Schema.String,
}) {
  override get message(): string {
    return this.why;
  }
}

/**
 * A background job that could not be started, or is not there.
 *
 * *Details*: `NoSuchJob` means that this sandbox has none of that id, or forgot it; `TooMany` that as many run as
 * may; `Refused` that the command or the reading cannot be done; `why` is fit for the model.
 */
export class JobError extends Schema.TaggedError<JobError>()("JobError", {
  reason: Schema.Literals(["NoSuchJob", "TooMany", "Refused"]),
  why: Schema.String,
}) {
  override get message(): string {
    return this.why;
  }
}

// Data -------------------------------------------------------------------------------------------

/** One hardening control and whether it is in force. */
export interface SandboxControl {
  readonly name: string;
  readonly applied: boolean;
  readonly detail: string;
}

/** Which adapter is in use, why, and what it promises. */
export interface SandboxInfo {
  readonly kind: "docker" | "embedded" | "remote" | "scripted";
  /** One sentence: why this adapter and not another. */
  readonly why: string;
  /** What is sealed and what is not, control by control. */
  readonly controls: ReadonlyArray<SandboxControl>;
  /** What the model must know about this sandbox, one short sentence each (network, limits, software). */
  readonly notes: ReadonlyArray<string>;
  /** Wishes of the operator that are not met, a sentence each: which setting, and why. */
  readonly warnings?: ReadonlyArray<string>;
  /** Programs reach the world through the Egress port. */
  readonly hasEgress?: boolean;
}

/** The state of the sandboxes for `/health`. */
export interface SandboxHealth {
  readonly healthy: boolean;
  readonly detail: string;
  readonly open: number;
}

/** How an owner's sandbox is: there is none, it starts, nobody uses it, or somebody does. */
export const SandboxState = Schema.Literals(["none", "starting", "idle", "busy"]);
export type SandboxState = typeof SandboxState.Type;

/** A command or a cell that runs now. */
export const RunningCommand = Schema.Struct({
  kind: Schema.Literals(["shell", "python"]),
  /** The beginning of it. */
  command: Schema.String,
  startedAtMs: Schema.Number,
});
export type RunningCommand = typeof RunningCommand.Type;

/** What an owner's sandbox does, seen without starting one. */
export const SandboxLook = Schema.Struct({
  /** Absent where it cannot be told. */
  state: Schema.optionalKey(SandboxState),
  /** What runs now, the oldest first. */
  commands: Schema.Array(RunningCommand),
  /** The background jobs that run and the last that ended, the oldest first. */
  jobs: Schema.Array(Job),
});
export type SandboxLook = typeof SandboxLook.Type;

/** A sandbox that cannot be seen from here. */
export const unseen: SandboxLook = { commands: [], jobs: [] };

/** How much an owner's sandbox uses of what it may, in bytes; a bound is absent where there is none on the whole. */
export const SandboxUse = Schema.Struct({
  /** Of the programs and the memory file systems. */
  memoryBytes: Schema.Number,
  memoryBytesMax: Schema.optionalKey(Schema.Number),
  /** Of the workspace. */
  diskBytes: Schema.Number,
  diskBytesMax: Schema.optionalKey(Schema.Number),
});
export type SandboxUse = typeof SandboxUse.Type;

/** A page of a text file or a directory listing. */
export interface FileText {
  readonly text: string;
  /** More follows: ask again from `next`. */
  readonly truncated: boolean;
  /** Where to read on when more follows; a column when the page ends inside a line. */
  readonly next?: { readonly offset: number; readonly column?: number };
  /** What the reader must know of the page, one sentence: for example that its letters are a guess. */
  readonly note?: string;
}

/** Which lines of a file to read. */
export interface ReadTextOptions {
  /** 0-based first line. */
  readonly offset: number;
  /** Bytes of the first line to leave out, as a page that was cut inside it said; 0 when absent. */
  readonly column?: number;
  /** Lines to return; all that fit the bound when absent. */
  readonly lineCount?: number;
}

/** What becomes a file: all of it, or a stream of it that nobody needs to hold as a whole. */
export type FileContent = Uint8Array | Stream.Stream<Uint8Array, SandboxError | FileError>;

/** What a file is put together from: all of it, or its parts in their order. */
export type FileParts = Uint8Array | Stream.Stream<FilePart, SandboxError | FileError>;

/** A file in the workspace. */
export interface FileEntry {
  /** Absolute path inside the sandbox. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/**
 * Bytes both ways between the server and a program in a sandbox.
 *
 * *Details*: each way holds at most a window of 256 KiB, so that a side that does not read makes the other
 * wait; each direction ends on its own. One reader and one writer at a time.
 */
export interface SandboxStream {
  /** The next bytes, undefined at their end. *Fails with* `StreamError` (`Reset`), `SandboxError`. */
  readonly read: Effect.Effect<Uint8Array | undefined, StreamError | SandboxError>;
  /**
   * Sends bytes, waiting until all of them are on their way.
   *
   * *Fails with* `StreamError` (`Reset`), also after `end`, `SandboxError`.
   */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StreamError | SandboxError>;
  /** Tells the program that no more bytes will come; what it sends can still be read. */
  readonly end: Effect.Effect<void>;
  /** Gives both directions up at once. */
  readonly reset: Effect.Effect<void>;
}

/** The workspace as a whole, for a sandbox that can list it and put parts of it back; no link is ever followed. */
export interface WorkspaceTree {
  /**
   * Lists the workspace without looking into files.
   *
   * *Details*: passed over are installed packages (`node_modules`, `site-packages`, virtual environments), caches
   * and our own files, except for those under `/artifacts`. At most `entriesMax` entries in bounded bytes.
   *
   * *Fails with* `SandboxError`, `FileError` when there is no memory or space for the list.
   */
  readonly list: (entriesMax: number) => Effect.Effect<Tree, SandboxError | FileError>;
  /**
   * Bytes that may still be written to the workspace.
   *
   * *Fails with* `SandboxError`, `FileError` when measuring takes too long.
   */
  readonly room: Effect.Effect<number, SandboxError | FileError>;
  /**
   * Writes a file as `writeFile` does, from parts of which some lie in the workspace already, and returns its bytes.
   *
   * *Details*: what is copied does not leave the sandbox, and shares its space where the file system can do that.
   *
   * *Fails with* `FileError`: `Changed` when a file is no longer the one that a range names; `SandboxError`, and as
   * the parts do.
   */
  readonly assemble: (
    path: string,
    parts: FileParts,
  ) => Effect.Effect<number, SandboxError | FileError>;
  /**
   * Does one step, all or nothing; missing directories on the way are made.
   *
   * *Fails with* `FileError`: `Changed` when something else stands there than was expected, `IsDirectory` when a
   * directory to be removed is not empty; `SandboxError`.
   */
  readonly putBack: (step: PutBack) => Effect.Effect<void, SandboxError | FileError>;
}

/**
 * Commands that go on when the call that started them has ended.
 *
 * *Details*: they end with their time, by `kill`, and with the sandbox: at a reset, a stop, its death, or when the
 * server ends. A running job keeps the sandbox of an owner who is not ephemeral. Of the two streams together the
 * first 32 KiB and the last 128 KiB are kept.
 */
export interface SandboxJobs {
  /** Starts a job. *Fails with* `JobError` (`TooMany`, `Refused`), `SandboxError`. */
  readonly start: (request: JobRequest) => Effect.Effect<Job, JobError | SandboxError>;
  /**
   * The jobs that run and the last ones that ended, oldest first; none when the sandbox was started anew.
   *
   * *Fails with* `SandboxError`, and `JobError` (`Refused`) when it turns out only now that there are no jobs.
   */
  readonly list: Effect.Effect<ReadonlyArray<Job>, JobError | SandboxError>;
  /** Reads what a job printed. *Fails with* `JobError` (`NoSuchJob`, `Refused`), `SandboxError`. */
  readonly read: (id: string, request: JobReadRequest) => Effect.Effect<JobOutput, JobError | SandboxError>;
  /** Ends a job with all its processes; one that has ended stays as it is. *Fails with* `JobError`, `SandboxError`. */
  readonly kill: (id: string) => Effect.Effect<Job, JobError | SandboxError>;
}

// Port -------------------------------------------------------------------------------------------

/**
 * An owner's sandbox, valid while the scope that opened it is open.
 *
 * Paths may be relative to `/workspace`, which `~` means as well. Every effect is interruptible: interrupting `execute`
 * kills the command's whole process tree before the interruption completes.
 */
export interface SandboxHandle {
  /** Identifies the running sandbox in logs; changes when it is replaced. */
  readonly id: string;
  /**
   * Runs a command with bash in `/workspace`, concurrently with others of the same owner.
   *
   * *Fails with* `SandboxError` only; a command that fails, hangs or is killed is an outcome.
   */
  readonly execute: (request: ExecutionRequest) => Effect.Effect<ExecutionOutcome, SandboxError>;
  /**
   * Runs a cell of Python in a kernel, whose variables stay for its next cells.
   *
   * *Details*: cells of one kernel run in turn. A kernel starts with its first cell and ends with the sandbox; of
   * more than four the idle one that rested longest is ended. At the time limit, and when the effect is interrupted,
   * the cell gets a `KeyboardInterrupt` and keeps its variables; one that still runs three seconds later loses them
   * with its process. The outcome says what was lost.
   *
   * *Fails with* `SandboxError` only; a cell that raises, hangs or dies is an outcome.
   */
  readonly runCell: (request: CellRequest) => Effect.Effect<CellOutcome, SandboxError>;
  /**
   * Writes a whole file atomically, creating parents, and returns the bytes written. A link is followed
   * within the workspace; one that leads out of it is refused.
   *
   * *Details*: a stream is taken as fast as the sandbox writes; when it fails, or the effect is interrupted,
   * what was there before stays.
   *
   * *Fails with* `FileError` when the path is refused or there is no space, `SandboxError`, and as the
   * content does.
   */
  readonly writeFile: (path: string, content: FileContent) => Effect.Effect<number, SandboxError | FileError>;
  /**
   * Reads text by lines without loading the whole file; a directory is listed, a line an entry.
   *
   * *Fails with* `FileError` when there is no such file or it is not text, `SandboxError`.
   */
  readonly readText: (path: string, options: ReadTextOptions) => Effect.Effect<FileText, SandboxError | FileError>;
  /**
   * Streams bytes of a file in bounded pieces; `offset` and `length` choose a range, in bytes.
   *
   * *Fails with* `FileError` when there is no such regular file, `SandboxError`; both may come after
   * some bytes.
   */
  readonly readBytes: (
    path: string,
    range?: { readonly offset: number; readonly length?: number },
  ) => Stream.Stream<Uint8Array, SandboxError | FileError>;
  /**
   * Returns the docstring of a function, class or `Class.method` in a Python file or `/tools` module,
   * "" when it has none. The file is parsed, never executed.
   *
   * *Fails with* `FileError` when there is no such file or function or it is not Python, `SandboxError`.
   */
  readonly readDocstring: (path: string, name: string) => Effect.Effect<string, SandboxError | FileError>;
  /**
   * Lists regular files under `/workspace` and `/artifacts` changed at or after a time, newest first, at most `limit`.
   *
   * *Details*: passed over are hidden folders, installed packages (`node_modules`, `site-packages`), caches
   * and virtual environments. Looking is bounded in time and count: of a workspace of very many files, some
   * that were written in place may be missing.
   *
   * *Fails with* `SandboxError`.
   */
  readonly changedFiles: (sinceMs: number, limit: number) => Effect.Effect<ReadonlyArray<FileEntry>, SandboxError>;
  /**
   * Connects to a TCP port that a program in the sandbox listens on, at its loopback address.
   *
   * *Details*: at most 32 streams of a sandbox at once. Closing the scope gives the stream up.
   *
   * *Fails with* `StreamError` when nothing listens, there are too many, or this sandbox has no streams,
   * `SandboxError`.
   */
  readonly dial: (port: number) => Effect.Effect<SandboxStream, StreamError | SandboxError, Scope.Scope>;
  /** The workspace as a whole, to be kept and put back; absent where this kind of sandbox has no such thing. */
  readonly tree?: WorkspaceTree;
  /** Commands in the background; absent where this kind of sandbox has none. */
  readonly jobs?: SandboxJobs;
}

/** The `dial` of a sandbox that has no streams. */
export const noStreams: SandboxHandle["dial"] = () =>
  Effect.fail(new StreamError({ reason: "Unsupported", why: "this sandbox has no streams to its ports" }));

/** Where there is no sandbox to connect to. */
export const notRunning: Effect.Effect<never, StreamError> = Effect.failSync(() =>
  new StreamError({ reason: "NotRunning", why: "the sandbox is not running" })
);

/** The jobs of a sandbox. *Fails with* `JobError`, reason `Refused`, where it has none. */
export const jobsOf = ({ jobs }: Pick<SandboxHandle, "jobs">): Effect.Effect<SandboxJobs, JobError> =>
  jobs === undefined
    ? Effect.fail(
      new JobError({
        reason: "Refused",
        why: "this sandbox has no background jobs: run the command without background, within its time limit",
      }),
    )
    : Effect.succeed(jobs);

/** What a sandbox adapter offers. */
export interface SandboxService {
  readonly info: SandboxInfo;
  /** How the sandboxes are now; it never fails, a runtime that does not answer is not healthy. */
  readonly health: Effect.Effect<SandboxHealth>;
  /**
   * Opens the owner's sandbox, starting it when there is none.
   *
   * *Details*: concurrent callers of one owner share one sandbox, and a start that one caller gave up
   * goes on for the others. Closing the scope releases this use; the sandbox stops when it was idle
   * for the configured time, or at once when the owner is ephemeral.
   *
   * *Fails with* `SandboxError`; a failed start is not remembered.
   */
  readonly open: (owner: Owner) => Effect.Effect<SandboxHandle, SandboxError, Scope.Scope>;
  /**
   * Destroys the owner's sandbox and workspace; later opens start from nothing.
   *
   * *Fails with* `SandboxError` when the runtime does not let go of them; what was destroyed stays so.
   */
  readonly reset: (owner: Owner) => Effect.Effect<void, SandboxError>;
  /** What the owner's sandbox does, without starting one; absent where it cannot be told from here. */
  readonly look?: (owner: Owner) => Effect.Effect<SandboxLook>;
  /**
   * Measures the owner's sandbox without starting one, at most once a second; absent as {@link look}.
   *
   * *Details*: undefined when there is none that runs, and when it cannot be told in two seconds.
   */
  readonly use?: (owner: Owner) => Effect.Effect<SandboxUse | undefined>;
  /**
   * What programs of the owner's sandbox asked of the network since it started, without starting one; undefined when
   * nothing. Absent as {@link look}.
   */
  readonly egress?: (owner: Owner) => Effect.Effect<EgressSummary | undefined>;
  /**
   * Connects to a port of the owner's sandbox without starting one, and keeps it in use for the scope; absent as
   * {@link look}.
   *
   * *Fails with* what {@link SandboxHandle.dial} fails with, and `StreamError` (`NotRunning`).
   */
  readonly dial?: (
    owner: Owner,
    port: number,
  ) => Effect.Effect<SandboxStream, StreamError | SandboxError, Scope.Scope>;
  /** Whether there are ports to {@link dial} now; absent where having `dial` says it. */
  readonly hasPorts?: Effect.Effect<boolean>;
  /**
   * Stops the owner's sandbox under whoever uses it and keeps the workspace; absent as {@link look}.
   *
   * *Fails with* `SandboxError` when whoever has the sandbox cannot be reached.
   */
  readonly stop?: (owner: Owner) => Effect.Effect<void, SandboxError>;
}

/**
 * The Sandbox port.
 *
 * *Example* (replace the sandbox):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { cellNotRun, type ExecutionOutcome, Sandbox } from "@caisson/caisson";
 *
 * const done = { exitCode: 0, stderr: "", timedOut: false, truncated: false, oomKilled: false, durationMs: 1 };
 * const unsupported = (path: string) =>
 *   Effect.fail(new Sandbox.FileError({ path, reason: "Other", why: "this sandbox has no files" }));
 *
 * const echoing = Layer.succeed(
 *   Sandbox.Sandbox,
 *   Sandbox.Sandbox.of({
 *     info: { kind: "scripted", why: "an example asked for it", controls: [], notes: [] },
 *     health: Effect.succeed({ healthy: true, detail: "always", open: 0 }),
 *     reset: () => Effect.void,
 *     open: () =>
 *       Effect.succeed({
 *         id: "echoing",
 *         execute: ({ command }) =>
 *           Effect.succeed<ExecutionOutcome>({ ...done, stdout: command, stdoutBytes: command.length,
 * stderrBytes: 0 }),
 *         runCell: () => Effect.succeed(cellNotRun("there is no Python here")),
 *         writeFile: unsupported,
 *         readText: unsupported,
 *         readBytes: (path) => Stream.fromEffect(unsupported(path)),
 *         readDocstring: unsupported,
 *         changedFiles: () => Effect.succeed([]),
 *         dial: Sandbox.noStreams,
 *       }),
 *   }),
 * );
 *
 * const program = Effect.gen(function* () {
 *   const sandbox = yield* Sandbox.Sandbox;
 *   const handle = yield* sandbox.open({ principal: "example", user: "ada", ephemeral: true });
 *   return yield* handle.execute({ command: "ls", timeoutMs: 1_000 });
 * });
 * const outcome = await Effect.runPromise(Effect.scoped(Effect.provide(program, echoing)));
 * assert.equal(outcome.stdout, "ls");
 * ```
 */
export class Sandbox extends Context.Service<Sandbox, SandboxService>()("caisson/services/Sandbox") {}
