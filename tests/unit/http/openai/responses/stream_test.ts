/**
 * The events of a response while its run says nothing.
 */
import assert from "node:assert/strict";
import { Duration, Effect, Fiber, Stream } from "effect";
import { TestClock } from "effect/testing";
import { begunOf } from "../../../../../src/http/openai/responses/begun.ts";
import { ResponseDialect } from "../../../../../src/http/openai/responses/dialect.ts";
import { streamed } from "../../../../../src/http/openai/responses/stream.ts";
import type { RunHandle } from "../../../../../src/runs/RunHandle.ts";
import { RunLog } from "../../../../../src/runs/RunLog.ts";
import { RunTotals } from "../../../../../src/runs/RunTotals.ts";
import { it } from "../../../../support/it.ts";

const handleOf = (log: RunLog): RunHandle => ({
  id: "run",
  createdSeconds: 0,
  allowance: {},
  totals: new RunTotals(),
  begun: log.begun,
  begunWithin: (time) => log.begunWithin(time),
  events: log.events,
  eventsAndTicks: (every) => log.eventsAndTicks(every),
  toolsHaveRun: false,
  answered: Effect.void,
  cancel: Effect.void,
});

for (const keepAliveSeconds of [15, 600]) {
  it.effect(`silence is broken by an event each minute, a comment after each ${keepAliveSeconds} seconds`, () =>
    Effect.gen(function* () {
      const log = new RunLog({ keeps: true, beginsAtOnce: true });
      yield* log.append([{ _tag: "TextDelta", text: "Well" }]);
      const dialect = new ResponseDialect(begunOf({}, "resp_1", "m", 0));
      const { body } = yield* streamed(handleOf(log), dialect, Duration.seconds(keepAliveSeconds));
      assert.ok(body._tag === "Stream");
      let heard = "";
      const decoder = new TextDecoder();
      const listening = yield* Effect.forkChild(
        Stream.runForEach(body.stream, (bytes) => Effect.sync(() => heard += decoder.decode(bytes))),
        { startImmediately: true },
      );
      const frames = () => heard.split("\n\n").filter((frame) => frame !== "");
      const before = frames().length;
      const lastNumber = /"sequence_number":(\d+)/.exec(frames().at(-1) ?? "")?.[1];
      yield* TestClock.adjust(Duration.seconds(59));
      assert.equal(frames().slice(before).filter((frame) => frame.startsWith("event:")).length, 0);
      yield* TestClock.adjust(Duration.seconds(1));
      const told = frames().at(-1) ?? "";
      assert.match(told, /^event: response.in_progress\n/);
      assert.equal(/"sequence_number":(\d+)/.exec(told)?.[1], lastNumber);
      yield* TestClock.adjust(Duration.minutes(4));
      assert.equal(frames().slice(before).filter((frame) => frame.startsWith("event:")).length, 5);
      yield* Fiber.interrupt(listening);
    }));
}
