/**
 * Cases of the Sandbox contract about looking at a sandbox from outside.
 */
import assert from "node:assert/strict";
import { Effect, Fiber, Schedule } from "effect";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { type Cases, cleaned, eventually, freshOwner, run, using } from "./SandboxCases.ts";

const mib = 1024 * 1024;

/** Holds memory and disk until it is let go. */
const holding = (megabytes: number) =>
  `head -c ${megabytes}M /dev/zero > held; ` +
  `python3 -c "import os, time; held = b'x' * (${megabytes} << 20); open('ready', 'w').close()\n` +
  `while not os.path.exists('go'): time.sleep(0.05)"`;

/** Registers them for one adapter. */
export const lookCases = ({ it }: Cases): void => {
  it("what runs is told while it runs, and looking starts nothing", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const { look, use } = yield* Sandbox;
        assert.ok(look !== undefined && use !== undefined);
        assert.deepEqual(yield* look(owner), { state: "none", commands: [], jobs: [] });
        assert.equal(yield* use(owner), undefined);
        const command = `sleep 3; echo ${"x".repeat(500)}`;
        const running = yield* Effect.forkScoped(using(owner, (handle) => run(handle, command)));
        // The look that sees it is the one that is judged: by the next it may have ended.
        const { state, commands } = yield* Effect.repeat(look(owner), {
          until: (seen) => seen.commands.length > 0,
          schedule: Schedule.spaced(20),
        });
        assert.equal(state, "busy");
        assert.deepEqual(commands.map(({ kind, command }) => [kind, command]), [["shell", command.slice(0, 200)]]);
        yield* Fiber.join(running);
        assert.deepEqual((yield* look(owner)).commands, []);
      }),
    );
  });

  it("what a sandbox uses is measured while it works", () => {
    const owner = freshOwner();
    return cleaned(
      [owner],
      Effect.gen(function* () {
        const { use = () => Effect.undefined } = yield* Sandbox;
        const before = yield* using(owner, (handle) => Effect.andThen(run(handle, "true"), use(owner)));
        const working = yield* Effect.forkScoped(using(owner, (handle) => run(handle, holding(64))));
        yield* eventually(
          Effect.map(use(owner), (now) => now !== undefined && now.diskBytes > 64 * mib && now.memoryBytes > 64 * mib),
        );
        yield* using(owner, (handle) => handle.writeFile("go", new Uint8Array()));
        yield* Fiber.join(working);
        assert.ok(before !== undefined && before.diskBytes < 8 * mib && before.diskBytesMax !== undefined);
        yield* eventually(Effect.map(use(owner), (now) => now !== undefined && now.memoryBytes < 48 * mib));
      }),
    );
  }, { needs: "realProcesses", settings: { sandboxWorkspaceMb: 512 } });
};
