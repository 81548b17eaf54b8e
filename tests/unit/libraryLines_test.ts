import assert from "node:assert/strict";
import { Effect, Layer, Logger, Queue } from "effect";
import * as LibraryLines from "../../src/libraryLines.ts";
import { it } from "../support/it.ts";

const methodsNow = () => [console.debug, console.error, console.info, console.log, console.warn];

/** Logs into a queue. */
const heard = Effect.map(Queue.unbounded<string>(), (lines) => ({
  lines,
  logger: Logger.layer([
    Logger.make(({ logLevel, message }) => Queue.offerUnsafe(lines, `${logLevel} ${String(message)}`)),
  ]),
}));

it.effect("what a library prints is a line of the log, and the console is its own again afterwards", () =>
  Effect.gen(function* () {
    const before = methodsNow();
    const { lines, logger } = yield* heard;
    const printed = Effect.gen(function* () {
      assert.equal(console.log, before[3], "by this one the logger writes");
      console.warn("The model %s is deprecated.\nMigrate.", "m-1");
      console.error(new Error("boom").message, { a: 1 });
      console.warn("x".repeat(5_000));
      return [yield* Queue.take(lines), yield* Queue.take(lines), (yield* Queue.take(lines)).length];
    });
    const layer = LibraryLines.logged.pipe(Layer.provideMerge(logger), Layer.provide(LibraryLines.taken(false, false)));
    assert.deepEqual(yield* Effect.provide(printed, layer), [
      "Warn a library says: The model m-1 is deprecated.\nMigrate.",
      "Warn a library says: boom { a: 1 }",
      "Warn a library says: ".length + 2_000,
    ]);
    assert.deepEqual(methodsNow(), before);
  }));

it.effect("on a terminal the console stays as it is", () =>
  Effect.gen(function* () {
    const before = methodsNow();
    yield* Effect.provide(
      Effect.sync(() => assert.deepEqual(methodsNow(), before)),
      LibraryLines.taken(false, true),
    );
  }));

it.effect("a program that embeds us keeps its console", () =>
  Effect.gen(function* () {
    const before = methodsNow();
    yield* Effect.provide(
      Effect.sync(() => assert.deepEqual(methodsNow(), before)),
      LibraryLines.logged,
    );
  }));

it.effect("what was not logged, as where a start fails, is printed when the process ends", () =>
  Effect.gen(function* () {
    const { warn } = console;
    const printed: Array<unknown> = [];
    yield* Effect.addFinalizer(() => Effect.sync(() => console.warn = warn));
    console.warn = (...said: ReadonlyArray<unknown>) => printed.push(...said);
    yield* Effect.provide(
      Effect.sync(() => {
        console.warn("no such thing");
        assert.deepEqual(printed, []);
      }),
      LibraryLines.taken(false, false),
    );
    assert.deepEqual(printed, ["no such thing"]);
  }));
