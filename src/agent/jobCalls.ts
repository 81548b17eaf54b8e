/**
 * What the tools for background jobs do.
 */
import { Clock, Effect } from "effect";
import type { executeBash, killJob, listJobs, readJob } from "../domain/agentTools.ts";
import { type Job, type JobOutput, type JobReadRequest, type JobRequest, jobSecondsMax } from "../domain/Job.ts";
import type { ToolResult } from "../domain/Tool.ts";
import { jobsOf, type SandboxHandle } from "../services/Sandbox.ts";

/** The life of a job when the model does not say. */
const lifeMsDefault = jobSecondsMax * 1_000;

/** How long a start waits for its end: a command that fails at once is told at once. */
const firstLookMs = 300;

const shown = (job: Job, nowMs: number): (typeof killJob.output)["Type"] => ({
  job_id: job.id,
  command: job.command,
  status: job.status,
  ...(job.exitCode !== undefined && { exit_code: job.exitCode }),
  seconds: Math.max(0, Math.round(((job.endedAtMs ?? nowMs) - job.startedAtMs) / 100) / 10),
  ...(job.note !== undefined && { note: job.note }),
});

const told = (structured: NonNullable<ToolResult["structured"]>): ToolResult => ({
  text: JSON.stringify(structured),
  isError: false,
  structured,
});

/** What a reader must know of a part beside its text. */
const leftOut = ({ offset }: JobOutput, asked: number | undefined): string | undefined => {
  const from = asked ?? 0;
  if (offset <= from) return undefined;
  return asked === undefined
    ? `The output begins earlier: offset 0 returns its first bytes.`
    : `Of ${offset - from} bytes from offset ${from} on nothing is kept.`;
};

/** Starts a command in the background, and looks once whether it is still there. */
export const startJob = Effect.fnUntraced(
  function* (sandbox: SandboxHandle, request: Partial<JobRequest> & Pick<JobRequest, "command">) {
    const jobs = yield* jobsOf(sandbox);
    const { id } = yield* jobs.start({ command: request.command, timeoutMs: request.timeoutMs ?? lifeMsDefault });
    const { job, text } = yield* jobs.read(id, { waitMs: firstLookMs });
    const note = job.status === "running"
      ? `It runs in the background: read_job tells how it goes on, kill_job ends it.`
      : job.note;
    const structured: (typeof executeBash.output)["Type"] = {
      exit_code: job.exitCode ?? (job.status === "running" ? 0 : 126),
      stdout: text,
      stderr: "",
      job_id: id,
      status: job.status,
      ...(note !== undefined && { note }),
    };
    return told(structured);
  },
);

/** Lists the jobs. */
export const listedJobs = Effect.fnUntraced(function* (sandbox: SandboxHandle) {
  const jobs = yield* (yield* jobsOf(sandbox)).list;
  const nowMs = yield* Clock.currentTimeMillis;
  const structured: (typeof listJobs.output)["Type"] = { jobs: jobs.map((job) => shown(job, nowMs)) };
  return told({ ...structured });
});

/** Reads a part of what a job printed. */
export const readingOf = Effect.fnUntraced(function* (
  sandbox: SandboxHandle,
  { id, ...request }: JobReadRequest & { readonly id: string },
) {
  const output = yield* (yield* jobsOf(sandbox)).read(id, request);
  const fields = shown(output.job, yield* Clock.currentTimeMillis);
  const note = [fields.note, leftOut(output, request.offset)].filter((part) => part !== undefined).join(" ");
  const structured: (typeof readJob.output)["Type"] = {
    ...fields,
    output: output.text,
    offset: output.offset,
    next_offset: output.nextOffset,
    total_bytes: output.totalBytes,
    ...(note !== "" && { note }),
  };
  return told(structured);
});

/** Ends a job. */
export const killing = Effect.fnUntraced(function* (sandbox: SandboxHandle, { id }: Pick<Job, "id">) {
  const job = yield* (yield* jobsOf(sandbox)).kill(id);
  return told(shown(job, yield* Clock.currentTimeMillis));
});
