/** Cells on the real supervisor: what a contract suite cannot see. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { it } from "../../../../support/it.ts";
import { hostSupervisor } from "./hostSupervisor.ts";

const supervisor = fileURLToPath(new URL("../../../../../image/supervisor", import.meta.url));

/** A kernel that serves some cells and tells, of each write to its supervisor, the kinds of event in it. */
const writesOf = (codes: ReadonlyArray<string>) => {
  const program = `import json, os, struct, sys
sys.path.insert(0, ${JSON.stringify(supervisor)})
import caisson_kernel as kernel
requests, to_requests = os.pipe()
for code in json.loads(sys.argv[1]):
    os.write(to_requests, struct.pack(">I", len(code) + 1) + bytes([0]) + code.encode())
os.close(to_requests)
os.dup2(requests, kernel.REQUESTS_FD)
os.dup2(1, kernel.EVENTS_FD)
def tell(fd, data):
    kinds, at = [], 0
    while at < len(data):
        kinds.append(data[at + 4])
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    print(*kinds, flush=True)
    return len(data)
os.write = tell
kernel.main()`;
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-ISB", "-c", program, JSON.stringify(codes)]);
  assert.equal(stderr.toString(), "");
  return stdout.toString().trim().split("\n");
};

it.effect("a cell's result and its end are written at once, so that each hop wakes once", () =>
  Effect.sync(() =>
    assert.deepEqual(writesOf(["x = 1", "x + 1", "display(x)\nx + 1", "1 / 0"]), ["5", "2 5", "1", "2 5", "3 5"])
  ));

it.live("a cell's result is told when its process dies while figures are drawn", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const code = `import os, sys, types
pyplot = sys.modules["matplotlib.pyplot"] = types.ModuleType("pyplot")
pyplot.get_fignums = lambda: os._exit(7)
40 + 2`;
    const { displays, stateLost, error } = yield* link.runCell({ code, timeoutMs: 60_000 });
    assert.deepEqual(displays.map(({ kind, forms }) => [kind, forms["text/plain"]]), [["result", "42"]]);
    assert.deepEqual([stateLost, error?.name], [true, "KernelDied"]);
  }));

it.live("a cell's result keeps its place before what is shown after it", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const code = `class Shown:
    def __repr__(self):
        return "the result"
import sys, types
pyplot = sys.modules["matplotlib.pyplot"] = types.ModuleType("pyplot")
pyplot.get_fignums, pyplot.close = (lambda: display("later") or ()), (lambda which: None)
Shown()`;
    const { displays } = yield* link.runCell({ code, timeoutMs: 60_000 });
    assert.deepEqual(displays.map(({ forms }) => forms["text/plain"]), ["the result", "'later'"]);
  }));

it.live("a cell of one line is what it would be among others", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const ran = (code: string) =>
      Effect.map(link.runCell({ code, timeoutMs: 60_000 }), ({ stdout, displays, error }) => [
        stdout,
        displays.find(({ kind }) => kind === "result")?.forms["text/plain"],
        error?.name,
      ]);
    const lines: ReadonlyArray<readonly [code: string, stdout: string, result?: string | undefined, error?: string]> = [
      ["x = 40", ""],
      ["x", "", "40"],
      ["x;", ""],
      ["x == 40", "", "True"],
      ["print(x)", "40\n"],
      ["_", "", "True"],
      ["None", ""],
      ["", ""],
      ["# nothing", ""],
      ["x  # forty", "", "40"],
      ["import math", ""],
      ["for i in range(2): i", ""],
      ["1 / 0", "", undefined, "ZeroDivisionError"],
      ["f(", "", undefined, "SyntaxError"],
      [" x", "", undefined, "IndentationError"],
      ["!echo shell", "shell\n"],
      ["%matplotlib inline", ""],
      ["await __import__('asyncio').sleep(0, 7)", "", "7"],
      ["(y := 5)", "", "5"],
      ["y", "", "5"],
    ];
    for (const [code, stdout, result, error] of lines) {
      assert.deepEqual(yield* ran(code), [stdout, result, error], code);
      // The same after another line.
      if (error !== "IndentationError") assert.deepEqual(yield* ran(`pass\n${code}`), [stdout, result, error], code);
    }
    const { error } = yield* link.runCell({ code: "(lambda: 1 / 0)()", timeoutMs: 60_000 });
    assert.match(error?.traceback ?? "", /line 1, in <module>\n {4}\(lambda: 1 \/ 0\)\(\)/);
    assert.ok(!error?.traceback.includes("caisson"), error?.traceback);
  }));

it.live("notebooks' line leads to the kernel's displays, and no shell is pretended", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const ran = (code: string) => link.runCell({ code, timeoutMs: 60_000 });
    const formsOf = (code: string) =>
      Effect.map(ran(code), ({ displays, error }) => {
        assert.equal(error, undefined, `${code}: ${error?.traceback}`);
        return displays.map(({ forms }) => forms);
      });
    // Also on a machine that has the real one.
    yield* formsOf("import sys; sys.path[:] = [path for path in sys.path if 'packages' not in path]");
    yield* formsOf("from IPython.display import display, HTML, Image, Markdown, JSON, SVG, Latex, Math, Pretty");
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const page = "<style>b {}</style><h3>Sum &amp; more</h3><table><tr><td>a</td><td>1</td></tr></table>";
    const shown: ReadonlyArray<readonly [code: string, form: string, value: string]> = [
      ["display(HTML('<b>hi</b>'))", "text/html", "<b>hi</b>"],
      [`display(HTML(${JSON.stringify(page)}))`, "text/plain", "Sum & more\na\t1"],
      ["Markdown('# hi')", "text/markdown", "# hi"],
      ["display(SVG('<svg/>'))", "image/svg+xml", "<svg/>"],
      ["Latex('$x$')", "text/latex", "$x$"],
      ["Math('x')", "text/latex", "$\\displaystyle x$"],
      ["JSON({'a': [1]})", "text/plain", '{\n  "a": [\n    1\n  ]\n}'],
      ["Pretty('plain')", "text/plain", "plain"],
      [`import base64; Image(base64.b64decode("${pixel}"))`, "image/png", pixel],
      [
        "Image(url='https://example.org/a.png', width=3)",
        "text/html",
        '<img src="https://example.org/a.png" width="3"/>',
      ],
      ["display({'text/plain': 'raw', 'application/json': {'a': 1}}, raw=True)", "application/json", '{"a": 1}'],
      ["from IPython.core.display import HTML as Old; Old('x')", "text/html", "x"],
    ];
    for (const [code, form, value] of shown) assert.equal((yield* formsOf(code))[0]?.[form], value, code);

    const plain = (code: string) => Effect.map(formsOf(code), (all) => all.map((forms) => forms["text/plain"]));
    const updates = "h = display('a', display_id=True)\nfor i in range(99): h.update(i)\ndisplay('b')\n'c'";
    assert.deepEqual(yield* plain(updates), ["'a'", "'b'", "98", "'c'"]);
    const cleared =
      "from IPython.display import clear_output\ndisplay('a')\nfor i in range(99): clear_output(wait=True); display(i)";
    assert.deepEqual(yield* plain(cleared), ["'a'", "98"]);
    assert.deepEqual(yield* plain("import IPython; IPython.get_ipython() is None"), ["True"]);

    for (const code of ["get_ipython()", "Image('absent.png')", "import IPython.utils", "HTML(5)"]) {
      const { error } = yield* ran(code);
      const names = ["NameError", "ValueError", "ModuleNotFoundError", "TypeError"];
      assert.ok(error !== undefined && names.includes(error.name), `${code}: ${error?.name}`);
    }
  }));

it.live("an IPython that is installed is the one that is imported", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    yield* link.writeFile("IPython/__init__.py", new TextEncoder().encode("real = True"));
    const { displays } = yield* link.runCell({ code: "import IPython\nIPython.real", timeoutMs: 60_000 });
    assert.equal(displays[0]?.forms["text/plain"], "True");
    const { error } = yield* link.runCell({ code: "import IPython.display", timeoutMs: 60_000 });
    assert.equal(error?.name, "ModuleNotFoundError");
  }));

for (
  const [title, code, names] of [
    ["closes the descriptor of its output", "import os; print('before'); os.close(1)", ["stdout"]],
    ["closes both descriptors", "import os; print('before'); os.close(1); os.close(2)", ["stdout", "stderr"]],
    ["closes sys.stdout", "import sys; print('before'); sys.stdout.close()", ["stdout"]],
    ["takes sys.__stdout__ away", "import sys; print('before'); sys.__stdout__ = None; del sys.__stderr__", [
      "stdout",
      "stderr",
    ]],
    ["closes sys.stderr", "import sys; print('before'); sys.stderr.close()", ["stderr"]],
    ["opens a file in the place of its output", "import os; print('before'); os.close(1); f = open('taken', 'w')", [
      "stdout",
    ]],
    ["leads its output elsewhere", "import os; print('before'); f = open('taken', 'w'); os.dup2(f.fileno(), 1)", [
      "stdout",
    ]],
  ] as const
) {
  it.live(`a cell that ${title} is told so, and later cells print as before`, () =>
    Effect.gen(function* () {
      const { link } = yield* hostSupervisor();
      const cell = (code: string) => link.runCell({ code, timeoutMs: 60_000 });
      yield* cell("kept = 7");
      const closing = yield* cell(code);
      const words = names.map((name) => `[the cell closed or replaced its ${name}; it is open again]\n`);
      assert.deepEqual([closing.error, closing.stderr], [undefined, words.join("")]);
      const after = yield* cell(
        "import sys, subprocess; print(kept); print('err', file=sys.stderr)\n" +
          "subprocess.run('echo child; echo childs >&2', shell=True, check=True)",
      );
      assert.deepEqual([after.error, after.stateLost], [undefined, false]);
      assert.deepEqual([after.stdout.split("\n").sort(), after.stderr.split("\n").sort()], [
        ["", "7", "child"],
        ["", "childs", "err"],
      ]);
    }));
}
