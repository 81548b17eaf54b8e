import { Effect, Layer } from "effect";
import { TestClock } from "effect/testing";
import * as Sqlite from "../../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { sessionsSuite } from "./sessionsSuite.ts";

const timeoutMs = 60_000;

const layer = Layer.unwrap(
  Effect.map(
    temporaryDirectory,
    (dataPath) =>
      Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath, sessionTimeoutSeconds: timeoutMs / 1000 }))),
  ),
);

sessionsSuite("sqlite", layer, { timeoutMs, pass: (ms) => TestClock.adjust(ms) });
