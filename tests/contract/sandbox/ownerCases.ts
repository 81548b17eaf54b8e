/**
 * Cases of the Sandbox contract about owners: sharing, keeping apart, ending and counting.
 */
import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import type { Owner } from "../../../src/domain/Owner.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import {
  type Cases,
  cleaned,
  eventually,
  failureOf,
  freshOwner,
  ok,
  run,
  type SandboxUnderTest,
  text,
  using,
} from "./SandboxCases.ts";

/** Makes very deep directories below one whose name is no UTF-8, beside one of the name that Deno shows for it. */
const deepUnderOddName = `import os
os.mkdir("\\ufffd")
os.makedirs("closed/inner")
here = os.open(".", os.O_RDONLY)
def down(name):
    global here
    os.mkdir(name, dir_fd=here)
    inner = os.open(name, os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = inner
down(b"\\xff")
os.mkdir(b"shut", dir_fd=here)
os.chmod(b"shut", 0, dir_fd=here)
for _ in range(12000): down(b"d")
os.chmod("closed", 0)
print("made")
`;

/** Registers them for one adapter. */
export const ownerCases = ({ it, bare, capabilities }: Cases, layerWith: SandboxUnderTest): void => {
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
        if (capabilities.ownLifecycle) assert.equal((yield* sandbox.health).open, 1);
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

  if (capabilities.realProcesses) {
    it("reset leaves nothing of directories whose names are not UTF-8, however deep and closed they are", () => {
      const owner = freshOwner();
      return cleaned(
        [owner],
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          yield* using(owner, (handle) =>
            Effect.gen(function* () {
              yield* handle.writeFile("deep.py", text(deepUnderOddName));
              assert.equal(ok(yield* run(handle, "python3 deep.py")), "made\n");
            }));
          yield* sandbox.reset(owner);
          yield* using(owner, (handle) =>
            Effect.gen(function* () {
              assert.equal(ok(yield* run(handle, "ls")), "");
            }));
        }),
      );
    });
  }

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
  }, { needs: "ownLifecycle", settings: { sandboxIdleSeconds: 0.05 } });

  it("execute works in a fresh sandbox when the workspace was closed to its own user", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const sandbox = yield* Sandbox;
        yield* using(owner, (handle) => run(handle, "echo kept > kept; chmod 000 /workspace"));
        yield* eventually(Effect.map(sandbox.health, (health) => health.open === 0));
        yield* using(owner, (handle) =>
          Effect.gen(function* () {
            assert.equal(ok(yield* run(handle, "pwd; cat kept")), "/workspace\nkept\n");
          }));
      }),
    );
  }, { needs: "durableWorkspace", settings: { sandboxIdleSeconds: 0.05 } });

  bare(
    "open finds the workspace again when the service was restarted",
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
      });
    },
    { needs: "durableWorkspace" },
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
  }, { needs: "ownPrincipals", settings: { sandboxesPerPrincipalMax: 1, sandboxPoolSize: 0 } });

  it("info and health say what is in use", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      assert.ok(sandbox.info.why.length > 0);
      assert.ok(sandbox.info.controls.length > 0);
      for (const control of sandbox.info.controls) assert.ok(control.name !== "" && control.detail !== "");
      // It is asked for no longer than a probe waits, which a busy engine may exceed.
      yield* eventually(Effect.map(sandbox.health, ({ healthy }) => healthy));
    }));
};
