/**
 * The contract of the Sandbox port, run on every adapter.
 *
 * A case that needs something an adapter does not have is registered as ignored, so a run shows what
 * each adapter cannot do.
 */
import assert from "node:assert/strict";
import { Duration, Effect, Fiber, type Layer, Option, Schedule, type Scope, Stream } from "effect";
import type { SettingsService } from "../../src/config.ts";
import type { ExecutionOutcome } from "../../src/domain/Execution.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { type FileError, Sandbox, type SandboxError, type SandboxHandle } from "../../src/services/Sandbox.ts";
import { it as test } from "../support/it.ts";

/** What an adapter can do beyond the port's plain promises; a case that needs more is ignored. */
export interface SandboxCapabilities {
  /** Commands are processes of a real kernel: background jobs, signals, `setsid`, `/proc`. */
  readonly realProcesses: boolean;
  /** Symbolic links can be made. */
  readonly symbolicLinks: boolean;
  /** Commands of one owner run at the same time. */
  readonly concurrentCommands: boolean;
  /** The kernel bounds the memory of a sandbox and the adapter reports the kill. */
  readonly memoryBound: boolean;
  /** The number of processes of a sandbox is bounded. */
  readonly processBound: boolean;
  /** The user's code can kill the sandbox's own first process or cannot reach it; either way work goes on. */
  readonly selfKill: boolean;
  /** `/workspace` outlives the sandbox and the service of an owner who is not ephemeral. */
  readonly durableWorkspace: boolean;
}

/** Builds the adapter under test with some settings changed. */
export type SandboxUnderTest = (changes?: Partial<SettingsService>) => Layer.Layer<Sandbox, unknown>;

/** What the next command must come back within after an abuse, on a machine that is not idle. */
const recoveryMsMax = 1_000;
/** Outcomes and recoveries are polled this often. */
const pollMs = 20;
/** Nothing here takes longer, cold start included. */
const caseMsMax = 60_000;

/** An owner nobody else has. */
export const freshOwner = (ephemeral = false): Owner => ({
  principal: "contract",
  user: crypto.randomUUID(),
  ephemeral,
});

/** Runs a command in a handle with the suite's usual limit. */
export const run = (handle: SandboxHandle, command: string, timeoutMs = 20_000) =>
  handle.execute({ command, timeoutMs });

const text = (content: string) => new TextEncoder().encode(content);

const collect = <E>(bytes: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(bytes), (parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  });

const failureOf = <A>(effect: Effect.Effect<A, SandboxError | FileError>) =>
  Effect.flatMap(
    Effect.flip(effect),
    (error) => error._tag === "FileError" ? Effect.succeed(error.reason) : Effect.die(error),
  );

const ok = (outcome: ExecutionOutcome): string => {
  assert.equal(outcome.exitCode, 0, `exit ${outcome.exitCode}: ${outcome.stderr}`);
  return outcome.stdout;
};

/** Waits until an effect answers true; the case's own deadline bounds it. */
export const eventually = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (done: boolean) => done, schedule: Schedule.spaced(pollMs) });

/** Opens an owner's sandbox for one use, as a request does. */
export const using = <A, E, R>(owner: Owner, use: (handle: SandboxHandle) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(Effect.flatMap(Sandbox, (sandbox) => sandbox.open(owner)), use));

/** Runs an abuse and asserts that both its owner and another one can work again at once. */
const recovers = <A, E>(abuse: (handle: SandboxHandle) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const [owner, other] = [freshOwner(), freshOwner()];
    yield* using(other, (handle) => run(handle, "echo up"));
    const result = yield* using(owner, abuse);
    for (const who of [owner, other]) {
      const [elapsed, stdout] = yield* using(who, (handle) => run(handle, "echo back")).pipe(
        Effect.map(ok),
        Effect.timed,
      );
      assert.equal(stdout, "back\n");
      const elapsedMs = Duration.toMillis(elapsed);
      assert.ok(elapsedMs <= recoveryMsMax, `the next command took ${Math.round(elapsedMs)} ms`);
    }
    return result;
  });

/** Registers the cases of the Sandbox contract for one adapter. */
export const sandboxSuite = (
  name: string,
  layerWith: SandboxUnderTest,
  capabilities: SandboxCapabilities,
  options: { readonly skip?: string | undefined } = {},
): void => {
  const it = (
    title: string,
    program: () => Effect.Effect<void, unknown, Sandbox | Scope.Scope>,
    about: { readonly needs?: keyof SandboxCapabilities; readonly settings?: Partial<SettingsService> } = {},
  ) => {
    const unable = about.needs !== undefined && !capabilities[about.needs] ? `lacks ${about.needs}` : undefined;
    test.layer(layerWith(about.settings)).live(
      `${name}: ${title}`,
      () => Effect.timeout(program(), caseMsMax),
      { skip: options.skip ?? unable },
    );
  };
  /** A case on one owner's sandbox, whose workspace is removed afterwards. */
  const withHandle = (
    title: string,
    body: (handle: SandboxHandle, owner: Owner) => Effect.Effect<void, unknown, Sandbox | Scope.Scope>,
    about: Parameters<typeof it>[2] = {},
  ) =>
    it(title, () => {
      const owner = freshOwner(true);
      return Effect.flatMap(
        Effect.flatMap(Sandbox, (sandbox) => sandbox.open(owner)),
        (handle) => body(handle, owner),
      );
    }, about);
  const withLinks = (...[title, body]: Parameters<typeof withHandle>) =>
    withHandle(title, body, { needs: "symbolicLinks" });
  /** Resets owners whose workspace would outlive the case. */
  const cleaned = <A, E, R>(used: ReadonlyArray<Owner>, effect: Effect.Effect<A, E, R>) =>
    Effect.ensuring(
      effect,
      Effect.forEach(used, (owner) => Effect.flatMap(Sandbox, (sandbox) => Effect.ignore(sandbox.reset(owner))), {
        discard: true,
      }),
    );

  // Commands -------------------------------------------------------------------------------------

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
        const outcome = yield* run(handle, "echo begun; while :; do sleep 0.05; done", 500);
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
        timeoutMs: 20_000,
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
        run(handle, `touch ${mine}; until [ -e ${theirs} ]; do sleep 0.02; done; echo met`, 10_000);
      const both = yield* Effect.all([meet("a", "b"), meet("b", "a")], { concurrency: 2 });
      assert.deepEqual(both.map((outcome) => outcome.stdout), ["met\n", "met\n"]);
    }), { needs: "concurrentCommands" });

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

  // Files ----------------------------------------------------------------------------------------

  withHandle(
    "writeFile creates parents and counts bytes when the path is relative",
    (handle) =>
      Effect.gen(function* () {
        assert.equal(yield* handle.writeFile("deep/er/ünï.txt", text("héllo\n")), 7);
        assert.equal(ok(yield* run(handle, "cat /workspace/deep/er/ünï.txt")), "héllo\n");
        assert.equal((yield* handle.readText("/workspace/deep/er/ünï.txt", { offset: 0 })).text, "héllo\n");
        yield* handle.writeFile("deep/er/ünï.txt", text("new"));
        assert.equal((yield* handle.readText("deep/er/ünï.txt", { offset: 0 })).text, "new");
      }),
  );

  withHandle("readBytes returns what writeFile wrote when it is binary", (handle) =>
    Effect.gen(function* () {
      const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 255);
      assert.equal(yield* handle.writeFile("blob.bin", content), content.length);
      assert.deepEqual(yield* collect(handle.readBytes("blob.bin")), content);
      assert.deepEqual(
        yield* collect(handle.readBytes("blob.bin", { offset: 100_000, length: 50 })),
        content.slice(100_000, 100_050),
      );
      assert.equal(yield* failureOf(handle.readText("blob.bin", { offset: 0 })), "NotText");
    }));

  withHandle("readText pages by lines when offset and lineCount are given", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("lines.txt", text("zero\none\ntwo\nthree"));
      assert.deepEqual(yield* handle.readText("lines.txt", { offset: 1, lineCount: 2 }), {
        text: "one\ntwo\n",
        truncated: true,
      });
      assert.deepEqual(yield* handle.readText("lines.txt", { offset: 3 }), { text: "three", truncated: false });
      assert.deepEqual(yield* handle.readText("lines.txt", { offset: 9 }), { text: "", truncated: false });
    }));

  withHandle("readText lists entries when the path is a directory", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("dir/b.txt", text("b"));
      yield* handle.writeFile("dir/sub/c.txt", text("c"));
      const listing = (yield* handle.readText("dir", { offset: 0 })).text;
      assert.match(listing, /b\.txt/);
      assert.match(listing, /sub/);
    }));

  withHandle("file operations fail by reason when the path cannot be used", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("dir/file", text("x"));
      assert.equal(yield* failureOf(handle.readText("absent", { offset: 0 })), "NotFound");
      assert.equal(yield* failureOf(collect(handle.readBytes("absent"))), "NotFound");
      assert.equal(yield* failureOf(handle.writeFile("dir", text("x"))), "IsDirectory");
      assert.equal(yield* failureOf(handle.writeFile("dir/file/below", text("x"))), "NotADirectory");
      assert.equal(yield* failureOf(handle.readText("nul\0byte", { offset: 0 })), "InvalidPath");
    }));

  withLinks("file operations stay harmless when links and dots lead outside", (handle) =>
    Effect.gen(function* () {
      ok(yield* run(handle, "ln -s /etc link; ln -s / root; ln -s loop loop"));
      for (const path of ["link/caisson-evil", "root/caisson-evil", "../caisson-evil", "/caisson-evil"]) {
        const reason = yield* failureOf(handle.writeFile(path, text("x")));
        assert.ok(["ReadOnly", "PermissionDenied", "InvalidPath"].includes(reason), `${path}: ${reason}`);
      }
      const shadow = yield* failureOf(handle.readText("link/shadow", { offset: 0 }));
      assert.ok(["NotFound", "PermissionDenied", "InvalidPath"].includes(shadow), shadow);
      yield* failureOf(handle.readText("loop", { offset: 0 }));
    }));

  withHandle("readText answers at once when the file never ends or is a pipe", (handle) =>
    Effect.gen(function* () {
      ok(yield* run(handle, "mkfifo pipe"));
      assert.equal(yield* failureOf(handle.readText("pipe", { offset: 0 })), "UnsupportedFile");
      assert.equal(yield* failureOf(handle.readText("/dev/zero", { offset: 0 })), "UnsupportedFile");
    }), { needs: "realProcesses" });

  withHandle(
    "readDocstring parses functions, classes and methods and never runs the file",
    (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile(
          "mod.py",
          text(
            `open("/workspace/ran", "w")\n\ndef f():\n    """Does f."""\n\nasync def g(): pass\n\n` +
              `class C:\n    """A class."""\n    def m(self):\n        """A method."""\n`,
          ),
        );
        assert.equal(yield* handle.readDocstring("mod.py", "f"), "Does f.");
        assert.equal(yield* handle.readDocstring("mod.py", "g"), "");
        assert.equal(yield* handle.readDocstring("mod.py", "C"), "A class.");
        assert.equal(yield* handle.readDocstring("/workspace/mod.py", "C.m"), "A method.");
        assert.equal(yield* failureOf(handle.readDocstring("mod.py", "nothing")), "NoSuchFunction");
        assert.equal(yield* failureOf(handle.readDocstring("absent.py", "f")), "NotFound");
        yield* handle.writeFile("bad.py", text("def (:\n"));
        assert.equal(yield* failureOf(handle.readDocstring("bad.py", "f")), "NotPython");
        assert.equal(yield* failureOf(handle.readText("ran", { offset: 0 })), "NotFound");
      }),
  );

  withLinks(
    "changedFiles lists the newest first when files changed since a time",
    (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile("old.txt", text("1"));
        const oldMs = (yield* handle.changedFiles(0, 10))[0]?.modifiedAtMs ?? Number.NaN;
        /** Writes a file until the file system's clock has moved on from a time. */
        const writeAfter = (path: string, content: string, timeMs: number) =>
          eventually(Effect.gen(function* () {
            yield* handle.writeFile(path, text(content));
            const [newest] = yield* handle.changedFiles(0, 1);
            return newest?.path === `/workspace/${path}` && newest.modifiedAtMs > timeMs;
          }));
        // Time stamps may be a tick of the kernel behind its clock, so a listing may reach back that far.
        yield* writeAfter("a.txt", "12", oldMs + 50);
        const since = (yield* handle.changedFiles(0, 1))[0]?.modifiedAtMs ?? Number.NaN;
        ok(yield* run(handle, "mkdir -p sub; ln -s /etc/passwd sub/link"));
        yield* writeAfter("sub/b.txt", "123", since);
        const files = yield* handle.changedFiles(since, 10);
        assert.deepEqual(files.map((file) => [file.path, file.sizeBytes]), [
          ["/workspace/sub/b.txt", 3],
          ["/workspace/a.txt", 2],
        ]);
        assert.equal((yield* handle.changedFiles(since, 1)).length, 1);
        assert.equal((yield* handle.changedFiles(0, 10)).length, 3);
      }),
  );

  // Owners ---------------------------------------------------------------------------------------

  it("open shares one sandbox when an owner asks for it many times at once", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        const ids = yield* Effect.all(
          Array.from({ length: 8 }, () => Effect.scoped(Effect.map(sandbox.open(owner), (handle) => handle.id))),
          { concurrency: "unbounded" },
        );
        assert.equal(new Set(ids).size, 1);
        assert.equal((yield* sandbox.health).open, 1);
      }),
    );
  });

  it("open goes on for the others when the caller who began it gives up", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const first = yield* Effect.forkChild(using(owner, (handle) => run(handle, "echo first")));
        yield* Effect.yieldNow;
        const second = yield* Effect.forkChild(using(owner, (handle) => run(handle, "echo second")));
        yield* Effect.yieldNow;
        yield* Fiber.interrupt(first);
        assert.equal(ok(yield* Fiber.join(second)), "second\n");
      }),
    );
  });

  it("open keeps owners apart when both write the same path", () => {
    const [mine, theirs] = [freshOwner(), freshOwner()];
    return cleaned(
      [mine, theirs],
      Effect.gen(function* () {
        yield* using(mine, (handle) => handle.writeFile("secret", text("mine")));
        yield* using(theirs, (handle) =>
          Effect.gen(function* () {
            assert.equal(yield* failureOf(handle.readText("secret", { offset: 0 })), "NotFound");
          }));
      }),
    );
  });

  it("open gives an ephemeral owner nothing of an earlier scope", () => {
    const owner = freshOwner(true);
    return Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      yield* using(owner, (handle) => handle.writeFile("left", text("x")));
      yield* eventually(Effect.map(sandbox.health, (health) => health.open === 0));
      yield* using(owner, (handle) =>
        Effect.gen(function* () {
          assert.equal(yield* failureOf(handle.readText("left", { offset: 0 })), "NotFound");
        }));
    });
  });

  it("reset leaves nothing of the workspace when files were written", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        yield* using(owner, (handle) => handle.writeFile("left", text("x")));
        yield* sandbox.reset(owner);
        yield* using(owner, (handle) =>
          Effect.gen(function* () {
            assert.equal(yield* failureOf(handle.readText("left", { offset: 0 })), "NotFound");
          }));
      }),
    );
  });

  it("open finds the workspace again when the sandbox was stopped as idle", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        const before = yield* using(owner, (handle) => Effect.as(handle.writeFile("kept", text("x")), handle.id));
        yield* eventually(Effect.map(sandbox.health, (health) => health.open === 0));
        yield* using(owner, (handle) =>
          Effect.gen(function* () {
            assert.notEqual(handle.id, before);
            assert.equal((yield* handle.readText("kept", { offset: 0 })).text, "x");
          }));
      }),
    );
  }, { needs: "durableWorkspace", settings: { sandboxIdleSeconds: 0.05 } });

  test.live(
    `${name}: open finds the workspace again when the service was restarted`,
    () => {
      const owner = freshOwner();
      return Effect.gen(function* () {
        const dataPath = yield* Effect.acquireRelease(
          Effect.promise(() => Deno.makeTempDir()),
          (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
        );
        const life = <A, E>(program: Effect.Effect<A, E, Sandbox>) => Effect.provide(program, layerWith({ dataPath }));
        yield* life(using(owner, (handle) => handle.writeFile("kept", text("x"))));
        const page = yield* life(
          cleaned([owner], using(owner, (handle) => handle.readText("kept", { offset: 0 }))),
        );
        assert.equal(page.text, "x");
      }).pipe(Effect.timeout(caseMsMax));
    },
    { skip: options.skip ?? (capabilities.durableWorkspace ? undefined : "lacks durableWorkspace") },
  );

  it("open answers no capacity when every place is taken", () => {
    const [first, second] = [freshOwner(true), freshOwner(true)];
    return Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      yield* sandbox.open(first);
      const error = yield* Effect.flip(Effect.scoped(sandbox.open(second)));
      assert.equal(error.reason._tag, "NoCapacity");
      assert.ok(error.reason._tag === "NoCapacity" && error.reason.scope === "server" && error.reason.limit === 1);
    });
  }, { settings: { sandboxesMax: 1, sandboxPoolSize: 0 } });

  it("open answers no capacity when a principal has all it may have", () => {
    const other: Owner = { ...freshOwner(true), principal: "contract-other" };
    return Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      yield* sandbox.open(freshOwner(true));
      const error = yield* Effect.flip(Effect.scoped(sandbox.open(freshOwner(true))));
      assert.ok(error.reason._tag === "NoCapacity" && error.reason.scope === "principal" && error.reason.limit === 1);
      yield* sandbox.open(other);
    });
  }, { settings: { sandboxesPerPrincipalMax: 1, sandboxPoolSize: 0 } });

  it("info and health say what is in use", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      assert.ok(sandbox.info.why.length > 0);
      assert.ok(sandbox.info.controls.length > 0);
      for (const control of sandbox.info.controls) assert.ok(control.name !== "" && control.detail !== "");
      assert.equal((yield* sandbox.health).healthy, true);
    }));

  // Abuse ----------------------------------------------------------------------------------------

  const abuse = (
    title: string,
    command: string,
    timeoutMs: number,
    about: Parameters<typeof it>[2],
    check: (outcome: ExecutionOutcome) => void = () => {},
  ) =>
    it(`execute hurts nobody when ${title}`, () =>
      Effect.map(
        recovers((handle) => Effect.option(run(handle, command, timeoutMs))),
        (outcome) => Option.match(outcome, { onNone: () => {}, onSome: check }),
      ), about);

  abuse("a fork bomb goes off", "bomb() { bomb | bomb & }; bomb; sleep 60", 1_500, { needs: "processBound" });
  abuse("output never ends", "yes", 1_000, { needs: "realProcesses" }, (outcome) => {
    assert.deepEqual([outcome.timedOut, outcome.truncated], [true, true]);
    assert.ok(outcome.stdout.length <= 2 * 65_536, `kept ${outcome.stdout.length}`);
  });
  abuse(
    "a program eats all memory",
    `python3 -c 'a = []\nwhile True: a.append(bytearray(1 << 20))'`,
    20_000,
    { needs: "memoryBound", settings: { sandboxMemoryMb: 192 } },
    (outcome) => assert.equal(outcome.oomKilled, true),
  );
  abuse(
    "the disk is filled",
    "i=0; while head -c 4194304 /dev/zero > fill$i 2>/dev/null && [ $i -lt 64 ]; do i=$((i+1)); done; echo full; rm -f fill*",
    20_000,
    { needs: "realProcesses", settings: { sandboxWorkspaceMb: 32 } },
  );
  abuse("it kills every process it can", "kill -9 -1; echo still here", 5_000, { needs: "selfKill" });
  abuse("it kills the first process", "kill -9 1; kill -TERM 1; kill -STOP 1; echo still here", 5_000, {
    needs: "selfKill",
  });
};
