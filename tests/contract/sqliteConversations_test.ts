import { Effect, Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Sqlite from "../../src/adapters/responses/conversations/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { conversationStoreSuite } from "./conversationStoreSuite.ts";

const days = 0.01;

const layer = Layer.unwrap(
  Effect.map(
    temporaryDirectory,
    (dataPath) => Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath, conversationRetentionDays: days }))),
  ),
);

conversationStoreSuite("sqlite conversations", layer, {
  retentionMs: 864_000,
  pass: (ms) => TestClock.adjust(ms),
});
