/**
 * Background jobs on a link: commands that nobody waits for, remembered as long as the link lives.
 */
import { Buffer } from "node:buffer";
import { Clock, Deferred, Duration, Effect, FiberSet, type Scope } from "effect";
import { randomBytes } from "node:crypto";
import { headOf } from "../../../domain/cutText.ts";
import {
  type Job,
  jobCommandCharsMax,
  type JobOutput,
  type JobReadRequest,
  type JobRequest,
  jobsKeptMax,
  jobsRunningMax,
} from "../../../domain/Job.ts";
import { JobError, type SandboxError, type SandboxJobs } from "../../../services/Sandbox.ts";
import { type ExecuteContext, refusal, type Running, supervise, untilStopped } from "./execute.ts";
import type { Ending } from "./Execution.ts";
import { type FilesContext, request } from "./files.ts";
import { Ask, decodeJobPart, encodeExec, encodeJobRead, ExitFlag } from "./frames.ts";
import { lost } from "./LinkSession.ts";

/** Bytes of output that one reading returns: what a model reads in one go. */
const readBytesMax = 32 * 1024;
/** Random bytes in the ids of jobs: those of a sandbox that is gone must not mean others. */
const idBytes = 2;

/** Characters of why a job did not start. */
const startWordsMax = 200;

/** The jobs of a link, and how long one of them runs. */
export interface LinkJobs extends SandboxJobs {
  /** Waits until a job has ended; there may be none of that id. */
  readonly ended: (id: string) => Effect.Effect<void>;
  /** The jobs as they are now. */
  readonly listed: () => ReadonlyArray<Job>;
  /** Ends a job as the port's `kill` does; `why` is told to who asks for it. */
  readonly kill: (id: string, why?: string) => Effect.Effect<Job, JobError>;
}

/** A job: *starting*, *running* under its frame, or *ended*. */
interface Kept {
  job: Job;
  why: string | undefined;
  readonly stop: Deferred.Deferred<void>;
  readonly running: Deferred.Deferred<Running>;
  readonly ended: Deferred.Deferred<void>;
}

const endOf = (ending: Ending): Pick<Job, "status" | "exitCode" | "note"> => {
  switch (ending._tag) {
    case "Refused":
      return { status: "failed", note: `It could not be started: ${ending.why}.` };
    case "Lost":
      return { status: "failed", note: "Its sandbox is gone." };
    case "Threw":
      return { status: "failed" };
    case "Outcome": {
      const { flags, outcome: { exitCode, oomKilled, timedOut, note, stderr, stderrBytes } } = ending;
      const remarks = [
        // What a job prints is counted and stays in the sandbox; what came all the same is the supervisor's own word.
        stderr === "" || stderrBytes > 0 ? "" : `It could not be started: ${headOf(stderr.trim(), startWordsMax)}.`,
        oomKilled ? "The sandbox ran out of memory." : "",
        note ?? "",
      ].filter((part) => part !== "");
      return {
        status: timedOut ? "timed_out" : flags & ExitFlag.cancelled ? "killed" : "exited",
        exitCode,
        ...(remarks.length > 0 && { note: remarks.join(" ") }),
      };
    }
  }
};

/** Bytes that the beginning of a text gives up so that it does not end inside a UTF-8 character. */
const cutBytes = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
};

/** Bytes at the beginning of a text that belong to a character before it. */
const continuationBytes = (bytes: Uint8Array): number => {
  let count = 0;
  while (count < 3 && count < bytes.length && ((bytes[count] ?? 0) & 0xc0) === 0x80) count++;
  return count;
};

/** Reads what the job of an entry printed. */
const readingOf = (context: ExecuteContext, files: FilesContext) => {
  const part = Effect.fnUntraced(function* (entry: Kept, offset: number) {
    const { id: frame } = yield* Deferred.await(entry.running);
    const answer = yield* request(
      files,
      entry.job.id,
      readBytesMax,
      (ident) => void context.session.send(Ask.jobRead, ident, encodeJobRead(frame, offset, readBytesMax)),
    ).pipe(
      Effect.catchTag("FileError", ({ why }) => Effect.fail(new JobError({ reason: "Refused", why }))),
    );
    return decodeJobPart(answer) ?? (yield* lost("what a job printed came malformed"));
  });

  const read = Effect.fnUntraced(function* (
    entry: Kept,
    { offset, waitMs }: JobReadRequest,
  ): Effect.fn.Return<JobOutput, JobError | SandboxError> {
    if (waitMs > 0) yield* Effect.raceFirst(Deferred.await(entry.ended), Effect.sleep(Duration.millis(waitMs)));
    // What did not start, or is gone with its sandbox, left nothing to read.
    if (entry.job.status === "failed") return { job: entry.job, text: "", offset: 0, nextOffset: 0, totalBytes: 0 };
    const first = offset === undefined
      ? Math.max(0, (yield* part(entry, Number.MAX_SAFE_INTEGER)).total - readBytesMax)
      : Math.max(0, Math.min(Math.floor(offset), Number.MAX_SAFE_INTEGER));
    const { total, start: begin, bytes } = yield* part(entry, first);
    if (bytes.length > readBytesMax) return yield* lost("a job told more than was asked");
    const skipped = begin > 0 && begin !== offset ? continuationBytes(bytes) : 0;
    const kept = bytes.subarray(skipped);
    // Of what will go on, a character that is not whole is left for the next reading.
    const goesOn = begin + bytes.length < total || entry.job.status === "running";
    const whole = kept.subarray(0, kept.length - (goesOn ? cutBytes(kept) : 0));
    return {
      job: entry.job,
      text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(whole),
      offset: begin + skipped,
      nextOffset: begin + skipped + whole.length,
      totalBytes: total,
    };
  });

  return read;
};

/** Runs the job of an entry, and notes how it ended. */
const runToEnd = (
  context: ExecuteContext,
  entry: Kept,
  command: Uint8Array,
  timeoutMs: number,
): Effect.Effect<void> => {
  const begun = {
    kind: Ask.exec,
    encode: (limitMs: number, outputName: string) =>
      encodeExec({ timeoutMs: limitMs, outputBytesMax: 0, withStdin: false, isBackground: true, outputName }, command),
  };
  return supervise(context, { timeoutMs }, begun, (running) => {
    Deferred.doneUnsafe(entry.running, Effect.succeed(running));
    return untilStopped(context, running, Deferred.await(entry.stop));
  }).pipe(
    Effect.flatMap((ending) =>
      Effect.map(Clock.currentTimeMillis, (endedAtMs) => {
        const end = endOf(ending);
        const note = [entry.why, end.note].filter((remark) => remark !== undefined).join(" ");
        entry.job = { ...entry.job, ...end, endedAtMs, ...(note !== "" && { note }) };
      })
    ),
    Effect.ensuring(Deferred.succeed(entry.ended, undefined)),
  );
};

const noSuchJob = (id: string) =>
  new JobError({
    reason: "NoSuchJob",
    why: `there is no job ${headOf(id, 64).toWellFormed()}: list_jobs names those of this sandbox`,
  });

/** Makes the jobs of a link; closing the scope waits for none of them. */
export const linkJobs = Effect.fnUntraced(function* (
  context: ExecuteContext,
  files: FilesContext,
  fibers: FiberSet.FiberSet<void>,
): Effect.fn.Return<LinkJobs, never, Scope.Scope> {
  const linkName = randomBytes(idBytes).toString("hex");
  const kept = new Map<string, Kept>();
  const read = readingOf(context, files);
  let started = 0;

  const find = (id: string) => {
    const found = kept.get(id);
    return found === undefined ? Effect.fail(noSuchJob(id)) : Effect.succeed(found);
  };

  const forgetOldest = () => {
    for (const [id, { job }] of kept) {
      if (kept.size < jobsKeptMax) return;
      if (job.status !== "running") kept.delete(id);
    }
  };

  const start = Effect.fnUntraced(function* ({ command, timeoutMs }: JobRequest) {
    if (context.session.failure !== undefined) return yield* context.session.failure;
    const bytes = Buffer.from(command, "utf8");
    const refused = refusal(bytes);
    if (refused !== undefined) return yield* new JobError({ reason: "Refused", why: refused });
    if ([...kept.values()].filter(({ job }) => job.status === "running").length >= jobsRunningMax) {
      const why = `${jobsRunningMax} background jobs run already: end one with kill_job`;
      return yield* new JobError({ reason: "TooMany", why });
    }
    forgetOldest();
    const entry: Kept = {
      job: {
        id: `job-${linkName}-${++started}`,
        command: headOf(command.toWellFormed(), jobCommandCharsMax),
        status: "running",
        startedAtMs: yield* Clock.currentTimeMillis,
      },
      why: undefined,
      stop: yield* Deferred.make<void>(),
      running: yield* Deferred.make<Running>(),
      ended: yield* Deferred.make<void>(),
    };
    kept.set(entry.job.id, entry);
    yield* FiberSet.run(fibers, runToEnd(context, entry, bytes, timeoutMs));
    yield* Deferred.await(entry.running);
    return entry.job;
  });

  return {
    start,
    read: (id, request) => Effect.flatMap(find(id), (entry) => read(entry, request)),
    list: Effect.sync(() => [...kept.values()].map(({ job }) => job)),
    kill: Effect.fnUntraced(function* (id, why) {
      const entry = yield* find(id);
      if (entry.job.status === "running") entry.why ??= why;
      yield* Deferred.succeed(entry.stop, undefined);
      yield* Deferred.await(entry.ended);
      return entry.job;
    }),
    ended: (id) =>
      Effect.suspend(() => {
        const entry = kept.get(id);
        return entry === undefined ? Effect.void : Deferred.await(entry.ended);
      }),
    listed: () => [...kept.values()].map(({ job }) => job),
  };
});
