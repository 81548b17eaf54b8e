import assert from "node:assert/strict";
import { Array as Arr, Cause, Effect, Exit, Stream } from "effect";
import { onClose } from "../../src/services/onClose.ts";
import { openedBy, type Pulling, readBy } from "../../src/services/opening.ts";
import { it } from "../support/it.ts";

/** Numbers up to three, one at a time. */
const counting = Effect.sync((): Pulling<number, never> => {
  let said = 0;
  return Effect.suspend(() => said < 3 ? Effect.succeed(Arr.of(++said)) : Cause.done());
});

type Way = (opening: Effect.Effect<void, string>, seen: Array<string>) => Stream.Stream<number, string>;
const noted = (seen: Array<string>) => onClose((exit) => Effect.sync(() => void seen.push(exit._tag)));
const ways: Readonly<Record<string, Way>> = {
  readBy: (opening, seen) => readBy(noted(seen).pipe(Effect.andThen(opening), Effect.andThen(counting))),
  openedBy: (opening, seen) =>
    openedBy(noted(seen).pipe(Effect.andThen(opening), Effect.as(Stream.fromPull(counting)))),
};

for (const [name, way] of Object.entries(ways)) {
  it.effect(`${name} opens once, says everything and closes its scope with the stream`, () =>
    Effect.gen(function* () {
      const seen: Array<string> = [];
      const stream = way(Effect.sync(() => void seen.push("opened")), seen);
      assert.deepEqual(seen, []);
      assert.deepEqual(yield* Stream.runCollect(stream), [1, 2, 3]);
      assert.deepEqual(seen, ["opened", "Success"]);
    }));

  it.effect(`${name} fails with what opening fails with, when it is read`, () =>
    Effect.gen(function* () {
      const told = Stream.catch(way(Effect.fail("closed"), []), (error) => Stream.make(error));
      assert.deepEqual(yield* Stream.runCollect(told), ["closed"]);
      assert.deepEqual(yield* Effect.exit(Stream.runDrain(way(Effect.fail("closed"), []))), Exit.fail("closed"));
    }));
}
