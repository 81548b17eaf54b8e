import assert from "node:assert/strict";
import { Effect, Layer, Logger, Queue } from "effect";
import * as LibraryLines from "../../src/libraryLines.ts";
import { it } from "../support/it.ts";

it.effect("what a library prints is a line of the log, and the console is its own again afterwards", () =>
  Effect.gen(function* () {
    const { console } = globalThis;
    const before = [console.warn, console.error, console.log];
    const lines = yield* Queue.unbounded<string>();
    const logger = Logger.make(({ logLevel, message }) => Queue.offerUnsafe(lines, `${logLevel} ${String(message)}`));
    const printed = Effect.gen(function* () {
      assert.equal(console.log, before[2], "by this one the logger writes");
      console.warn("The model %s is deprecated.\nMigrate.", "m-1");
      console.error(new Error("boom").message, { a: 1 });
      console.warn("x".repeat(5_000));
      return [yield* Queue.take(lines), yield* Queue.take(lines), (yield* Queue.take(lines)).length];
    });
    const layer = LibraryLines.layer("log").pipe(Layer.provideMerge(Logger.layer([logger])));
    assert.deepEqual(yield* Effect.provide(printed, layer), [
      "Warn a library says: The model m-1 is deprecated.\nMigrate.",
      "Warn a library says: boom { a: 1 }",
      "Warn a library says: ".length + 2_000,
    ]);
    assert.deepEqual([console.warn, console.error, console.log], before);
  }));
