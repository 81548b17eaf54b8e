import assert from "node:assert/strict";
import { Effect, Layer, Option, Stream } from "effect";
import { type BuildMessage, Engine } from "../../../../../src/adapters/sandbox/docker/Engine.ts";
import { EngineError } from "../../../../../src/adapters/sandbox/docker/EngineError.ts";
import { Image, sourceLabel, supervisorLabel } from "../../../../../src/adapters/sandbox/docker/Image.ts";
import { Settings, type SettingsService } from "../../../../../src/config.ts";
import { it } from "../../../../support/it.ts";

interface World {
  /** Labels of the images the engine has. */
  readonly images: Map<string, Record<string, string>>;
  readonly builds: Array<Record<string, string>>;
  /** Ids of images that were removed. */
  readonly removed: Array<string>;
}

const replacedId = "sha256:before";

/** An engine that has images and builds what it is asked to, or says what the test says. */
const withImages = <A, E>(
  images: Record<string, Record<string, string>>,
  settings: Partial<SettingsService>,
  use: (world: World) => Effect.Effect<A, E, Image>,
  says: ReadonlyArray<BuildMessage> = [{ stream: "Step 1/1 : FROM x" }],
  replaced: { readonly tags: ReadonlyArray<string>; readonly inUse: boolean } = { tags: [], inUse: false },
) => {
  const world: World = { images: new Map(Object.entries(images)), builds: [], removed: [] };
  const engine = Layer.mock(Engine, {
    socketPath: "/engine.sock",
    version: { Version: "27.0.0", ApiVersion: "1.46" },
    inspectImage: (reference) =>
      Effect.sync(() =>
        reference === replacedId ? Option.some({ Id: replacedId, RepoTags: replaced.tags, Config: null }) : Option.map(
          Option.fromUndefinedOr(world.images.get(reference)),
          (Labels) => ({ Id: replacedId, Config: { Labels } }),
        )
      ),
    removeImage: (id) =>
      replaced.inUse
        ? Effect.fail(new EngineError({ operation: "removeImage", kind: "Conflict", detail: "in use" }))
        : Effect.sync(() => void world.removed.push(id)),
    buildImage: (_context, options) => {
      world.builds.push({ ...options.buildargs });
      return Stream.fromIterable(says).pipe(
        Stream.concat(Stream.fromEffectDrain(Effect.sync(() => world.images.set(options.t, { ...options.labels })))),
      );
    },
  });
  return use(world).pipe(
    Effect.provide(Image.layer.pipe(Layer.provide(engine), Layer.provide(Settings.layerWith(settings)))),
  );
};

const ensure = Effect.flatMap(Image, (image) => image.ensure);

it.effect("Image.ensure builds the default image once when many ask for it at once", () =>
  withImages({}, {}, (world) =>
    Effect.gen(function* () {
      const found = yield* Effect.all(Array.from({ length: 4 }, () => ensure), { concurrency: "unbounded" });
      assert.deepEqual(new Set(found), new Set(["mcp-code-executor:latest"]));
      assert.deepEqual(world.builds, [{ BASE: "debian:bookworm-slim", CONTENTS: "slim" }]);
    })));

it.effect("Image.ensure builds again when the image comes from other sources", () =>
  withImages({ "mcp-code-executor:latest": { [sourceLabel]: "old" } }, {}, (world) =>
    Effect.gen(function* () {
      yield* ensure;
      yield* ensure;
      assert.equal(world.builds.length, 1);
    })));

for (
  const [what, replaced, removed] of [
    ["removes the image it replaced", { tags: [], inUse: false }, [replacedId]],
    ["leaves the image it replaced when it has another tag", { tags: ["kept:1"], inUse: false }, []],
    ["leaves the image it replaced when a container uses it", { tags: [], inUse: true }, []],
  ] as const
) {
  it.effect(`Image.ensure ${what}`, () =>
    withImages(
      { "mcp-code-executor:latest": { [sourceLabel]: "old" } },
      {},
      (world) => Effect.andThen(ensure, Effect.sync(() => assert.deepEqual(world.removed, removed))),
      undefined,
      replaced,
    ));
}

it.effect("Image.ensure prefers the local base when the engine has it, and the configured one to both", () =>
  Effect.gen(function* () {
    const local = { "caisson/base:bookworm": {} };
    yield* withImages(
      local,
      {},
      (world) =>
        Effect.andThen(
          ensure,
          Effect.sync(() => assert.deepEqual(world.builds, [{ BASE: "caisson/base:bookworm", CONTENTS: "slim" }])),
        ),
    );
    yield* withImages(
      local,
      { imageBase: Option.some("mine:1") },
      (world) =>
        Effect.andThen(
          ensure,
          Effect.sync(() => assert.deepEqual(world.builds, [{ BASE: "mine:1", CONTENTS: "slim" }])),
        ),
    );
  }));

it.effect("Image.ensure says what the build said when it failed", () =>
  withImages({}, {}, () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ensure);
      assert.equal(error.reason._tag, "ImageMissing");
      assert.match(error.detail, /no such package/);
    }), [{ error: "no such package" }]));

it.effect("Image.ensure uses another image as it is and never builds it", () =>
  withImages(
    { "mine@sha256:1": { [supervisorLabel]: "1" }, "plain:1": {} },
    { executorImage: "mine@sha256:1" },
    (world) =>
      Effect.gen(function* () {
        assert.equal(yield* ensure, "mine@sha256:1");
        assert.equal(world.builds.length, 0);
      }),
  ));

for (const [reference, why] of [["plain:1", /no supervisor/], ["absent:1", /does not have it/]] as const) {
  it.effect(`Image.ensure fails when the image ${reference} cannot be a sandbox`, () =>
    withImages({ "plain:1": {} }, { executorImage: reference }, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ensure);
        assert.equal(error.reason._tag, "ImageMissing");
        assert.match(error.detail, why);
      })));
}
