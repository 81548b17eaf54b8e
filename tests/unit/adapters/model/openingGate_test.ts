import assert from "node:assert/strict";
import { Effect, Fiber } from "effect";
import { OpeningGate } from "../../../../src/adapters/model/openingGate.ts";
import { it } from "../../../support/it.ts";

it.live("OpeningGate lets a few pass at once, a crowd in order, and another principal among them", () =>
  Effect.gen(function* () {
    const gate = new OpeningGate();
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
    const gate = new OpeningGate();
    const fibers: Array<Fiber.Fiber<void>> = [];
    for (let index = 0; index < 50; index++) fibers.push(yield* Effect.forkChild(gate.pass(`p${index}`)));
    yield* Effect.forEach(fibers.slice(20, 40), (fiber) => Fiber.interrupt(fiber), { discard: true });
    yield* Effect.forEach(fibers.filter((_, index) => index < 20 || index >= 40), (fiber) => Fiber.join(fiber), {
      discard: true,
    });
    yield* gate.pass("p");
  }));
