import assert from "node:assert/strict";
import { Context, Effect, Layer, Option } from "effect";
import { TestClock } from "effect/testing";
import * as Sqlite from "../../src/adapters/responses/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { ResponseStore } from "../../src/services/ResponseStore.ts";
import { it } from "../support/it.ts";
import { ada, response, responseStoreSuite } from "./responseStoreSuite.ts";

const days = 0.01;

const layer = Layer.unwrap(
  Effect.map(
    temporaryDirectory,
    (dataPath) => Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath, responseRetentionDays: days }))),
  ),
);

responseStoreSuite("sqlite", layer, {
  retentionMs: 864_000,
  pass: (ms) => TestClock.adjust(ms),
});

it.effect("sqlite: what another process deletes is not remembered by a chain that was read before", () =>
  Effect.gen(function* () {
    const settings = Settings.layerWith({ dataPath: yield* temporaryDirectory });
    const open = Effect.map(
      Layer.build(Layer.fresh(Sqlite.layer).pipe(Layer.provide(settings))),
      Context.get(ResponseStore),
    );
    const [ours, theirs] = [yield* open, yield* open];
    yield* ours.put(ada, response("a"));
    yield* ours.put(ada, response("b", "a"));
    const said = Effect.map(ours.chain(ada, "b"), (chain) => Option.getOrThrow(chain).messages.length);
    assert.equal(yield* said, 4);
    assert.equal(yield* theirs.remove(ada, "a"), true);
    assert.equal(yield* said, 2);
  }));
