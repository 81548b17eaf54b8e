import assert from "node:assert/strict";
import { Deferred, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import { watchWorkspace } from "../../../../../src/adapters/sandbox/owned/workspaceWatch.ts";
import type { ExecutionOutcome } from "../../../../../src/domain/Execution.ts";
import { contentOf } from "../../../../support/fakeSandbox.ts";
import { it } from "../../../../support/it.ts";

const mib = 1024 * 1024;

const outcome = (stdout: string): ExecutionOutcome => ({
  exitCode: 0,
  stdout,
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 1,
  stdoutBytes: stdout.length,
  stderrBytes: 0,
});

/** A sandbox whose workspace is as full as the test says and whose `wait` ends when told. */
const fake = Effect.gen(function* () {
  const state = { usedMb: 0, entries: 0, stopped: 0 };
  const go = yield* Deferred.make<void>();
  const watched = yield* watchWorkspace({
    execute: () => Effect.die("nothing runs unwatched"),
    usage: (entriesMax) =>
      Effect.sync(() => ({ bytes: state.usedMb * mib, entries: Math.min(state.entries, entriesMax) })),
    executeUntil: (request, stop) =>
      request.command === "wait"
        ? Effect.raceFirst(
          Effect.as(Deferred.await(go), outcome("done")),
          Effect.map(stop, () => {
            state.stopped++;
            return { ...outcome("so far"), exitCode: 137 };
          }),
        )
        : Effect.succeed(outcome("ran")),
    writeFile: (_path, content) => Effect.map(contentOf(content), ({ length }) => length),
  }, { mb: 10, entries: 100 });
  return { state, go, watched };
});

const command = (text: string) => ({ command: text, timeoutMs: 1_000 });

it.effect("watchWorkspace stops a command that fills the workspace and refuses writes until files are deleted", () =>
  Effect.gen(function* () {
    const { state, watched } = yield* fake;
    const fiber = yield* Effect.forkChild(watched.execute(command("wait")));
    yield* TestClock.adjust("1 second");
    state.usedMb = 11;
    yield* TestClock.adjust("1 second");
    const stopped = yield* Fiber.join(fiber);
    assert.deepEqual([stopped.exitCode, stopped.stdout, state.stopped], [153, "so far", 1]);
    assert.match(stopped.note ?? "", /filled the workspace.*11 MiB/);

    const refused = yield* Effect.flip(watched.writeFile("a", new Uint8Array(1)));
    assert.ok(refused._tag === "FileError" && refused.reason === "NoSpace");
    // Deleting needs a command, so commands still run and say what is the matter.
    assert.match((yield* watched.execute(command("rm"))).note ?? "", /over its limit of 10 MiB/);
    state.usedMb = 1;
    yield* TestClock.adjust("1 second");
    assert.equal((yield* watched.execute(command("ls"))).note, undefined);
    assert.equal(yield* watched.writeFile("a", new Uint8Array(3)), 3);
  }));

it.effect("watchWorkspace lets a command go on when the workspace was over its limit before and does not grow", () =>
  Effect.gen(function* () {
    const { state, go, watched } = yield* fake;
    state.usedMb = 12;
    yield* watched.execute(command("ls"));
    yield* TestClock.adjust("1 second");
    const fiber = yield* Effect.forkChild(watched.execute(command("wait")));
    yield* TestClock.adjust("3 seconds");
    yield* Deferred.succeed(go, undefined);
    const ended = yield* Fiber.join(fiber);
    assert.deepEqual([ended.stdout, state.stopped], ["done", 0]);
    assert.match(ended.note ?? "", /over its limit/);
  }));

it.effect("watchWorkspace stops a command that makes too many files, and one that goes on beyond what is counted", () =>
  Effect.gen(function* () {
    const { state, watched } = yield* fake;
    for (const entries of [101, 150, 1_000_000, 2_000_000]) {
      const fiber = yield* Effect.forkChild(watched.execute(command("wait")));
      state.entries = entries;
      yield* TestClock.adjust("1 second");
      assert.match((yield* Fiber.join(fiber)).note ?? "", /filled the workspace.*more than 100 files/);
    }
    assert.equal(state.stopped, 4);
    state.entries = 99;
    yield* watched.execute(command("rm"));
    yield* TestClock.adjust("1 second");
    assert.equal((yield* watched.execute(command("ls"))).note, undefined);
  }));

it.effect("watchWorkspace tells of the workspace as a command leaves it, and lets a file be written at once after a deletion", () =>
  Effect.gen(function* () {
    const { state, watched } = yield* fake;
    state.usedMb = 12;
    yield* watched.execute(command("ls"));
    yield* TestClock.adjust("1 second");
    assert.match((yield* watched.execute(command("ls"))).note ?? "", /over its limit/);
    // No time passes from here on.
    state.usedMb = 1;
    assert.equal((yield* watched.execute(command("rm"))).note, undefined);
    state.usedMb = 12;
    yield* watched.execute(command("ls"));
    yield* TestClock.adjust("1 second");
    yield* Effect.flip(watched.writeFile("a", new Uint8Array(1)));
    state.usedMb = 1;
    assert.equal(yield* watched.writeFile("a", new Uint8Array(3)), 3);
  }));

it.effect("watchWorkspace adds nothing to an outcome when there is room", () =>
  Effect.gen(function* () {
    const { watched } = yield* fake;
    assert.deepEqual(yield* watched.execute(command("ls")), outcome("ran"));
  }));
