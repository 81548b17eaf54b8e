import assert from "node:assert/strict";
import { Duration, Effect, Exit, Fiber, Stream } from "effect";
import { TestClock } from "effect/testing";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { ShuttingDown } from "../../../src/runs/RunError.ts";
import { RunLog } from "../../../src/runs/RunLog.ts";
import { it } from "../../support/it.ts";

const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });

it.effect("RunLog.eventsAndTicks ticks whenever the time has passed, and not after the end", () =>
  Effect.gen(function* () {
    const log = new RunLog({ keeps: false });
    const heard: Array<string> = [];
    const reading = yield* Effect.forkChild(
      Stream.runForEach(
        log.eventsAndTicks(Duration.seconds(15)),
        (each) => Effect.sync(() => heard.push(each._tag)),
      ),
    );
    yield* TestClock.adjust(Duration.seconds(14));
    assert.deepEqual(heard, []);
    yield* TestClock.adjust(Duration.seconds(1));
    assert.deepEqual(heard, ["Tick"]);
    yield* log.append([said("a")]);
    yield* TestClock.adjust(Duration.seconds(15));
    assert.deepEqual(heard, ["Tick", "TextDelta", "Tick"]);
    log.end(Exit.void);
    yield* Fiber.join(reading);
    yield* TestClock.adjust(Duration.seconds(60));
    assert.equal(heard.length, 3);
  }));

it.effect("RunLog.append waits while every listener is far behind, and goes on when one reads or all left", () =>
  Effect.gen(function* () {
    const big = said("x".repeat(2 * 1024 * 1024));
    const log = new RunLog({ keeps: true });
    const first = yield* Effect.forkChild(log.append([big]));
    yield* TestClock.adjust(Duration.seconds(1));
    assert.equal(first.pollUnsafe(), undefined);
    const reading = yield* Effect.forkChild(Stream.runDrain(log.events));
    yield* Fiber.join(first);
    yield* Fiber.interrupt(reading);
    const second = yield* Effect.forkChild(log.append([big]));
    yield* TestClock.adjust(Duration.seconds(1));
    assert.equal(second.pollUnsafe(), undefined);
    log.unattended();
    yield* Fiber.join(second);
    yield* log.append([big]);
  }));

it.effect("RunLog keeps everything for late listeners when told so, and nothing that was read otherwise", () =>
  Effect.gen(function* () {
    for (const [keeps, expected] of [[true, ["a", "b"]], [false, []]] as const) {
      const log = new RunLog({ keeps });
      yield* log.append([said("a"), said("b")]);
      log.end(Exit.void);
      yield* Stream.runDrain(log.events);
      const late = yield* Stream.runCollect(log.events);
      assert.deepEqual(late.map((event) => event._tag === "TextDelta" ? event.text : ""), expected);
    }
  }));

it.effect("RunLog.begun does not take the beginning of a turn for an answer", () =>
  Effect.gen(function* () {
    const failure = new ShuttingDown();
    const log = new RunLog({ keeps: false });
    yield* log.append([{ _tag: "TurnStarted", turn: 1 }]);
    const waiting = yield* Effect.forkChild(Effect.flip(log.begun), { startImmediately: true });
    assert.equal(waiting.pollUnsafe(), undefined);
    log.end(Exit.fail(failure));
    assert.equal(yield* Fiber.join(waiting), failure);
  }));
