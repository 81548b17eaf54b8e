/**
 * The Sandbox contract on both forms of the embedded adapter.
 */
import assert from "node:assert/strict";
import { Context, Effect, Fiber, Layer, Option } from "effect";
import { layer, layerBubblewrap, layerWasm } from "../../src/adapters/sandbox/Embedded.ts";
import { makePrepare } from "../../src/adapters/sandbox/wasm/prepared.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { it } from "../support/it.ts";
import { outlived } from "../support/outlived.ts";
import { freshOwner, run, sandboxSuite } from "./sandboxSuite.ts";

/** The directory of Python's memory image, made once per run, for making it takes seconds. */
let image: Promise<string> | undefined;
const imageDirectory = () =>
  image ??= (async () => {
    const directory = await Deno.makeTempDir({ prefix: "caisson-image-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
    await Effect.runPromise(makePrepare(directory));
    return directory;
  })();

/** A directory that only the server's user may enter, removed with the run. */
const closedDirectory = (): string => {
  const parent = Deno.makeTempDirSync({ prefix: "caisson-closed-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(parent, { recursive: true }));
  Deno.mkdirSync(`${parent}/tools`);
  Deno.chmodSync(parent, 0o700);
  return `${parent}/tools`;
};

/** A data directory per layer. */
const withData = (
  changes: Partial<SettingsService> | undefined,
  sandbox: (why: string) => Layer.Layer<Sandbox, unknown, Settings>,
) =>
  Layer.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const path = await Deno.makeTempDir({ prefix: "caisson-" });
        const image = await imageDirectory();
        await Deno.mkdir(`${path}/embedded`);
        for await (const { name } of Deno.readDir(image)) {
          await Deno.link(`${image}/${name}`, `${path}/embedded/${name}`);
        }
        return path;
      }),
      (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
    ),
    (own) => {
      const settings = { dataPath: own, ...changes };
      // When the server is root, sandboxes run as users who must reach their workspace.
      Deno.chmodSync(settings.dataPath, 0o711);
      return sandbox("under test").pipe(Layer.provide(Settings.layerWith(settings)));
    },
  ));

sandboxSuite("Embedded (WebAssembly)", (changes) => withData(changes, layerWasm), {
  realProcesses: false,
  symbolicLinks: false,
  streams: false,
  tree: false,
  concurrentCommands: false,
  memoryBound: false,
  processBound: false,
  selfKill: false,
  durableWorkspace: true,
  ownLifecycle: true,
  ownPrincipals: true,
});

/** Why the bubblewrap form cannot be tested here, if it cannot. */
const bubblewrapSkip = await Effect.runPromise(
  Effect.scoped(Layer.build(withData({}, layerBubblewrap))).pipe(
    Effect.as(undefined),
    Effect.catch((error) =>
      Effect.succeed(error instanceof Error && "detail" in error ? String(error.detail) : "unknown")
    ),
  ),
);

sandboxSuite("Embedded (bubblewrap)", (changes) => withData(changes, layerBubblewrap), {
  realProcesses: true,
  symbolicLinks: true,
  streams: true,
  tree: true,
  concurrentCommands: true,
  memoryBound: false,
  processBound: true,
  selfKill: true,
  durableWorkspace: true,
  ownLifecycle: true,
  ownPrincipals: true,
}, { skip: bubblewrapSkip === undefined ? undefined : `bubblewrap: ${bubblewrapSkip}` });

const bubblewrap = it.layer(withData({ sandboxMemoryMb: 256 }, layerBubblewrap));

bubblewrap.live(
  "Embedded (bubblewrap): the memory limit counts what is used, not what is only reserved",
  () =>
    Effect.gen(function* () {
      const { open } = yield* Sandbox;
      const handle = yield* open(freshOwner(true));
      // Runtimes such as V8 and the JVM reserve far more address space than they touch.
      const reserved = yield* run(
        handle,
        "python3 -c 'import mmap; mmap.mmap(-1, 8 << 30, prot=0); print(\"reserved\")'",
      );
      assert.equal(reserved.stdout, "reserved\n", reserved.stderr);
      const used = yield* run(handle, "python3 -c 'bytearray(300 << 20)'");
      assert.match(used.stderr, /MemoryError/);
    }),
  { skip: bubblewrapSkip === undefined ? undefined : `bubblewrap: ${bubblewrapSkip}` },
);

it.layer(withData({}, () => layer)).live(
  "Embedded.layer takes the form that works here and says which",
  () =>
    Effect.gen(function* () {
      const { info, open } = yield* Sandbox;
      assert.equal(info.kind, "embedded");
      const names = info.controls.map((control) => control.name);
      if (bubblewrapSkip === undefined) assert.ok(names.includes("namespaces") && info.why.startsWith("bubblewrap"));
      else assert.ok(names.includes("permissions") && info.why.includes(bubblewrapSkip));
      const handle = yield* open(freshOwner(true));
      assert.equal((yield* run(handle, "python3 -c 'print(6 * 7)'")).stdout, "42\n");
    }),
);

const asRoot = {
  skip: bubblewrapSkip !== undefined ? `bubblewrap: ${bubblewrapSkip}` : Deno.uid() !== 0 ? "needs root" : undefined,
};

it.layer(withData({ toolsPath: closedDirectory() }, () => layer)).live(
  "Embedded.layer warns of a directory that the users of sandboxes do not get to, and works without it",
  () =>
    Effect.gen(function* () {
      const { info } = yield* Sandbox;
      assert.match(info.why, /^bubblewrap/);
      assert.match(
        (info.warnings ?? []).join("\n"),
        /^MCP_TOOLS_PATH names .* mode 0700: chmod o\+x .*\/tools is empty/m,
      );
    }),
  asRoot,
);

it.live(
  "Embedded.layer warns of a data directory that keeps bubblewrap from working, and of what is not heeded",
  () =>
    Effect.gen(function* () {
      const parent = yield* Effect.acquireRelease(
        Effect.promise(() => Deno.makeTempDir({ prefix: "caisson-closed-" })),
        (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
      );
      Deno.chmodSync(parent, 0o700);
      const settings = Settings.layerWith({ dataPath: `${parent}/data`, dockerRuntime: Option.some("runsc") });
      const services = yield* Layer.build(Layer.provide(layer, settings));
      const { info } = Context.get(services, Sandbox);
      assert.match(info.why, /^WebAssembly.*bubblewrap cannot be used: CAISSON_DATA_PATH/);
      const warnings = (info.warnings ?? []).join("\n");
      assert.match(
        warnings,
        /^bubblewrap is there and cannot be used.*CAISSON_DATA_PATH names .* has mode 0700: chmod o\+x/m,
      );
      assert.match(warnings, /^CAISSON_DOCKER_RUNTIME is set and not heeded/m);
    }),
  asRoot,
);

it.live("Embedded (WebAssembly) refuses a directory whose name no permission can hold, by name", () =>
  Effect.gen(function* () {
    const dataPath = `${yield* Effect.promise(() => Deno.makeTempDir({ prefix: "caisson-" }))}/a,b`;
    const sandbox = layerWasm("a test").pipe(Layer.provide(Settings.layerWith({ dataPath })));
    const error = yield* Effect.flip(Layer.build(sandbox));
    assert.match(error.detail, /a,b has a comma, which Deno cannot hold in a permission/);
  }));

/** What the WebAssembly form does in its own way, and the cases it cannot share with the others. */
const wasm = it.layer(withData({ sandboxOutputBytesMax: 4_096, sandboxMemoryMb: 256 }, layerWasm));
const opened = Effect.flatMap(Sandbox, (sandbox) => sandbox.open(freshOwner(true)));

wasm.live(
  "Embedded (WebAssembly): execute reports a timeout with both ends of the output when it never ends",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      for (const command of ["while :; do echo yes; done", "python3 -c 'while True: print(1)'"]) {
        const outcome = yield* outlived((ms) => run(handle, command, ms), ({ truncated }) => truncated, 2_000);
        assert.deepEqual([outcome.exitCode, outcome.timedOut, outcome.truncated], [124, true, true], command);
        assert.ok(outcome.stdout.length < 8_192);
      }
      assert.equal((yield* run(handle, "echo back")).stdout, "back\n");
    }),
);

wasm.live(
  "Embedded (WebAssembly): execute runs Python from files, pipes and heredocs with modules and exit codes",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      const outcome = yield* run(
        handle,
        [
          "mkdir -p pkg && echo 'def f(): return 5' > pkg/__init__.py && echo 'import pkg' > mod.py",
          "printf 'import mod, sys\\nprint(mod.pkg.f(), sys.argv[1:], __name__)\\nsys.exit(3)\\n' > main.py",
          "python3 main.py a 'b c'; echo $?",
          "echo 1 2 | python3 -c 'print(sum(map(int, input().split())))' | tr 3 4",
          "python3 <<'END'\nopen('made.txt', 'w').write('ü')\nEND",
          "cat made.txt; echo; python3 -m json.tool <<< '{\"a\": 1}' | head -1",
          "python3 -c 'import asyncio; print(asyncio.run(asyncio.sleep(0, 7)))'",
        ].join("\n"),
      );
      assert.deepEqual(outcome.stdout.split("\n"), ["5 ['a', 'b c'] __main__", "3", "4", "ü", "{", "7", ""]);
      const failed = yield* run(handle, "python3 <<'END'\ndef f():\n    return 1 / 0\nf()\nEND");
      assert.equal(failed.exitCode, 1);
      assert.match(failed.stderr, /^Traceback[^]*line 2, in f[^]*ZeroDivisionError: division by zero\n$/);
    }),
);

wasm.live(
  "Embedded (WebAssembly): execute says what is missing when a command runs into it",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      for (
        const [command, note] of [
          ["git status", /git is not available/],
          ["pip install x", /nothing can be installed/],
          ["python3 -c 'import numpy'", /numpy is not available.*standard library/],
          ["python3 -c 'import subprocess; subprocess.run([\"ls\"])'", /cannot start processes/],
          ["python3 -c 'bytearray(1 << 30)'", /memory limit/],
          ["ln -s a b", /Symbolic links/],
        ] as const
      ) assert.match((yield* run(handle, command)).note ?? "", note, command);
    }),
);

wasm.live("Embedded (WebAssembly): execute gives programs nothing of the server", () =>
  Effect.gen(function* () {
    const handle = yield* opened;
    const probe = `
import os
print(sorted(os.environ))
for path in ("/etc/passwd", "/proc/self/environ", "/root", "/workspace/../../etc/passwd"):
    try: print(open(path).read())
    except OSError as error: print(type(error).__name__)
for attempt in ("from js import Deno", "from js import fetch", "import os; os.system('id')", "import os; os.symlink('/etc', 'x')"):
    try: exec(attempt); print("reached", attempt)
    except (ImportError, OSError) as error: print(type(error).__name__)
`;
    yield* handle.writeFile("probe.py", new TextEncoder().encode(probe));
    const bridge = `
import gc, sys
for attempt in (
    "import pyodide_js", "from js import Object",
    "from pyodide.code import run_js; run_js('1')", "import _pyodide_core; _pyodide_core.run_js('1')",
    "import asyncio; asyncio.new_event_loop().call_soon.__func__.__globals__['scheduleCallback'].constructor('return 1')()",
    "sys.modules['pyodide_js'].constructor.constructor('return Deno')()",
    "next(o for o in gc.get_objects() if type(o).__name__ == 'JsProxy').constructor.constructor('return 1')()",
):
    try: exec(attempt); print("reached", attempt)
    except BaseException: pass
print("done")
`;
    yield* handle.writeFile("bridge.py", new TextEncoder().encode(bridge));
    assert.equal((yield* run(handle, "python3 bridge.py")).stdout, "done\n");
    const outcome = yield* run(handle, "python3 probe.py; cat /etc/passwd; cat /proc/1/environ");
    assert.deepEqual(outcome.stdout.split("\n"), [
      "['HOME', 'LANG', 'OLDPWD', 'PATH', 'PWD', 'TMPDIR', 'USER']",
      ...Array.from({ length: 4 }, () => "FileNotFoundError"),
      "ModuleNotFoundError",
      "ModuleNotFoundError",
      "OSError",
      "PermissionError",
      "",
    ]);
  }));

wasm.live(
  "Embedded (WebAssembly): execute reports oomKilled when the shell eats its heap",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      const outcome = yield* run(
        handle,
        `python3 -c 'open("big", "w").write("1\\n" * 10000000)'; sort big | wc -l`,
        120_000,
      );
      assert.deepEqual([outcome.oomKilled, outcome.exitCode], [true, 137]);
      assert.equal((yield* run(handle, "echo back")).stdout, "back\n");
    }),
);

wasm.live(
  "Embedded (WebAssembly): execute can be interrupted and leaves a sandbox that works",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      const fiber = yield* Effect.forkChild(run(handle, "python3 -c 'while True: pass'"), { startImmediately: true });
      yield* Fiber.interrupt(fiber);
      yield* handle.writeFile("kept", new TextEncoder().encode("x"));
      assert.equal((yield* run(handle, "cat kept")).stdout, "x");
    }),
);

wasm.live(
  "Embedded (WebAssembly): changedFiles lists the newest first when files changed since a time",
  () =>
    Effect.gen(function* () {
      const handle = yield* opened;
      yield* run(handle, "echo 1 > old; sleep 0.1; mkdir s; echo 123 > s/b");
      const since = (yield* handle.changedFiles(0, 1))[0]?.modifiedAtMs ?? Number.NaN;
      yield* run(handle, "sleep 0.1; echo 12 > a");
      const files = yield* handle.changedFiles(since, 10);
      assert.deepEqual(files.map((file) => [file.path, file.sizeBytes]), [["/workspace/a", 3], ["/workspace/s/b", 4]]);
      assert.equal((yield* handle.changedFiles(0, 10)).length, 3);
      yield* run(handle, "touch -d 2001-01-01T00:00:00Z a");
      assert.equal((yield* handle.changedFiles(since, 1))[0]?.path, "/workspace/a");
    }),
);
