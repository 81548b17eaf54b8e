/**
 * A live connection to the supervisor inside a sandbox, as the operations of a sandbox handle.
 *
 * Everything the supervisor says is untrusted, bounded input: a frame that breaks the protocol or a
 * bound closes the link, and every operation then fails with `SandboxLost`.
 */
import { workspaceFolder } from "../../../domain/workspacePaths.ts";
import { randomBytes } from "node:crypto";
import { Clock, Deferred, Duration, Effect, FiberSet, type Scope, type Stream } from "effect";
import type { EgressSummary } from "../../../domain/EgressRecord.ts";
import type { ExecutionOutcome, ExecutionRequest } from "../../../domain/Execution.ts";
import {
  type FileError,
  SandboxError,
  type SandboxHandle,
  type SandboxStream,
  StartFailed,
  type WorkspaceTree,
} from "../../../services/Sandbox.ts";
import type { ByteChannel } from "./ByteChannel.ts";
import { execute, executeUntil, executeWithInput, withLastDeadline } from "./execute.ts";
import type { Alarm } from "./Deadlines.ts";
import { changedFiles, readDocstring, readText, usage, writeFile } from "./files.ts";
import { Ask, decodeCount, preamble, protocolVersion, Tell, type Usage } from "./frames.ts";
import { type LinkJobs, linkJobs } from "./jobs.ts";
import { LinkSession, lost } from "./LinkSession.ts";
import { readBytes } from "./readBytes.ts";
import { runCell } from "./runCell.ts";
import { workspaceTree } from "./tree.ts";

/** The operations of one supervisor; safe for concurrent use. */
export interface SupervisorLink extends Omit<SandboxHandle, "id"> {
  /** Completes with why when the link is dead; every pending and later operation fails with that error. */
  readonly closed: Effect.Effect<SandboxError>;
  readonly isClosed: () => boolean;
  readonly tree: WorkspaceTree;
  readonly jobs: LinkJobs;
  /** What programs asked of the network since the sandbox started; absent where they have no way out. */
  readonly egressed?: () => EgressSummary | undefined;
  /** One round trip through the supervisor's loop. *Fails with* `SandboxLost` when it takes too long. */
  readonly ping: Effect.Effect<void, SandboxError>;
  /**
   * Measures the workspace, counting entries no further than asked.
   *
   * *Fails with* `FileError` when it takes too long, `SandboxError`.
   */
  readonly usage: (entriesMax: number) => Effect.Effect<Usage, SandboxError | FileError>;
  /** Runs a command as `execute` does and kills it when `stop` completes first; what it printed is kept. */
  readonly executeUntil: (
    request: ExecutionRequest,
    stop: Effect.Effect<void>,
  ) => Effect.Effect<ExecutionOutcome, SandboxError>;
  /** Runs a command as `execute` does, its stdin fed from a stream whose end closes it. */
  readonly executeWithInput: <E>(
    request: ExecutionRequest,
    input: Stream.Stream<Uint8Array, E>,
  ) => Effect.Effect<ExecutionOutcome, SandboxError | E>;
  /**
   * Serves the streams that programs open at the supervisor's loopback listener, until the scope closes.
   *
   * *Details*: each is given up when its serving ends. While nobody attends an opening breaks the protocol; the
   * supervisor listens only where it was started with a port to listen on.
   */
  readonly attend: (serve: (stream: SandboxStream) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>;
}

/** Bounds of a link; what is absent takes the default that its constant explains. */
export interface SupervisorOptions {
  /** Bytes of stdout and of stderr that an outcome keeps, head and tail. */
  readonly outputBytesMax: number;
  /** Wait for the supervisor's hello. */
  readonly startTimeout: Duration.Duration;
  /** Workspace path as the sandbox sees it; `/workspace` when absent. */
  readonly workspace?: string;
  /** Bytes of text that one `readText` returns. */
  readonly textBytesMax?: number;
  /** Wait beyond a command's own limit before the sandbox counts as lost. */
  readonly grace?: Duration.Duration;
  /** Wait for the answer of a file operation before the sandbox counts as lost. */
  readonly answerTimeout?: Duration.Duration;
}

/** A page of text that a model can still read in one go. */
const textBytesMaxDefault = 256 * 1024;
/** The supervisor itself takes up to 4.5 s to kill a tree whose runner was stopped; a busy host gets as much again. */
const graceDefault = Duration.seconds(10);
/** Finding a line deep in a file of gigabytes takes a minute on a slow disk. */
const answerTimeoutDefault = Duration.minutes(2);
/** A loop that is alive answers within milliseconds, a busy host within a second. */
const pingMsMax = 5_000;
/** Frames of a few bytes, such as a pong. */
const smallAnswerBytes = 64;
/** Random bytes in the names of saved outputs: one workspace sees many links. */
const linkNameBytes = 6;

const startFailed = (detail: string): SandboxError => new SandboxError({ reason: new StartFailed(), detail });

const ping = (session: LinkSession): Effect.Effect<void, SandboxError> =>
  Effect.callback<void, SandboxError>((resume) => {
    if (session.failure !== undefined) return resume(Effect.fail(session.failure));
    const id = session.register({
      allowance: smallAnswerBytes,
      onLost: (error) => resume(Effect.fail(error)),
      onFrame: (kind) => {
        session.release(id);
        resume(Effect.void);
        return kind === Tell.pong;
      },
    });
    session.send(Ask.ping, id);
    return Effect.sync(() => void session.release(id));
  }).pipe(withLastDeadline(session, pingMsMax, "a ping"));

/** The alarm of a link, on the clock of whoever connects it; it ends with the scope. */
const linkAlarm: Effect.Effect<Alarm, never, Scope.Scope> = Effect.gen(function* () {
  const run = yield* FiberSet.makeRuntime<never, void, never>();
  const clock = yield* Clock.Clock;
  return {
    nowMs: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
    after: (ms, wake) => {
      const sleeper = run(Effect.andThen(Effect.sleep(ms), Effect.sync(wake)));
      return () => sleeper.interruptUnsafe();
    },
  };
});

const attend = (session: LinkSession): SupervisorLink["attend"] =>
  Effect.fnUntraced(function* (serve) {
    const run = yield* FiberSet.makeRuntime<never, void, never>();
    const clock = yield* Clock.Clock;
    const attendant = {
      onOpened: (stream: SandboxStream) => void run(Effect.ensuring(serve(stream), stream.reset)),
      nowMs: () => clock.currentTimeMillisUnsafe(),
    };
    yield* Effect.acquireRelease(
      Effect.sync(() => session.streams.attend(attendant)),
      () => Effect.sync(() => session.streams.attend(undefined)),
    );
  });

/**
 * Speaks to a supervisor over raw bytes: sends the preamble, waits for hello.
 *
 * *Details*: closing the scope closes the channel, which ends the supervisor and all it runs.
 *
 * *Fails with* `SandboxError`, reason `StartFailed`, when no hello of our version arrives in time.
 */
export const connect = Effect.fnUntraced(function* (
  channel: ByteChannel,
  options: SupervisorOptions,
): Effect.fn.Return<SupervisorLink, SandboxError, Scope.Scope> {
  const hello = yield* Deferred.make<void, SandboxError>();
  const closed = yield* Deferred.make<SandboxError>();
  // Made before the link, as the fibers of its jobs are below.
  const alarm = yield* linkAlarm;
  const session = new LinkSession(
    channel,
    (payload) => {
      const version = decodeCount(payload);
      Deferred.doneUnsafe(
        hello,
        version === protocolVersion
          ? Effect.void
          : Effect.fail(startFailed(`the supervisor speaks protocol ${version}, not ${protocolVersion}`)),
      );
    },
    (error) => {
      Deferred.doneUnsafe(hello, Effect.fail(startFailed(error.detail)));
      Deferred.doneUnsafe(closed, Effect.succeed(error));
    },
    Tell.hello,
    alarm,
  );
  // Made before the link, so that jobs see its end before anybody waits for theirs.
  const jobFibers = yield* FiberSet.make<void>();
  yield* Effect.acquireRelease(
    Effect.sync(() => session.start(preamble)),
    () => Effect.sync(() => session.fail(lost("the sandbox was released"))),
  );
  yield* Deferred.await(hello).pipe(
    Effect.timeoutOrElse({
      duration: options.startTimeout,
      orElse: () => Effect.fail(startFailed("the supervisor did not say hello in time")),
    }),
  );
  const workspace = options.workspace ?? workspaceFolder;
  const linkName = randomBytes(linkNameBytes).toString("hex");
  let commands = 0;
  const base = {
    session,
    outputBytesMax: options.outputBytesMax,
    savedDirectory: `${workspace}/.caisson/output`,
    nextName: () => `${linkName}-${++commands}`,
    graceMs: Duration.toMillis(options.grace ?? graceDefault),
    nowMs: alarm.nowMs,
  };
  const filesContext = {
    session,
    textBytesMax: options.textBytesMax ?? textBytesMaxDefault,
    answerTimeoutMs: Duration.toMillis(options.answerTimeout ?? answerTimeoutDefault),
  };
  // What a job comes to names no other.
  const jobs = yield* linkJobs({ ...base, jobs: () => [] }, filesContext, jobFibers);
  const commandsContext = { ...base, jobs: jobs.listed };
  return {
    execute: execute(commandsContext),
    runCell: runCell(commandsContext),
    executeUntil: executeUntil(commandsContext),
    executeWithInput: executeWithInput(commandsContext),
    writeFile: writeFile(filesContext),
    readText: readText(filesContext),
    readBytes: readBytes(filesContext),
    readDocstring: readDocstring(filesContext),
    changedFiles: changedFiles(filesContext, workspace, lost),
    usage: usage(filesContext, workspace, lost),
    tree: workspaceTree(filesContext, workspace),
    jobs,
    dial: session.streams.dial,
    attend: attend(session),
    ping: ping(session),
    closed: Deferred.await(closed),
    isClosed: () => session.failure !== undefined,
  };
});
