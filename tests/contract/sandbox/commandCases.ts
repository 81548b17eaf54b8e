/**
 * Cases of the Sandbox contract about commands.
 */
import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import { outlived } from "../../support/outlived.ts";
import { type Cases, cleaned, eventually, freshOwner, ok, run, text, using } from "./SandboxCases.ts";

/** Registers them for one adapter. */
export const commandCases = ({ it, withHandle }: Cases): void => {
  withHandle("execute returns exit code, stdout and stderr apart", (handle) =>
    Effect.gen(function* () {
      const outcome = yield* run(handle, "echo out; echo err >&2; exit 3");
      assert.deepEqual(
        [outcome.exitCode, outcome.stdout, outcome.stderr, outcome.timedOut, outcome.truncated, outcome.oomKilled],
        [3, "out\n", "err\n", false, false, false],
      );
      assert.deepEqual([outcome.stdoutBytes, outcome.stderrBytes], [4, 4]);
      assert.equal(outcome.outputPath, undefined);
      assert.ok(outcome.durationMs >= 0);
    }));

  withHandle("execute starts in /workspace and keeps files between commands", (handle) =>
    Effect.gen(function* () {
      assert.equal(ok(yield* run(handle, "pwd; echo kept > note.txt")), "/workspace\n");
      assert.equal(ok(yield* run(handle, "cat note.txt")), "kept\n");
    }));

  it(
    "execute runs programs of its user's own, whatever holds the workspace",
    () =>
      Effect.gen(function* () {
        const [passing, lasting] = [freshOwner(true), freshOwner()];
        const command =
          "for d in /workspace /tmp; do printf '#!/bin/sh\\necho ran\\n' > $d/own; chmod +x $d/own; $d/own; done";
        for (const owner of [passing, lasting]) {
          const outcome = yield* cleaned([owner], using(owner, (handle) => run(handle, command)));
          assert.equal(ok(outcome), "ran\nran\n");
        }
      }),
    { needs: "realProcesses" },
  );

  withHandle(
    "execute passes any text unharmed when it holds quotes, newlines and other scripts",
    (handle) =>
      Effect.gen(function* () {
        const value = `a'b"c$d\\e\`f\n  ünï 日本 🦀`;
        const outcome = yield* run(handle, `cat <<'END'\n${value}\nEND`);
        assert.equal(ok(outcome), `${value}\n`);
      }),
  );

  withHandle("execute runs a command longer than one argument may be", (handle) =>
    Effect.gen(function* () {
      const filler = Array.from({ length: 4_000 }, (_, index) => `: ${"x".repeat(40)}${index}`).join("\n");
      assert.equal(ok(yield* run(handle, `${filler}\necho end`)), "end\n");
    }));

  withHandle("execute gives a program an empty stdin", (handle) =>
    Effect.gen(function* () {
      assert.equal(ok(yield* run(handle, "cat; echo done")), "done\n");
    }));

  withHandle("execute runs Python", (handle) =>
    Effect.gen(function* () {
      assert.equal(ok(yield* run(handle, `python3 -c 'print(sum(range(10)))'`)), "45\n");
    }));

  withHandle(
    "execute reports a timeout with partial output when the program outlives its limit",
    (handle) =>
      Effect.gen(function* () {
        const outcome = yield* outlived(
          (timeoutMs) => run(handle, "echo begun; while :; do sleep 0.05; done", timeoutMs),
          ({ stdout }) => stdout !== "",
          500,
        );
        assert.deepEqual([outcome.timedOut, outcome.exitCode, outcome.stdout], [true, 124, "begun\n"]);
        assert.equal(ok(yield* run(handle, "echo next")), "next\n");
      }),
  );

  withHandle(
    "execute keeps head and tail and saves the rest when output is too long",
    (handle) =>
      Effect.gen(function* () {
        const outcome = yield* run(handle, "seq 1 20000");
        assert.equal(outcome.truncated, true);
        assert.equal(outcome.stdoutBytes, 108_894);
        assert.ok(outcome.stdout.startsWith("1\n2\n"), "the head is kept");
        assert.ok(outcome.stdout.endsWith("19999\n20000\n"), "the tail is kept");
        assert.ok(outcome.stdout.length < 10_000, `kept ${outcome.stdout.length}`);
        const path = outcome.outputPath;
        assert.ok(path !== undefined && path.startsWith("/workspace/"), `outputPath ${path}`);
        assert.equal(ok(yield* run(handle, `grep -c . '${path}'`)).trim(), "20000");
      }),
    { settings: { sandboxOutputBytesMax: 4_096 } },
  );

  withHandle("execute tells live output as it arrives", (handle) =>
    Effect.gen(function* () {
      const seen: Array<string> = [];
      const fiber = yield* Effect.forkChild(handle.execute({
        command: "echo first; until [ -e go ]; do sleep 0.02; done; echo second",
        timeoutMs: 60_000,
        onOutput: (stream, chunk) => seen.push(`${stream}:${chunk}`),
      }));
      yield* eventually(Effect.sync(() => seen.join("").includes("stdout:first")));
      yield* handle.writeFile("go", text(""));
      ok(yield* Fiber.join(fiber));
      assert.ok(seen.join("").includes("second"));
    }), { needs: "concurrentCommands" });

  withHandle("execute runs commands of one owner at the same time", (handle) =>
    Effect.gen(function* () {
      // Each waits for the other's file, so one after the other would never end.
      const meet = (mine: string, theirs: string) =>
        run(handle, `touch ${mine}; until [ -e ${theirs} ]; do sleep 0.02; done; echo met`);
      const both = yield* Effect.all([meet("a", "b"), meet("b", "a")], { concurrency: 2 });
      assert.deepEqual(both.map((outcome) => outcome.stdout), ["met\n", "met\n"]);
    }), { needs: "concurrentCommands" });

  withHandle(
    "execute says that what a command left in the background ended with it",
    (handle) =>
      Effect.gen(function* () {
        const outcome = yield* run(handle, "sleep 5555 & echo begun");
        assert.equal(ok(outcome), "begun\n");
        assert.match(outcome.note ?? "", /background were ended/);
        assert.equal((yield* run(handle, "sleep 0.01 & wait; seq 100000 | head -n 1; cat <(echo x)")).note, undefined);
      }),
    { needs: "realProcesses" },
  );

  withHandle(
    "execute reports an out-of-memory kill in a pipeline and in a command of seconds, whoever the owner",
    (handle) =>
      Effect.gen(function* () {
        const hog = `python3 -c 'a = []\nwhile True: a.append(bytearray(1 << 20))'`;
        for (const command of [`${hog} | cat`, `sleep 2.5; ${hog}; echo on`, `(${hog}) || true`]) {
          const outcome = yield* run(handle, command);
          assert.equal(outcome.oomKilled, true, command);
        }
        const owner = freshOwner();
        const outcome = yield* cleaned([owner], using(owner, (lasting) => run(lasting, `sleep 2.5; ${hog} | cat`)));
        assert.equal(outcome.oomKilled, true);
      }),
    { needs: "memoryBound", settings: { sandboxMemoryMb: 192 } },
  );

  it("execute stops a command that makes too many files and names them", () => {
    const owner = freshOwner();
    const flood = "for i in $(seq 100000); do : > f$i; done; sleep 50";
    return cleaned(
      [owner],
      using(owner, (handle) =>
        Effect.gen(function* () {
          const outcome = yield* run(handle, flood);
          assert.equal(outcome.exitCode, 153);
          assert.match(outcome.note ?? "", /more than 2000 files/);
          ok(yield* run(handle, "find . -name 'f*' -delete; sleep 1.5"));
          assert.equal((yield* run(handle, "true")).note, undefined);
        })),
    );
  }, { needs: "realProcesses", settings: { sandboxEntriesMax: 2_000 } });

  withHandle("execute leaves no process behind when it is interrupted", (handle) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        run(handle, "(setsid sleep 7777 &) ; touch begun; sleep 7777"),
      );
      yield* eventually(Effect.map(run(handle, "test -e begun"), (outcome) => outcome.exitCode === 0));
      yield* Fiber.interrupt(fiber);
      assert.equal(ok(yield* run(handle, "pgrep -xf 'sleep 7777' | wc -l")).trim(), "0");
    }), { needs: "realProcesses" });

  withHandle(
    "execute leaves no process behind when a daemon forked itself away before a timeout",
    (handle) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          "env -i setsid bash -c 'trap \"\" TERM; (sleep 8888 & sleep 8888 &) & sleep 8888' & sleep 8888",
          500,
        );
        assert.equal(outcome.timedOut, true);
        assert.equal(ok(yield* run(handle, "pgrep -xf 'sleep 8888' | wc -l")).trim(), "0");
      }),
    { needs: "realProcesses" },
  );
};
