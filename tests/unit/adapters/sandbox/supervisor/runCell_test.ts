/** Cells that wait for their turn, on a supervisor that says what a test lets it say. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Fiber } from "effect";
import { Ask, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../../../../support/it.ts";
import { frame, scripted } from "./scriptedSupervisor.ts";

const exited = (id: number) => frame(Tell.exit, id, Buffer.alloc(22));
const request = { code: "x", timeoutMs: 1_000, kernel: "k" };

it.effect("cells of a kernel are sent one after the other, and one that is given up while it waits never is", () =>
  Effect.gen(function* () {
    const { link, say, sent } = yield* scripted;
    const asked = () => sent().map(([kind, id]) => [kind, id]);
    const run = Effect.forkChild(link.runCell(request), { startImmediately: true });
    const [first, second, third] = [yield* run, yield* run, yield* run];
    assert.deepEqual(asked(), [[Ask.kernelRun, 1]]);
    yield* Fiber.interrupt(second);
    say(exited(1));
    assert.equal((yield* Fiber.join(first)).stateLost, false);
    assert.deepEqual(asked(), [[Ask.kernelRun, 1], [Ask.kernelRun, 2]]);
    say(exited(2));
    yield* Fiber.join(third);
    assert.equal(asked().length, 2);
  }));

it.effect("a cell that is interrupted is waited for, and only then the next of its kernel begins", () =>
  Effect.gen(function* () {
    const { link, say, sent } = yield* scripted;
    const asked = () => sent().map(([kind, id]) => [kind, id]);
    const run = Effect.forkChild(link.runCell(request), { startImmediately: true });
    const [first, second] = [yield* run, yield* run];
    const interrupting = yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true });
    yield* Effect.yieldNow;
    assert.deepEqual(asked(), [[Ask.kernelRun, 1], [Ask.cancel, 1]]);
    assert.equal(interrupting.pollUnsafe(), undefined);
    say(exited(1));
    yield* Fiber.join(interrupting);
    assert.deepEqual(asked().at(-1), [Ask.kernelRun, 2]);
    say(exited(2));
    yield* Fiber.join(second);
  }));

it.effect("cells that run and wait when the link dies all fail", () =>
  Effect.gen(function* () {
    const { link, say } = yield* scripted;
    const cells = yield* Effect.forEach(
      Array.from({ length: 50 }),
      () => Effect.forkChild(Effect.flip(link.runCell(request)), { startImmediately: true }),
    );
    say(frame(200, 1));
    for (const cell of cells) assert.equal((yield* Fiber.join(cell)).reason._tag, "SandboxLost");
    assert.equal((yield* Effect.flip(link.runCell(request))).reason._tag, "SandboxLost");
  }));
