/**
 * `/v1/sandbox`: the sandbox of a user, looked at without starting one, stopped, and emptied.
 */
import { Effect, Schema } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import { Job } from "../../domain/Job.ts";
import type { Owner } from "../../domain/Owner.ts";
import {
  jobsOf,
  RunningCommand,
  Sandbox,
  type SandboxJobs,
  type SandboxLook,
  SandboxState,
  type SandboxUse,
  unseen,
} from "../../services/Sandbox.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Previews } from "../../services/Previews.ts";
import { Caller, UserName } from "../frame/Caller.ts";
import { JobNotFound } from "../frame/errors.ts";
import { egressFields, egressOut, grantedField, grantedOut } from "./egressWire.ts";
import { PreviewOut, previewsOf } from "./previews.ts";

/** A command in the background of a sandbox. */
export const JobOut = Schema.Struct({
  id: Schema.String,
  command: Schema.String.annotate({ description: "Its beginning" }),
  status: Job.fields.status,
  started_at: Schema.Int.annotate({ description: "Unix seconds" }),
  ended_at: Schema.NullOr(Schema.Int),
  exit_code: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "SandboxJob" });

/** A part of what a job printed. */
export const JobOutputOut = Schema.Struct({
  job: JobOut,
  text: Schema.String.annotate({ description: "Of both streams, as it was printed." }),
  offset: Schema.Number.annotate({
    description: "Where the text begins, in bytes; later than was asked where what stood there is not kept any more.",
  }),
  next_offset: Schema.Number.annotate({ description: "Where to read on." }),
  total_bytes: Schema.Number.annotate({ description: "Printed so far in all." }),
}).annotate({ identifier: "SandboxJobOutput" });

/** Which part of a job's output is read. */
export const JobQuery = {
  user: Schema.optionalKey(UserName),
  offset: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^\d{1,15}$/)).annotate({
      description: "The first byte wanted; the end of what it printed where it is absent.",
    }),
  ),
};

const secondsOf = (ms: number): number => Math.floor(ms / 1000);

const jobOut = ({ id, command, status, startedAtMs, endedAtMs, exitCode }: Job): typeof JobOut.Type => ({
  id,
  command,
  status,
  started_at: secondsOf(startedAtMs),
  ended_at: endedAtMs === undefined ? null : secondsOf(endedAtMs),
  exit_code: exitCode ?? null,
});

const CommandOut = Schema.Struct({
  kind: RunningCommand.fields.kind,
  command: Schema.String.annotate({ description: "Its beginning" }),
  started_at_ms: Schema.Number,
}).annotate({ identifier: "SandboxCommand" });

/** An amount in use and the most there may be. */
const MeasureOut = Schema.Struct({
  used_bytes: Schema.Number,
  max_bytes: Schema.NullOr(Schema.Number).annotate({ description: "Null where nothing bounds the whole." }),
}).annotate({ identifier: "SandboxMeasure" });

const measureOut = (usedBytes: number, maxBytes: number | undefined): typeof MeasureOut.Type => ({
  used_bytes: usedBytes,
  max_bytes: maxBytes ?? null,
});

/** A user's sandbox. */
export const SandboxOut = Schema.Struct({
  object: Schema.Literal("sandbox"),
  state: Schema.NullOr(SandboxState).annotate({
    description: "Null where it cannot be told: the sandboxes are those of a server that offers tools only.",
  }),
  kind: Schema.Literals(["docker", "embedded", "remote", "scripted"]),
  memory: Schema.NullOr(MeasureOut).annotate({
    description: "Of the programs and of /tmp, without cached files. Null while nothing runs that could be measured.",
  }),
  disk: Schema.NullOr(MeasureOut).annotate({ description: "Of the workspace. Null as `memory`." }),
  commands: Schema.Array(CommandOut).annotate({ description: "What runs now, the oldest first." }),
  jobs: Schema.Array(JobOut).annotate({
    description: "Commands in the background: those that run and the last that ended, oldest first. Empty where they " +
      "cannot be told.",
  }),
  previews: Schema.Array(PreviewOut).annotate({ description: "Links to ports that have not expired, by port." }),
  ...egressFields,
  ...grantedField,
}).annotate({ identifier: "Sandbox" });

interface UserQuery {
  readonly user?: string;
}

interface OutputQuery extends UserQuery {
  readonly offset?: string;
}

const sandboxOut = (
  kind: (typeof SandboxOut.Type)["kind"],
  { state, commands, jobs }: SandboxLook,
  use: SandboxUse | undefined,
): Omit<typeof SandboxOut.Type, "previews" | keyof typeof egressFields | keyof typeof grantedField> => ({
  object: "sandbox",
  state: state ?? null,
  kind,
  memory: use === undefined ? null : measureOut(use.memoryBytes, use.memoryBytesMax),
  disk: use === undefined ? null : measureOut(use.diskBytes, use.diskBytesMax),
  commands: commands.map(({ kind, command, startedAtMs }) => ({ kind, command, started_at_ms: startedAtMs })),
  jobs: jobs.map(jobOut),
});

/** Builds the handlers of the sandbox's endpoints. */
export const make = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const snapshots = yield* SnapshotStore;
  const previews = yield* Previews;

  const lookAt = (owner: Owner) => sandbox.look?.(owner) ?? Effect.succeed(unseen);

  const stateOf = (owner: Owner) =>
    Effect.all([
      lookAt(owner),
      sandbox.use?.(owner) ?? Effect.undefined,
      sandbox.egress?.(owner) ?? Effect.undefined,
      previewsOf(previews, owner),
    ], { concurrency: 4 }).pipe(
      Effect.map(([look, use, egress, links]) => ({
        ...sandboxOut(sandbox.info.kind, look, use),
        previews: links,
        ...egressOut(egress),
        ...grantedOut(egress),
      })),
    );

  /** Asks the jobs of a sandbox that has this one; a sandbox that has it not is not opened for it. */
  const withJob = <A, E, R>(owner: Owner, id: string, ask: (jobs: SandboxJobs) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const { jobs } = yield* lookAt(owner);
      if (!jobs.some((job) => job.id === id)) return yield* new JobNotFound({ id });
      return yield* Effect.flatMap(Effect.flatMap(sandbox.open(owner), jobsOf), ask);
    }).pipe(Effect.scoped, Effect.catchTag("JobError", () => Effect.fail(new JobNotFound({ id }))));

  const show = Effect.fnUntraced(function* (query: UserQuery) {
    return yield* stateOf((yield* Caller).ownerOf(query));
  });

  const stop = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* sandbox.stop?.(owner) ?? Effect.void;
    return yield* stateOf(owner);
  });

  const reset = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* previews.end(owner);
    yield* sandbox.reset(owner);
    yield* snapshots.erase(ownerKey(owner));
    return yield* stateOf(owner);
  });

  const readJob = Effect.fnUntraced(function* (id: string, { offset, ...query }: OutputQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const request = { waitMs: 0, ...(offset !== undefined && { offset: Number(offset) }) };
    const { job, text, offset: from, nextOffset, totalBytes } = yield* withJob(
      owner,
      id,
      (jobs) => jobs.read(id, request),
    );
    const body: typeof JobOutputOut.Type = {
      job: jobOut(job),
      text,
      offset: from,
      next_offset: nextOffset,
      total_bytes: totalBytes,
    };
    return body;
  });

  const killJob = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    return jobOut(yield* withJob(owner, id, (jobs) => jobs.kill(id)));
  });

  return { show, stop, reset, readJob, killJob };
});
