import { Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../src/adapters/responses/conversations/Memory.ts";
import { Settings } from "../../src/config.ts";
import { conversationStoreSuite } from "./conversationStoreSuite.ts";

conversationStoreSuite(
  "memory conversations",
  Memory.layer.pipe(Layer.provide(Settings.layerWith({ conversationRetentionDays: 0.01 }))),
  { retentionMs: 864_000, pass: (ms) => TestClock.adjust(ms) },
);
