import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import { watchedStream } from "../../../src/services/Tracing.ts";
import { it } from "../../support/it.ts";

it.effect("a stream that is looked at stays in the arrays it came in, and every array is seen", () =>
  Effect.gen(function* () {
    const seen: Array<number> = [];
    const watched = watchedStream("words", {}, () => ({
      stream: Stream.rechunk(Stream.range(1, 10_000), 1_000),
      worksOn: false,
      see: (words) => seen.push(words.length),
      ended: () => Effect.void,
    }));
    const arrays = yield* Stream.runFold(Stream.chunks(watched), () => 0, (count) => count + 1);
    assert.equal(arrays, 10);
    assert.deepEqual(seen, Array.from({ length: 10 }, () => 1_000));
  }));
