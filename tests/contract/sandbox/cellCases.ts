/**
 * Cases of the Sandbox contract about cells of Python and the kernels that keep their variables.
 */
import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import type { CellOutcome } from "../../../src/domain/Cell.ts";
import type { SandboxHandle } from "../../../src/services/Sandbox.ts";
import { type Cases, cleaned, eventually, freshOwner, ok, run, using } from "./SandboxCases.ts";

const cell = (handle: SandboxHandle, code: string, timeoutMs = 60_000, kernel = "k") =>
  handle.runCell({ code, timeoutMs, kernel });

/** The plain text of a cell's result, which must be there. */
const result = ({ displays, error }: CellOutcome): string | undefined => {
  assert.equal(error, undefined, JSON.stringify(error));
  return displays.find(({ kind }) => kind === "result")?.forms["text/plain"];
};

const catchingEverything = `import time
while True:
    try: time.sleep(0.05)
    except BaseException: pass`;

/** Registers them for one adapter. */
export const cellCases = ({ it, withHandle, capabilities }: Cases): void => {
  withHandle("a kernel keeps its variables, and another does not see them", (handle) =>
    Effect.gen(function* () {
      const first = yield* cell(handle, "x = 40");
      assert.deepEqual([first.restarted, first.stateLost, result(first)], [false, false, undefined]);
      assert.equal(result(yield* cell(handle, "x + 2")), "42");
      assert.equal(result(yield* cell(handle, "x + 2;")), undefined);
      const other = yield* cell(handle, "x", 60_000, "other");
      assert.deepEqual([other.error?.name, other.restarted], ["NameError", false]);
    }));

  withHandle("a cell prints, shows and raises with its source", (handle) =>
    Effect.gen(function* () {
      const shown = yield* cell(
        handle,
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\ndisplay(1, 'two')\n3",
      );
      assert.deepEqual([shown.stdout, shown.stderr], ["out\n", "err\n"]);
      assert.deepEqual(shown.displays.map(({ kind, forms }) => [kind, forms["text/plain"]]), [
        ["display", "1"],
        ["display", "'two'"],
        ["result", "3"],
      ]);
      const raised = yield* cell(handle, "def f(n):\n    return 1 / n\nf(0)");
      assert.equal(raised.error?.name, "ZeroDivisionError");
      assert.match(raised.error.traceback, /<cell 2>", line 2, in f\n {4}return 1 \/ n/);
      assert.ok(!raised.error.traceback.includes("caisson"), raised.error.traceback);
      assert.equal((yield* cell(handle, "input()")).error?.name, "EOFError");
      assert.equal((yield* cell(handle, "def f(:")).error?.name, "SyntaxError");
      const live: Array<string> = [];
      yield* handle.runCell({ code: "print('live')", timeoutMs: 60_000, onOutput: (_, text) => live.push(text) });
      assert.equal(live.join(""), "live\n");
    }));

  withHandle("a cell may say what notebooks say to show something", (handle) =>
    Effect.gen(function* () {
      const { displays, error, note } = yield* cell(
        handle,
        "from IPython.display import display, HTML, Markdown\ndisplay(HTML('<b>hi</b>'))\nMarkdown('# hi')",
      );
      if (capabilities.realProcesses) {
        assert.deepEqual(displays.map(({ kind, forms }) => [kind, forms["text/html"] ?? forms["text/markdown"]]), [
          ["display", "<b>hi</b>"],
          ["result", "# hi"],
        ]);
      } else {
        assert.equal(error?.name, "ModuleNotFoundError");
        assert.match(note ?? "", /display\(\.\.\.\) without an import/);
      }
    }));

  withHandle("what a cell shows and prints is bounded, and the rest is counted", (handle) =>
    Effect.gen(function* () {
      const many = yield* cell(handle, "for i in range(10_000): display(i)");
      assert.deepEqual([many.displays.length, many.displaysLeftOut], [32, 9_968]);
      const long = result(yield* cell(handle, "'a' * 1_000_000 + 'z'")) ?? "";
      assert.ok(long.length < 70_000 && long.startsWith("'aaa") && long.endsWith("z'"), `${long.length}`);
      const flood = yield* cell(handle, "for i in range(200_000): print(i)");
      assert.ok(flood.truncated && flood.stdout.length <= 70_000, `${flood.stdout.length}`);
      assert.ok(flood.stdout.startsWith("0\n1\n") && flood.stdout.endsWith("199999\n"));
      assert.ok(flood.outputPath !== undefined);
    }));

  withHandle("a cell out of time keeps its variables or says that they are lost", (handle) =>
    Effect.gen(function* () {
      yield* cell(handle, "x = 1");
      const late = yield* cell(handle, "import time; time.sleep(60)", 500);
      assert.ok(late.timedOut);
      if (!late.stateLost) assert.equal(late.error?.name, "KeyboardInterrupt");
      const next = yield* cell(handle, "'x' in globals()");
      assert.deepEqual([result(next), next.restarted], [late.stateLost ? "False" : "True", late.stateLost]);
      assert.ok(!capabilities.realProcesses || !late.stateLost);
      const stubborn = yield* cell(handle, catchingEverything, 500);
      assert.deepEqual([stubborn.timedOut, stubborn.stateLost], [true, true]);
      const after = yield* cell(handle, "1");
      assert.deepEqual([result(after), after.restarted], ["1", true]);
    }));

  it("variables that ended with their sandbox are told", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        assert.equal(result(yield* using(owner, (handle) => cell(handle, "x = 1\nx"))), "1");
        yield* using(
          owner,
          (handle) =>
            capabilities.realProcesses
              ? Effect.asVoid(cell(handle, "import os; os._exit(0)"))
              : Effect.asVoid(run(handle, "python3 -c 'while True: pass'", 500)),
        );
        const next = yield* using(owner, (handle) => cell(handle, "'x' in globals()"));
        assert.deepEqual([result(next), next.restarted], ["False", true]);
      }),
    );
  });

  withHandle("a kernel that dies says so and how", (handle) =>
    Effect.gen(function* () {
      for (
        const [code, words] of [
          ["import os; print('before', flush=True); os._exit(3)", /exit code 3/],
          ["import ctypes; ctypes.string_at(0)", /SIGSEGV/],
          ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", /SIGKILL/],
          // A child that lives on holds the kernel's descriptors open.
          ["import os, time\nif os.fork() == 0: time.sleep(60)\nos._exit(4)", /exit code 4/],
        ] as const
      ) {
        const dead = yield* cell(handle, code);
        assert.deepEqual([dead.stateLost, dead.timedOut, dead.error?.name], [true, false, "KernelDied"], code);
        assert.match(dead.error?.message ?? "", words);
        assert.equal((yield* cell(handle, "1")).restarted, true);
      }
      assert.equal(ok(yield* run(handle, "pgrep -c sleep || true")), "0\n");
    }), { needs: "realProcesses" });

  withHandle("a kernel out of memory says so, and the next one works", (handle) =>
    Effect.gen(function* () {
      const dead = yield* cell(handle, "a = []\nwhile True: a.append(bytearray(1 << 20))");
      assert.deepEqual([dead.oomKilled, dead.stateLost], [true, true]);
      const next = yield* cell(handle, "1");
      assert.deepEqual([result(next), next.restarted], ["1", true]);
    }), { needs: "memoryBound", settings: { sandboxMemoryMb: 192 } });

  withHandle(
    "four kernels are kept, and the idle one that rested longest goes for a fifth",
    (handle) =>
      Effect.gen(function* () {
        for (const name of ["a", "b", "c", "d", "e"]) yield* cell(handle, "x = 1", 60_000, name);
        assert.equal(result(yield* cell(handle, "x", 60_000, "b")), "1");
        const gone = yield* cell(handle, "'x' in globals()", 60_000, "a");
        assert.deepEqual([result(gone), gone.restarted], ["False", true]);
      }),
  );

  withHandle(
    "cells of one kernel run in turn, and of four busy kernels there is no fifth",
    (handle) =>
      Effect.gen(function* () {
        const sleeping = yield* Effect.forEach(
          ["a", "b", "c", "d"],
          (name) =>
            Effect.forkChild(cell(handle, "open(f'up', 'a').write('1')\nimport time; time.sleep(600)", 250_000, name)),
        );
        yield* eventually(Effect.map(run(handle, "cat up 2>/dev/null"), ({ stdout }) => stdout === "1111"));
        const fifth = yield* cell(handle, "1", 60_000, "e");
        assert.deepEqual([fifth.error?.name, fifth.stateLost], ["KernelUnavailable", false]);
        yield* Fiber.interruptAll(sleeping);
        const [first, second] = yield* Effect.all(
          [cell(handle, "import time; time.sleep(0.2); y = 1", 60_000, "a"), cell(handle, "y", 60_000, "a")],
          { concurrency: "unbounded" },
        );
        // What was interrupted keeps its kernel: nothing was started anew.
        assert.deepEqual([first.restarted, result(second)], [false, "1"]);
      }),
    { needs: "realProcesses" },
  );

  withHandle("a program can write where its kernel speaks, and hurts only itself", (handle) =>
    Effect.gen(function* () {
      const forged = yield* cell(handle, "import os; os.write(4, b'\\xff' * 64)\nimport time; time.sleep(60)");
      assert.equal(forged.stateLost, true);
      assert.equal(ok(yield* run(handle, "echo fine")), "fine\n");
      assert.equal(result(yield* cell(handle, "1")), "1");
    }), { needs: "realProcesses" });
};
