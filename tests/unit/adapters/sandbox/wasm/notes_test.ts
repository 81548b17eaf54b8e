import assert from "node:assert/strict";
import { noteFor } from "../../../../../src/adapters/sandbox/wasm/notes.ts";

const cases: ReadonlyArray<readonly [stderr: string, note: RegExp | undefined]> = [
  ["", undefined],
  ["Traceback (most recent call last):\nZeroDivisionError: division by zero\n", undefined],
  ["bash: git: command not found\n", /^git is not available/],
  ["bash: pip: command not found\n", /^pip is not available: nothing can be installed/],
  ["x\nModuleNotFoundError: No module named 'numpy'\n", /^numpy is not available.*standard library only/],
  [
    "x\nModuleNotFoundError: No module named 'IPython'\n",
    /^IPython is not available.*display\(\.\.\.\) without an import/,
  ],
  ["ImportError: No module named pip\n", /^pip is not available/],
  ["RuntimeError: can't start new thread\n", /cannot start processes or threads/],
  ["ln: 'a': hard link not allowed for directory\n", /Symbolic links/],
  ["MemoryError\n", /memory limit/],
];

for (const [stderr, note] of cases) {
  Deno.test(`noteFor answers ${note ?? "nothing"} when stderr is ${JSON.stringify(stderr)}`, () => {
    if (note === undefined) assert.equal(noteFor(stderr), undefined);
    else assert.match(noteFor(stderr) ?? "", note);
  });
}
