/**
 * What conversations left that nobody named is erased by its age, and what cannot be erased is tried again.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Ref } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../../src/adapters/sessions/Memory.ts";
import { Settings } from "../../../src/config.ts";
import { layer as sweeping } from "../../../src/runs/unnamedSweep.ts";
import { RuntimeUnavailable, Sandbox, SandboxError } from "../../../src/services/Sandbox.ts";
import { Sessions } from "../../../src/services/Sessions.ts";
import { it } from "../../support/it.ts";

const owner = (name: string) => ({ principal: "api-key:a", user: `conversation:${name}`, ephemeral: false });

it.effect("a conversation that names nobody is erased after its days, once, and one in use is not", () =>
  Effect.gen(function* () {
    const reset = yield* Ref.make<ReadonlyArray<string>>([]);
    const isBroken = yield* Ref.make(true);
    const sandbox = Layer.mock(Sandbox, {
      info: { kind: "scripted", why: "", controls: [], notes: [] },
      reset: Effect.fnUntraced(function* ({ user }) {
        if (user.endsWith("held") && (yield* Ref.get(isBroken))) {
          return yield* new SandboxError({ reason: new RuntimeUnavailable(), detail: "held" });
        }
        yield* Ref.update(reset, (users) => [...users, user.replace("conversation:", "")]);
      }),
    });
    yield* Effect.gen(function* () {
      const sessions = yield* Sessions;
      for (const name of ["old", "held", ...Array.from({ length: 25 }, (_, n) => String(n))]) {
        yield* sessions.noteUnnamed(owner(name), 0);
      }
      yield* sessions.noteUnnamed(owner("used"), 24 * 3_600_000);
      yield* TestClock.adjust("47 hours");
      assert.deepEqual(yield* Ref.get(reset), []);
      yield* TestClock.adjust("2 hours");
      yield* Ref.set(isBroken, false);
      yield* TestClock.adjust("3 hours");
      const erased = yield* Ref.get(reset);
      assert.equal(erased.length, 27);
      assert.equal(new Set(erased).size, 27);
      assert.ok(erased.includes("held") && !erased.includes("used"));
      yield* TestClock.adjust("24 hours");
      assert.deepEqual((yield* Ref.get(reset)).slice(27), ["used"]);
    }).pipe(
      Effect.provide(sweeping.pipe(
        Layer.provideMerge(Layer.merge(Memory.layer, sandbox)),
        Layer.provide(Settings.layerWith({ unnamedDays: 2 })),
      )),
    );
  }));
