/** Jobs on a link whose supervisor says what it likes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Fiber } from "effect";
import { Ask, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../../../../support/it.ts";
import { frame, scripted } from "./scriptedSupervisor.ts";

const exit = (code: number, flags = 0, printedBytes = 0) => {
  const body = Buffer.alloc(22);
  body.writeInt32BE(code, 0);
  body.writeUInt16BE(flags, 4);
  body.writeBigUInt64BE(BigInt(printedBytes), 6);
  body.writeBigUInt64BE(BigInt(printedBytes), 14);
  return body;
};

const part = (total: number, start: number, bytes: Uint8Array) => {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(BigInt(total), 0);
  head.writeBigUInt64BE(BigInt(start), 8);
  return Buffer.concat([head, bytes]);
};

/** A link with one job on it; ids of frames count from 1. */
const withJob = Effect.gen(function* () {
  const supervisor = yield* scripted;
  const job = yield* supervisor.link.jobs.start({ command: "serve", timeoutMs: 1_000 });
  return { ...supervisor, job, jobs: supervisor.link.jobs };
});

/** Asks, and lets the supervisor answer the request of an id. */
const answering = <A, E>(ask: Effect.Effect<A, E>, answer: () => void) =>
  Effect.gen(function* () {
    const asking = yield* Effect.forkChild(ask);
    yield* Effect.yieldNow;
    answer();
    return yield* Fiber.join(asking);
  });

it.effect("a job that the supervisor refuses has failed, says why, and printed nothing", () =>
  Effect.gen(function* () {
    const { jobs, job, say } = yield* withJob;
    say(frame(Tell.error, 1, Buffer.concat([Buffer.from([0, 11]), Buffer.from("too many")])));
    const { job: now, text } = yield* jobs.read(job.id, { waitMs: 1 });
    assert.deepEqual([now.status, now.note, text], ["failed", "It could not be started: too many.", ""]);
  }));

it.effect("a reading leaves a character that is not whole to the next, and skips the rest of one that is lost", () =>
  Effect.gen(function* () {
    const { jobs, job, say } = yield* withJob;
    const bytes = Buffer.from("aü");
    const first = yield* answering(
      jobs.read(job.id, { offset: 0, waitMs: 0 }),
      () => say(frame(Tell.ok, 2, part(2, 0, bytes.subarray(0, 2)))),
    );
    assert.deepEqual([first.text, first.nextOffset], ["a", 1]);
    const later = yield* answering(
      jobs.read(job.id, { offset: 1, waitMs: 0 }),
      () => say(frame(Tell.ok, 3, part(9, 5, Buffer.concat([bytes.subarray(2), Buffer.from("b")])))),
    );
    assert.deepEqual([later.text, later.offset, later.nextOffset], ["b", 6, 7]);
  }));

it.effect("the link closes when a part of a job is malformed, and its jobs have failed", () =>
  Effect.gen(function* () {
    const { jobs, job, say, link } = yield* withJob;
    const error = yield* answering(
      Effect.flip(jobs.read(job.id, { offset: 0, waitMs: 0 })),
      () => say(frame(Tell.ok, 2, Buffer.alloc(3))),
    );
    assert.equal(error._tag, "SandboxError");
    say(frame(Tell.display, 1, Buffer.alloc(3)));
    assert.ok(link.isClosed());
    yield* jobs.ended(job.id);
    assert.deepEqual(jobs.listed().map(({ status, note }) => [status, note]), [["failed", "Its sandbox is gone."]]);
  }));

it.effect("kill waits for the word that nothing of a job is left", () =>
  Effect.gen(function* () {
    const { jobs, job, say, sent } = yield* withJob;
    const killing = yield* Effect.forkChild(jobs.kill(job.id, "It was in the way."));
    yield* Effect.yieldNow;
    yield* Effect.yieldNow;
    assert.deepEqual(sent().map(([kind, id]) => [kind, id]), [[Ask.exec, 1], [Ask.cancel, 1]]);
    say(frame(Tell.exit, 1, exit(137, 4)));
    const killed = yield* Fiber.join(killing);
    assert.deepEqual([killed.status, killed.exitCode, killed.note], ["killed", 137, "It was in the way."]);
  }));

it.effect("a job for which there was no process left says so", () =>
  Effect.gen(function* () {
    const { jobs, job, say } = yield* withJob;
    say(frame(Tell.stderr, 1, Buffer.from("bash: cannot start: Resource temporarily unavailable\n")));
    say(frame(Tell.exit, 1, exit(126)));
    yield* jobs.ended(job.id);
    assert.deepEqual(jobs.listed().map(({ status, exitCode, note }) => [status, exitCode, note]), [
      ["exited", 126, "It could not be started: bash: cannot start: Resource temporarily unavailable."],
    ]);
  }));

it.effect("a job that printed something and ended has nothing more to say, whatever its exit code", () =>
  Effect.gen(function* () {
    const { jobs, job, say } = yield* withJob;
    say(frame(Tell.exit, 1, exit(126, 0, 104)));
    yield* jobs.ended(job.id);
    assert.deepEqual(jobs.listed().map(({ status, exitCode, note }) => [status, exitCode, note]), [
      ["exited", 126, undefined],
    ]);
  }));
