/**
 * Waits that a fiber begins: it may yield to others at any step, so also between its look at what is there and its
 * wait. What comes in between must not be passed over, or a stream stands still for ever.
 */
import assert from "node:assert/strict";
import { Cause, Duration, Effect, Exit, Fiber, Option, References, type Scope, Stream } from "effect";
import { Arrivals } from "../../src/adapters/model/Arrivals.ts";
import { endAfter } from "../../src/agent/endAfter.ts";
import type { AgentEvent } from "../../src/domain/AgentEvent.ts";
import { RunLog } from "../../src/runs/RunLog.ts";
import { Ask, Tell } from "../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../support/it.ts";
import { frame, scripted } from "./adapters/sandbox/supervisor/scriptedSupervisor.ts";

const count = 60;

/** The steps after which a fiber yields: each place of a loop is among them. Fewer than four are no step forward. */
const steps = Array.from({ length: 45 }, (_, index) => index + 4);

/** Lets others go on until something is so. */
const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => isSo() ? Effect.void : Effect.andThen(Effect.yieldNow, until(isSo)));

const waits: Record<string, Effect.Effect<void, unknown, Scope.Scope>> = {
  "endAfter, over a stream that is always ready": Effect.gen(function* () {
    const ready = Stream.range(1, count).pipe(Stream.rechunk(1), endAfter(Duration.minutes(1)));
    assert.equal((yield* Stream.runCollect(ready)).length, count);
  }),
  "endAfter, over a stream that is waited for": Effect.gen(function* () {
    const slow = Stream.range(1, count).pipe(
      Stream.rechunk(1),
      Stream.tap(() => Effect.promise(() => Promise.resolve())),
      endAfter(Duration.minutes(1)),
    );
    assert.equal((yield* Stream.runCollect(slow)).length, count);
  }),
  "Arrivals": Effect.gen(function* () {
    const arrivals = new Arrivals({ pause: () => {}, resume: () => {} });
    let heard = 0;
    const reading = yield* Effect.forkChild(
      Effect.ignore(Effect.forever(Effect.map(arrivals.read, (values) => heard += values.length))),
    );
    for (let event = 1; event <= count; event++) {
      arrivals.feed(`data: ${event}\n\n`);
      yield* until(() => heard === event);
    }
    arrivals.end();
    yield* Fiber.await(reading);
    assert.equal(heard, count);
  }),
  "a file that is read out of a sandbox": Effect.gen(function* () {
    const { link, say, sent } = yield* Effect.provideService(scripted, References.MaxOpsBeforeYield, 2048);
    let heard = 0;
    const reading = yield* Effect.forkChild(
      Stream.runForEach(link.readBytes("a"), (piece) => Effect.sync(() => heard += piece.length)),
    );
    const idOf = () => sent().find(([kind]) => kind === Ask.readBytes)?.[1];
    yield* until(() => idOf() !== undefined);
    const id = idOf() ?? 0;
    for (let piece = 1; piece <= count; piece++) {
      say(frame(Tell.data, id, Uint8Array.of(piece)));
      yield* until(() => heard === piece);
    }
    say(frame(Tell.ok, id));
    yield* Fiber.join(reading);
  }),
  "RunLog, with two listeners": Effect.gen(function* () {
    const log = new RunLog({ keeps: true });
    const said: AgentEvent = { _tag: "TextDelta", text: "a" };
    const heard = [0, 0];
    const listeners = yield* Effect.forEach(
      heard,
      (_, listener) =>
        Effect.forkChild(Stream.runForEach(log.events, () =>
          Effect.sync(() => {
            heard[listener] = (heard[listener] ?? 0) + 1;
          }))),
    );
    for (let event = 1; event <= count; event++) {
      yield* log.append([said]);
      yield* until(() => heard.every((events) => events === event));
    }
    log.end(Exit.void);
    yield* Fiber.joinAll(listeners);
  }),
};

for (const [name, wait] of Object.entries(waits)) {
  it.live(`${name} passes nothing over wherever its fibers yield`, () =>
    Effect.gen(function* () {
      for (const step of steps) {
        const done = yield* Effect.scoped(wait).pipe(
          Effect.provideService(References.MaxOpsBeforeYield, step),
          Effect.timeoutOption(Duration.seconds(30)),
          Effect.catchCause((cause) => Effect.die(new Error(`every ${step} steps: ${Cause.pretty(cause)}`))),
        );
        assert.ok(Option.isSome(done), `stands still when fibers yield every ${step} steps`);
      }
    }));
}
