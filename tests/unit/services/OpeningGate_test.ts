import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import { OpeningGate } from "../../../src/services/OpeningGate.ts";
import { it } from "../../support/it.ts";

it.live("OpeningGate lets a few pass at once, a crowd in order, and another principal among them", () =>
  Effect.gen(function* () {
    const gate = new OpeningGate(8);
    const passed: Array<string> = [];
    const come = (principal: string, name: string) =>
      Effect.forkChild(Effect.andThen(gate.pass(principal), Effect.sync(() => void passed.push(name))));
    const fibers: Array<Fiber.Fiber<void>> = [];
    for (let index = 0; index < 100; index++) fibers.push(yield* come("crowd", `crowd ${index}`));
    fibers.push(yield* come("other", "other"));
    yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber), { discard: true });
    assert.equal(passed.length, 101);
    assert.ok(passed.indexOf("other") < 12, `the other came as number ${passed.indexOf("other")}`);
    assert.deepEqual(
      passed.filter((name) => name !== "other"),
      Array.from({ length: 100 }, (_, index) => `crowd ${index}`),
    );
  }));

it.live("OpeningGate forgets who left before their turn", () =>
  Effect.gen(function* () {
    const gate = new OpeningGate(8);
    const fibers: Array<Fiber.Fiber<void>> = [];
    for (let index = 0; index < 50; index++) fibers.push(yield* Effect.forkChild(gate.pass(`p${index}`)));
    yield* Effect.forEach(fibers.slice(20, 40), (fiber) => Fiber.interrupt(fiber), { discard: true });
    yield* Effect.forEach(fibers.filter((_, index) => index < 20 || index >= 40), (fiber) => Fiber.join(fiber), {
      discard: true,
    });
    yield* gate.pass("p");
  }));

/** Sends a byte to a socket of this process and back, so often. */
const echoes = async (times: number): Promise<void> => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  const byte = new Uint8Array(1);
  const cross = async (from: Deno.Conn, to: Deno.Conn) => {
    // It waits for the byte, so that only the loop can tell it of it.
    const read = to.read(byte);
    await from.write(byte);
    await read;
  };
  for (let time = 0; time < times; time++) {
    await cross(near, far);
    await cross(far, near);
  }
  near.close();
  far.close();
};

it.live("OpeningGate lets the event loop look at its sockets while a crowd waits", () =>
  Effect.gen(function* () {
    const gate = new OpeningGate(8);
    let passed = 0;
    const come = Effect.andThen(gate.pass("crowd"), Effect.sync(() => passed += 1));
    const crowd = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 1_600 }), () => come, { concurrency: "unbounded", discard: true }),
    );
    yield* Effect.promise(() => echoes(20));
    assert.ok(passed < 1_600, "the sockets were looked at only when the crowd had passed");
    yield* Fiber.join(crowd);
  }));
