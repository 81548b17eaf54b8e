/**
 * How long containers that clients made are kept: as long as they are used, and no longer.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Redacted, Ref } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../../src/adapters/containers/Memory.ts";
import * as MemorySessions from "../../../src/adapters/sessions/Memory.ts";
import { Settings, type SettingsService } from "../../../src/config.ts";
import { ownerKey } from "../../../src/domain/ids.ts";
import { Containers, layer as containersLayer } from "../../../src/runs/Containers.ts";
import { ContainerStore } from "../../../src/services/ContainerStore.ts";
import { Egress, type EgressLimit } from "../../../src/services/Egress.ts";
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
  egress: Layer.Layer<never> = Layer.empty,
  settings: Partial<SettingsService> = {},
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
        Layer.provide(MemorySessions.layer),
        Layer.provide(egress),
        Layer.provide(Settings.layerWith(settings)),
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
        const late = yield* Effect.flip(containers.uploaded(ada, container, "/workspace/late.csv"));
        assert.equal(late._tag, "ContainerNotFound");
        yield* TestClock.adjust("5 minutes");
        assert.ok(Option.isNone(yield* store.find(ownerKey(ada), container.id)));
      }));
    })
  ));

/** A way out that notes to what owners are held. */
const noting = (limits: Map<string, EgressLimit | undefined>) =>
  Layer.succeed(Egress, {
    offer: { promise: "", notes: [], certificates: "", sample: undefined, variables: {} },
    serve: (_, stream) => Effect.as(stream.reset, undefined),
    ownOffer: () => Effect.undefined,
    beyond: () => [],
    limit: (owner, limit) => Effect.sync(() => void limits.set(ownerKey(owner), limit)),
    totals: Effect.succeed({ allowed: 0, refused: 0, failed: 0, open: 0, upBytes: 0, downBytes: 0 }),
  });

const network = {
  allowedDomains: ["a.example", "b.example:8443"],
  secrets: [{ domain: "a.example", name: "TOKEN", value: Redacted.make("geheim") }],
};

it.effect("a container is held to its network from the start until it is gone, and to nothing where it has none", () => {
  const limits = new Map<string, EgressLimit | undefined>();
  return withContainers(() =>
    Effect.gen(function* () {
      const containers = yield* Containers;
      const sealed = yield* containers.create(ada, wish);
      const open = yield* containers.create(ada, { ...wish, network });
      const limitOf = (owner: typeof ada) => limits.get(ownerKey(owner));
      assert.deepEqual(limitOf(sealed.owner), { rules: [], secrets: [] });
      assert.deepEqual(limitOf(open.owner)?.rules.map(({ name, port }) => [name, port]), [
        ["a.example", 443],
        ["b.example", 8443],
      ]);
      assert.deepEqual(limitOf(open.owner)?.secrets.map(({ value }) => Redacted.value(value)), ["geheim"]);
      const kept = Option.getOrThrow(yield* (yield* ContainerStore).find(ownerKey(ada), open.id));
      assert.deepEqual(kept.network?.secretNames, ["TOKEN"]);
      assert.ok(!JSON.stringify(kept).includes("geheim"));
      assert.ok(yield* containers.hasNetwork(kept, network));
      const others = [
        { ...network, secrets: [] },
        { ...network, allowedDomains: ["a.example"] },
        { ...network, secrets: [{ domain: "a.example", name: "TOKEN", value: Redacted.make("another") }] },
      ];
      for (const other of others) assert.ok(!(yield* containers.hasNetwork(kept, other)));
      yield* containers.remove(ada, open.id);
      assert.equal(limitOf(open.owner), undefined);
      yield* TestClock.adjust("15 minutes");
      assert.equal(limitOf(sealed.owner), undefined);
    }), noting(limits));
});

it.effect("another instance, and one that was restarted, opens the secrets of a container", () => {
  const [first, second] = [new Map<string, EgressLimit | undefined>(), new Map<string, EgressLimit | undefined>()];
  const settings = { linkSecret: Option.some(Redacted.make("one secret of both")) };
  return Effect.gen(function* () {
    const kept = yield* withContainers(
      () =>
        Effect.gen(function* () {
          const { id } = yield* (yield* Containers).create(ada, { ...wish, network });
          return Option.getOrThrow(yield* (yield* ContainerStore).find(ownerKey(ada), id));
        }),
      noting(first),
      settings,
    );
    const usedIn = (limits: Map<string, EgressLimit | undefined>, changed: Partial<SettingsService>) =>
      withContainers(
        () =>
          Effect.gen(function* () {
            yield* (yield* ContainerStore).add(ownerKey(ada), kept);
            yield* (yield* Containers).use(ada, kept.id);
            return limits.get(ownerKey(kept.owner));
          }),
        noting(limits),
        changed,
      );
    const here = yield* usedIn(second, settings);
    assert.deepEqual(here?.secrets.map(({ value }) => Redacted.value(value)), ["geheim"]);
    const elsewhere = yield* usedIn(new Map(), { linkSecret: Option.some(Redacted.make("another secret")) });
    assert.deepEqual([elsewhere?.rules.length, elsewhere?.secrets], [2, []]);
  });
});
