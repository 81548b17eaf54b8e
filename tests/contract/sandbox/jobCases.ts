/**
 * Cases of the Sandbox contract about commands that go on in the background.
 */
import assert from "node:assert/strict";
import { Effect, Schedule } from "effect";
import { jobsKeptMax, jobsRunningMax } from "../../../src/domain/Job.ts";
import { jobsOf, Sandbox, type SandboxHandle, type SandboxJobs } from "../../../src/services/Sandbox.ts";
import { type Cases, cleaned, freshOwner, run, text, using } from "./SandboxCases.ts";

const lifeMs = 200_000;
/** Longer than any of these jobs takes to end, and no longer than a reading of a remote one may wait. */
const waitMs = 60_000;

const reasonOf = <A>(effect: Effect.Effect<A, { readonly _tag: string; readonly reason: unknown }>) =>
  Effect.map(Effect.flip(effect), ({ _tag, reason }) => [_tag, reason]);

/** Asks again until what is told is enough; the case's own deadline bounds it. */
const eventually = <A, E>(ask: Effect.Effect<A, E>, until: (told: A) => boolean) =>
  Effect.repeat(ask, { until, schedule: Schedule.spaced(20) });

/** A program that takes every process there is, and each that is let go. */
const takesAll = `import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    except OSError:
        time.sleep(0.01)`;

/** Registers them for one adapter. */
export const jobCases = ({ it, withHandle: each, capabilities }: Cases): void => {
  const withJobs = (
    title: string,
    body: (jobs: SandboxJobs, handle: SandboxHandle) => Effect.Effect<unknown, unknown>,
  ) =>
    each(title, (handle) => Effect.flatMap(jobsOf(handle), (jobs) => body(jobs, handle)), { needs: "realProcesses" });

  each(
    "a job that takes every process is named by what fails for it, and killed with all that it started",
    (handle) =>
      Effect.gen(function* () {
        const jobs = yield* jobsOf(handle);
        assert.equal((yield* run(handle, "false")).note, undefined);
        const bomb = yield* jobs.start({ command: `python3 -c '${takesAll}'`, timeoutMs: 600_000 });
        const isNamed = ({ note = "" }: { readonly note?: string }) =>
          note.includes(`kill_job ends one with all that it started: ${bomb.id} (`);
        // Until it has them all, and while it takes back what others let go, commands go on.
        const failed = yield* eventually(run(handle, "/bin/true; /bin/false", 1_000), isNamed);
        assert.notEqual(failed.exitCode, 0);
        const code = "import os\nfor _ in range(64):\n    if os.fork() == 0: os._exit(0)";
        const cell = yield* eventually(handle.runCell({ code, timeoutMs: 20_000 }), isNamed);
        assert.ok(cell.error !== undefined, JSON.stringify(cell));
        assert.deepEqual((yield* jobs.list).map(({ id, status }) => [id, status]), [[bomb.id, "running"]]);
        assert.equal((yield* jobs.kill(bomb.id)).status, "killed");
        const after = yield* run(handle, "/bin/echo back");
        assert.deepEqual([after.stdout, after.note], ["back\n", undefined]);
      }),
    { needs: "processBound" },
  );

  each("jobs say so where there are no processes", (handle) =>
    Effect.gen(function* () {
      const listed = Effect.flatMap(jobsOf(handle), (jobs) => jobs.list);
      if (capabilities.realProcesses) assert.deepEqual(yield* listed, []);
      else assert.deepEqual(yield* reasonOf(listed), ["JobError", "Refused"]);
    }));

  withJobs(
    "a job goes on beside commands, is read in parts, and is killed with its tree",
    (jobs, handle) =>
      Effect.gen(function* () {
        const command =
          "echo grüße; echo err >&2; while [ ! -e go ]; do sleep 0.05; done; echo two; sleep 61 & sleep 61";
        const { id, status } = yield* jobs.start({ command, timeoutMs: lifeMs });
        assert.equal(status, "running");
        const first = yield* eventually(
          jobs.read(id, { offset: 0, waitMs: 0 }),
          ({ text }) => text.includes("err") && text.includes("grüße\n"),
        );
        assert.deepEqual([first.offset, first.totalBytes, first.nextOffset], [0, 12, 12]);
        yield* run(handle, "touch go");
        const next = yield* eventually(
          jobs.read(id, { offset: first.nextOffset, waitMs: 0 }),
          ({ text }) => text !== "",
        );
        assert.deepEqual([next.text, next.offset], ["two\n", 12]);
        assert.deepEqual((yield* jobs.list).map((job) => [job.id, job.status]), [[id, "running"]]);
        assert.equal((yield* jobs.kill(id)).status, "killed");
        assert.equal((yield* jobs.kill(id)).status, "killed");
        assert.equal((yield* run(handle, "pgrep -f 'sleep 6[1]' || echo none")).stdout, "none\n");
        assert.equal((yield* jobs.read(id, { waitMs: 0 })).text.split("\n").length, 4);
      }),
  );

  withJobs("a job that ends or outlives its time says how", (jobs) =>
    Effect.gen(function* () {
      const failing = yield* jobs.start({ command: "echo no >&2; exit 3", timeoutMs: lifeMs });
      const { job, text: printed } = yield* jobs.read(failing.id, { waitMs });
      assert.deepEqual([job.status, job.exitCode, printed], ["exited", 3, "no\n"]);
      const late = yield* jobs.start({ command: "sleep 60", timeoutMs: 200 });
      const ended = yield* jobs.read(late.id, { waitMs });
      assert.deepEqual([ended.job.status, ended.job.exitCode], ["timed_out", 124]);
    }));

  withJobs(
    "a job that floods keeps its beginning and its end, and says what is left out",
    (jobs) =>
      Effect.gen(function* () {
        const { id } = yield* jobs.start({
          command: "echo begin; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end",
          timeoutMs: lifeMs,
        });
        const last = yield* jobs.read(id, { waitMs });
        assert.deepEqual([last.job.status, last.totalBytes], ["exited", 50_000_011]);
        assert.ok(last.text.endsWith("x\nend\n") && last.text.length <= 32_768, `${last.text.length}`);
        assert.ok((yield* jobs.read(id, { offset: 0, waitMs: 0 })).text.startsWith("begin\nxxx"));
        const middle = yield* jobs.read(id, { offset: 1_000_000, waitMs: 0 });
        assert.ok(middle.offset > 49_000_000, `${middle.offset}`);
        const after = yield* jobs.read(id, { offset: 60_000_000, waitMs: 0 });
        assert.deepEqual([after.text, after.nextOffset], ["", 50_000_011]);
      }),
  );

  it("a running job keeps its sandbox, is told without opening it, and a stop ends it", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        assert.ok(sandbox.look !== undefined && sandbox.stop !== undefined);
        const look = sandbox.look(owner);
        const jobs = Effect.map(look, (seen) => seen.jobs);
        const { id } = yield* using(
          owner,
          (handle) =>
            Effect.flatMap(
              jobsOf(handle),
              (each) => each.start({ command: "while [ ! -e go ]; do sleep 0.05; done", timeoutMs: lifeMs }),
            ),
        );
        assert.deepEqual((yield* jobs).map((job) => [job.id, job.status]), [[id, "running"]]);
        assert.equal((yield* look).state, "busy");
        const statusOf = (handle: SandboxHandle) =>
          Effect.map(Effect.flatMap(jobsOf(handle), (each) => each.list), ([job]) => job?.status);
        assert.equal(yield* using(owner, statusOf), "running");
        yield* using(owner, (handle) => run(handle, "touch go"));
        // No time of rest is left to it then.
        yield* eventually(look, ({ state }) => state === "none");
        assert.deepEqual(yield* jobs, []);
        yield* using(
          owner,
          (handle) => Effect.flatMap(jobsOf(handle), (each) => each.start({ command: "sleep 63", timeoutMs: lifeMs })),
        );
        yield* sandbox.stop(owner);
        assert.notEqual(yield* using(owner, statusOf), "running");
      }),
    );
  }, { needs: capabilities.realProcesses ? "ownLifecycle" : "realProcesses", settings: { sandboxIdleSeconds: 0 } });

  withJobs(
    "a job that forks, leaves its session and ignores signals ends with all of it",
    (jobs, handle) =>
      Effect.gen(function* () {
        const command =
          "trap '' TERM INT HUP; for i in 1 2 3; do setsid sh -c \"trap '' TERM HUP; sleep 67; sleep 67\" & done; sleep 67";
        const { id } = yield* jobs.start({ command, timeoutMs: lifeMs });
        yield* eventually(run(handle, "pgrep -c -f 'sleep 6[7]'"), ({ stdout }) => Number(stdout) >= 4);
        assert.equal((yield* jobs.kill(id)).status, "killed");
        assert.equal((yield* run(handle, "pgrep -f 'sleep 6[7]' || echo none")).stdout, "none\n");
      }),
  );

  each("a job that fills the workspace is ended, or its writes are refused", (handle) =>
    Effect.gen(function* () {
      const jobs = yield* jobsOf(handle);
      const command = "for i in 1 2 3 4 5 6 7 8; do head -c 4194304 /dev/zero > f$i || exit 3; done; sleep 600";
      const { id } = yield* jobs.start({ command, timeoutMs: lifeMs });
      const { job, text: printed } = yield* jobs.read(id, { waitMs });
      // Where the file system bounds the workspace, the job ends itself.
      if (job.status === "exited") return assert.match(printed, /No space|quota/i);
      assert.deepEqual([job.status, job.note], ["killed", "It was ended because it filled the workspace."]);
    }), { needs: "realProcesses", settings: { sandboxWorkspaceMb: 16 } });

  each("a server in a job is reached over a stream until the job is killed", (handle) =>
    Effect.gen(function* () {
      const jobs = yield* jobsOf(handle);
      yield* handle.writeFile("www/index.html", text("<h1>Grüße</h1>"));
      const { id } = yield* jobs.start({ command: "python3 -u -m http.server -d www 8123", timeoutMs: lifeMs });
      yield* eventually(jobs.read(id, { offset: 0, waitMs: 0 }), (told) => told.text.includes("Serving HTTP"));
      const answer = yield* Effect.scoped(Effect.gen(function* () {
        const stream = yield* handle.dial(8123);
        yield* stream.write(text("GET / HTTP/1.0\r\n\r\n"));
        const decoder = new TextDecoder();
        let all = "";
        for (let piece = yield* stream.read; piece !== undefined; piece = yield* stream.read) {
          all += decoder.decode(piece, { stream: true });
        }
        return all;
      }));
      assert.match(answer, /^HTTP\/1\.0 200 OK\r\n[^]*<h1>Grüße<\/h1>$/);
      assert.ok((yield* jobs.read(id, { waitMs: 0 })).text.includes('"GET / HTTP/1.0" 200'));
      yield* jobs.kill(id);
      assert.deepEqual(yield* reasonOf(Effect.scoped(handle.dial(8123))), ["StreamError", "Refused"]);
    }), { needs: "streams" });

  withJobs("jobs are bounded in number, and the oldest that ended is forgotten", (jobs) =>
    Effect.gen(function* () {
      const running = yield* Effect.forEach(
        Array.from({ length: jobsRunningMax }),
        () => jobs.start({ command: "sleep 60", timeoutMs: lifeMs }),
      );
      assert.deepEqual(yield* reasonOf(jobs.start({ command: "true", timeoutMs: lifeMs })), ["JobError", "TooMany"]);
      yield* Effect.forEach(running, ({ id }) => jobs.kill(id), { discard: true });
      for (let n = 0; n <= jobsKeptMax; n++) {
        const { id } = yield* jobs.start({ command: `echo ${n}`, timeoutMs: lifeMs });
        const { job, text: printed } = yield* jobs.read(id, { waitMs });
        assert.deepEqual([printed, job.exitCode, job.note], [`${n}\n`, 0, undefined]);
      }
      assert.equal((yield* jobs.list).length, jobsKeptMax);
      const [first] = running;
      assert.deepEqual(yield* reasonOf(jobs.read(first?.id ?? "", { waitMs: 0 })), ["JobError", "NoSuchJob"]);
      assert.deepEqual(yield* reasonOf(jobs.kill("job-\ud800")), ["JobError", "NoSuchJob"]);
      assert.deepEqual(yield* reasonOf(jobs.start({ command: "a\0b", timeoutMs: lifeMs })), ["JobError", "Refused"]);
    }));
};
