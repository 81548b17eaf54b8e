import { Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../src/adapters/responses/Memory.ts";
import { Settings } from "../../src/config.ts";
import { responseStoreSuite } from "./responseStoreSuite.ts";

const days = 0.01;

responseStoreSuite("memory", Memory.layer.pipe(Layer.provide(Settings.layerWith({ responseRetentionDays: days }))), {
  retentionMs: 864_000,
  pass: (ms) => TestClock.adjust(ms),
});
