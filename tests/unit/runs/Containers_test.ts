/**
 * How long containers that clients made are kept: as long as they are used, and no longer.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Ref } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../../src/adapters/containers/Memory.ts";
import { Settings } from "../../../src/config.ts";
import { ownerKey } from "../../../src/domain/ids.ts";
import { Containers, layer as containersLayer } from "../../../src/runs/Containers.ts";
import { ContainerStore } from "../../../src/services/ContainerStore.ts";
import { RuntimeUnavailable, Sandbox, SandboxError } from "../../../src/services/Sandbox.ts";
import { it } from "../../support/it.ts";

const ada = { principal: "api-key:a", user: "ada", ephemeral: false };
const wish = { name: "n", idleMinutes: 2, memoryLimit: "1g" as const };

/** Containers whose sandboxes only note that they were reset. */
const withContainers = <A, E>(
  body: (parts: {
    readonly reset: Ref.Ref<ReadonlyArray<string>>;
    readonly isBroken: Ref.Ref<boolean>;
  }) => Effect.Effect<A, E, Containers | ContainerStore>,
) =>
  Effect.gen(function* () {
    const reset = yield* Ref.make<ReadonlyArray<string>>([]);
    const isBroken = yield* Ref.make(false);
    const sandbox = Layer.mock(Sandbox, {
      info: { kind: "scripted", why: "", controls: [], notes: [] },
      reset: Effect.fnUntraced(function* ({ user }) {
        if (yield* Ref.get(isBroken)) {
          return yield* new SandboxError({ reason: new RuntimeUnavailable(), detail: "down" });
        }
        yield* Ref.update(reset, (users) => [...users, user]);
      }),
    });
    return yield* body({ reset, isBroken }).pipe(Effect.provide(
      containersLayer.pipe(
        Layer.provideMerge(Layer.merge(Memory.layer, sandbox)),
        Layer.provide(Settings.layerWith({})),
      ),
    ));
  });

it.effect("a container that a run holds outlives its time, and is emptied once after the run", () =>
  withContainers(({ reset }) =>
    Effect.gen(function* () {
      const containers = yield* Containers;
      const container = yield* containers.create(ada, wish);
      yield* Effect.scoped(Effect.gen(function* () {
        yield* containers.hold(ada, container);
        yield* TestClock.adjust("15 minutes");
        assert.deepEqual(yield* Ref.get(reset), []);
        assert.equal((yield* containers.use(ada, container.id)).isExpired, false);
      }));
      yield* TestClock.adjust("15 minutes");
      assert.deepEqual(yield* Ref.get(reset), [container.owner.user]);
      assert.equal((yield* Effect.flip(containers.use(ada, container.id)))._tag, "ContainerExpired");
      assert.equal((yield* containers.find(ada, container.id)).isExpired, true);
    })
  ));

it.effect("a container that cannot be emptied is tried again, and nobody works in it meanwhile", () =>
  withContainers(({ reset, isBroken }) =>
    Effect.gen(function* () {
      const containers = yield* Containers;
      const { id } = yield* containers.create(ada, wish);
      yield* Ref.set(isBroken, true);
      yield* TestClock.adjust("10 minutes");
      assert.equal((yield* Effect.flip(containers.use(ada, id)))._tag, "ContainerExpired");
      yield* Ref.set(isBroken, false);
      yield* TestClock.adjust("2 minutes");
      assert.equal((yield* Ref.get(reset)).length, 1);
    })
  ));

it.effect("what is noted of a container that was removed meanwhile does not bring it back", () =>
  withContainers(() =>
    Effect.gen(function* () {
      const containers = yield* Containers;
      const store = yield* ContainerStore;
      const container = yield* containers.create(ada, wish);
      yield* Effect.scoped(Effect.gen(function* () {
        yield* containers.hold(ada, container);
        yield* containers.remove(ada, container.id);
        yield* containers.uploaded(ada, container, "/workspace/late.csv");
        yield* TestClock.adjust("5 minutes");
        assert.ok(Option.isNone(yield* store.find(ownerKey(ada), container.id)));
      }));
    })
  ));
