import assert from "node:assert/strict";
import { Duration, Effect, Fiber, Queue, Stream } from "effect";
import { TestClock } from "effect/testing";
import { dataFrame, doneFrame, sse } from "../../../src/http/sse.ts";
import { it } from "../../support/it.ts";

const bytes = (frames: Stream.Stream<string>, keepAlive: Duration.Duration) =>
  Effect.map(sse(frames, { keepAlive }), (response) => {
    assert.ok(response.body._tag === "Stream");
    return Stream.map(response.body.stream, (chunk) => new TextDecoder().decode(chunk));
  });

it.effect("sse sends a comment whenever the keep-alive time has passed, and none after the end", () =>
  Effect.gen(function* () {
    const frames = yield* Queue.make<string>();
    const body = yield* bytes(Stream.fromQueue(frames), Duration.seconds(15));
    const seen: Array<string> = [];
    const reading = yield* Effect.forkChild(
      Stream.runForEach(body, (text) => Effect.sync(() => seen.push(text))),
    );
    yield* TestClock.adjust(Duration.seconds(14));
    assert.deepEqual(seen, []);
    yield* TestClock.adjust(Duration.seconds(1));
    assert.deepEqual(seen, [": keep-alive\n\n"]);
    yield* Queue.offer(frames, dataFrame({ a: 1 }));
    yield* TestClock.adjust(Duration.seconds(15));
    assert.deepEqual(seen.join(""), ': keep-alive\n\ndata: {"a":1}\n\n: keep-alive\n\n');
    yield* Queue.shutdown(frames);
    yield* Fiber.await(reading);
    const length = seen.length;
    yield* TestClock.adjust(Duration.seconds(60));
    assert.equal(seen.length, length);
  }));

it.effect("sse writes frames that are ready together as one buffer", () =>
  Effect.gen(function* () {
    const body = yield* bytes(Stream.fromIterable([dataFrame(1), dataFrame(2), doneFrame]), Duration.seconds(15));
    assert.deepEqual(yield* Stream.runCollect(body), ["data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"]);
  }));
