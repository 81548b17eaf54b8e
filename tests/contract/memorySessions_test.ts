import { Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../src/adapters/sessions/Memory.ts";
import { Settings } from "../../src/config.ts";
import { sessionsSuite } from "./sessionsSuite.ts";

const timeoutMs = 60_000;

sessionsSuite(
  "memory",
  Memory.layer.pipe(Layer.provide(Settings.layerWith({ sessionTimeoutSeconds: timeoutMs / 1000 }))),
  { timeoutMs, pass: (ms) => TestClock.adjust(ms) },
);
