/**
 * What a model is told of background jobs.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { makeToolCalls } from "../../../src/agent/toolHandlers.ts";
import type { Job } from "../../../src/domain/Job.ts";
import { JobError, noStreams, type SandboxHandle, type SandboxJobs } from "../../../src/services/Sandbox.ts";
import { it } from "../../support/it.ts";

const job: Job = { id: "job-1", command: "python3 -m http.server", status: "running", startedAtMs: 0 };
const never = () => Effect.die("nobody asked for this");

const handleWith = (jobs?: SandboxJobs): SandboxHandle => ({
  id: "scripted",
  execute: never,
  runCell: never,
  writeFile: never,
  readText: never,
  readBytes: () => {
    throw new Error("nobody asked for this");
  },
  readDocstring: never,
  changedFiles: never,
  dial: noStreams,
  ...(jobs !== undefined && { jobs }),
});

const jobsOf = (given: Partial<SandboxJobs>): SandboxJobs => ({
  start: never,
  list: Effect.succeed([]),
  read: never,
  kill: never,
  ...given,
});

const call = (name: string, given: object, jobs?: SandboxJobs) =>
  Effect.map(
    makeToolCalls()({ id: "call_1", name, argumentsJson: JSON.stringify(given) }, Effect.succeed(handleWith(jobs))),
    ({ text, isError, structured }) => ({ text, isError, structured }),
  );

const reading = { job, text: "Serving", offset: 0, nextOffset: 7, totalBytes: 7 };

it.effect("execute_bash names the job and what it printed first when it goes on in the background", () =>
  Effect.gen(function* () {
    const asked: Array<unknown> = [];
    const jobs = jobsOf({
      start: (request) => Effect.sync(() => (asked.push(request), job)),
      read: () => Effect.succeed(reading),
    });
    const { structured } = yield* call("execute_bash", { command: job.command, background: true }, jobs);
    assert.deepEqual(structured, {
      exit_code: 0,
      stdout: "Serving",
      stderr: "",
      job_id: "job-1",
      status: "running",
      note: "It runs in the background: read_job tells how it goes on, kill_job ends it.",
    });
    yield* call("execute_bash", { command: "x", background: true, timeout: 5 }, jobs);
    assert.deepEqual(asked, [{ command: job.command, timeoutMs: 3_600_000 }, { command: "x", timeoutMs: 5_000 }]);
  }));

it.effect("execute_bash tells the end of a job that failed at once", () =>
  Effect.gen(function* () {
    const failed: Job = { ...job, status: "exited", exitCode: 127, endedAtMs: 10 };
    const jobs = jobsOf({
      start: () => Effect.succeed(job),
      read: () => Effect.succeed({ ...reading, job: failed, text: "not found" }),
    });
    const { structured } = yield* call("execute_bash", { command: "nope", background: true }, jobs);
    assert.deepEqual(structured, {
      exit_code: 127,
      stdout: "not found",
      stderr: "",
      job_id: "job-1",
      status: "exited",
    });
  }));

it.effect("read_job says what of the output is not there", () =>
  Effect.gen(function* () {
    const asked: Array<unknown> = [];
    const jobs = jobsOf({
      read: (id, request) => Effect.sync(() => (asked.push([id, request]), { ...reading, offset: 90, nextOffset: 97 })),
    });
    const { structured } = yield* call("read_job", { job_id: "job-1", offset: 10, wait: 2 }, jobs);
    assert.deepEqual(asked, [["job-1", { offset: 10, waitMs: 2_000 }]]);
    assert.equal(structured?.["note"], "Of 80 bytes from offset 10 on nothing is kept.");
    const end = yield* call("read_job", { job_id: "job-1" }, jobs);
    assert.equal(end.structured?.["note"], "The output begins earlier: offset 0 returns its first bytes.");
  }));

it.effect("tools of jobs refuse in words what is not there, and sandboxes without processes", () =>
  Effect.gen(function* () {
    const jobs = jobsOf({ kill: () => Effect.fail(new JobError({ reason: "NoSuchJob", why: "there is no job x" })) });
    const refused = yield* call("kill_job", { job_id: "x" }, jobs);
    assert.deepEqual([refused.isError, refused.text], [true, "Error: there is no job x"]);
    assert.deepEqual((yield* call("list_jobs", {}, jobs)).structured, { jobs: [] });
    for (const [name, given] of [["list_jobs", {}], ["execute_bash", { command: "x", background: true }]] as const) {
      const { isError, text } = yield* call(name, given);
      assert.ok(isError && text.startsWith("Error: this sandbox has no background jobs"), text);
    }
  }));
