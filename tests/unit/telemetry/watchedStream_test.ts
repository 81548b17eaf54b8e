import assert from "node:assert/strict";
import { Effect, Fiber, References, Stream } from "effect";
import { Tracing, type TracingService, watchedStream } from "../../../src/services/Tracing.ts";
import { it } from "../../support/it.ts";

it.effect("a stream that is looked at stays in the arrays it came in, and every array is seen", () =>
  Effect.gen(function* () {
    const seen: Array<number> = [];
    const watched = watchedStream(Effect.succeed({
      name: "words",
      options: {},
      begin: () => ({
        stream: Stream.rechunk(Stream.range(1, 10_000), 1_000),
        worksOn: false,
        see: (words) => seen.push(words.length),
        ended: () => Effect.void,
      }),
    }));
    const arrays = yield* Stream.runFold(Stream.chunks(watched), () => 0, (count) => count + 1);
    assert.equal(arrays, 10);
    assert.deepEqual(seen, Array.from({ length: 10 }, () => 1_000));
  }));

/** Spans that count how many are open. */
const counting = (): TracingService & { readonly open: () => number; readonly ended: () => number } => {
  let [begun, ended] = [0, 0];
  return {
    open: () => begun - ended,
    ended: () => ended,
    tellsContent: false,
    trustsCallers: false,
    tellsProviders: false,
    begin: () => {
      begun++;
      return {
        traceId: "0".repeat(32),
        spanId: "0".repeat(16),
        isSampled: true,
        adopt: () => {},
        set: () => {},
        end: () => {
          ended++;
        },
      };
    },
  };
};

const spans = counting();

it.effect("wherever it is interrupted, a stream that is looked at is told its end, and its span ends", () =>
  Effect.gen(function* () {
    let [begun, ended, cut, whole] = [0, 0, 0, 0];
    const watched = watchedStream(Effect.succeed({
      name: "words",
      options: {},
      begin: () => {
        begun++;
        return {
          stream: Stream.rechunk(Stream.range(1, 5), 1),
          worksOn: true,
          see: () => {},
          ended: () => Effect.sync(() => ended++),
        };
      },
    }));
    for (let yields = 0; yields < 200; yields++) {
      const reading = yield* Effect.forkChild(
        Effect.provideService(Stream.runDrain(watched), References.MaxOpsBeforeYield, 4),
      );
      for (let at = 0; at < yields; at++) yield* Effect.yieldNow;
      yield* Fiber.interrupt(reading);
      const exit = yield* Fiber.await(reading);
      if (exit._tag === "Failure") cut++;
      else whole++;
      assert.equal(ended, begun, `after ${yields} yields`);
      assert.equal(spans.open(), 0, `after ${yields} yields`);
    }
    assert.ok(cut > 10 && whole > 0 && begun > 10, `${cut} cut, ${whole} whole, ${begun} begun`);
    assert.equal(spans.ended(), begun);
  }).pipe(Effect.provideService(Tracing, spans)));
