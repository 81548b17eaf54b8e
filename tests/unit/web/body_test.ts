/**
 * Bodies are bounded in size, in pace, and in what those that still arrive hold together.
 */
import assert from "node:assert/strict";
import { Deferred, Effect, Fiber, Latch, Queue, Stream } from "effect";
import { HttpServerRequest } from "effect/http";
import { TestClock } from "effect/testing";
import { Bodies } from "../../../src/web/body.ts";
import { stepLength } from "../../../src/web/loopTurn.ts";
import { it } from "../../support/it.ts";

const mebibyte = 1024 * 1024;
const bytesMax = 32 * mebibyte;
const piece = new Uint8Array(mebibyte).fill(97);

const requestOf = (headers: Record<string, string>, body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>) =>
  HttpServerRequest.fromWeb(new Request("http://caisson.test/", { method: "POST", headers, body }));

/** A request of which the test sends piece by piece. */
const sending = Effect.gen(function* () {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
    undefined,
    { highWaterMark: 64 },
    { highWaterMark: 64 },
  );
  const writer = writable.getWriter();
  yield* Effect.addFinalizer(() => Effect.promise(() => writer.abort().catch(() => {})));
  return {
    request: requestOf({ "content-length": String(30 * mebibyte), "content-type": "application/json" }, readable),
    // A reader that gave up breaks the pipe.
    send: (bytes: Uint8Array) => Effect.promise(() => writer.write(bytes).catch(() => {})),
    end: Effect.promise(() => writer.close()),
  };
});

const tests = it.layer(Bodies.layer);

tests.effect("Bodies.text reads small and large bodies alike", () =>
  Effect.gen(function* () {
    const bodies = yield* Bodies;
    for (const size of [0, 1, 64 * 1024, 64 * 1024 + 1, 3 * mebibyte]) {
      const bytes = new TextEncoder().encode("é".repeat(size / 2));
      const request = requestOf({ "content-length": String(bytes.length) }, bytes);
      assert.equal((yield* bodies.text(request, { bytesMax })).length, Math.floor(size / 2));
    }
  }));

tests.effect(
  "Bodies.text refuses what is not UTF-8, small and large, instead of reading other words",
  () =>
    Effect.gen(function* () {
      const bodies = yield* Bodies;
      for (const size of [8, 64 * 1024, 64 * 1024 + 1, 3 * mebibyte]) {
        // "é" as Latin-1 has it, at the end of plain letters.
        const bytes = new Uint8Array(size).fill(97);
        bytes[size - 1] = 0xe9;
        const request = requestOf({ "content-length": String(size) }, bytes);
        assert.equal((yield* Effect.flip(bodies.text(request, { bytesMax })))._tag, "BodyNotUtf8");
      }
      const marked = requestOf({ "content-length": "5" }, Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
      assert.equal(yield* bodies.text(marked, { bytesMax }), "{}");
    }),
);

/** Lengths of what is decoded and parsed, as long as the scope is open. */
const watchedDecoding = Effect.acquireRelease(
  Effect.sync(() => {
    const { decode } = TextDecoder.prototype;
    const lengths: Array<number> = [];
    TextDecoder.prototype.decode = function (bytes, options) {
      lengths.push(bytes?.byteLength ?? 0);
      return decode.call(this, bytes, options);
    };
    return { decode, lengths };
  }),
  ({ decode }) =>
    Effect.sync(() => {
      TextDecoder.prototype.decode = decode;
    }),
);

tests.live("Bodies.text decodes a large body in steps, wherever characters are cut", () =>
  Effect.gen(function* () {
    const bodies = yield* Bodies;
    const { lengths } = yield* watchedDecoding;
    const text = "aé水😀".repeat(2 * mebibyte);
    const bytes = new TextEncoder().encode(text);
    const request = requestOf({ "content-length": String(bytes.length) }, bytes);
    assert.equal((yield* bodies.text(request, { bytesMax })) === text, true);
    assert.ok(lengths.length > 4 && lengths.every((length) => length <= stepLength), lengths.join(" "));
  }));

tests.effect("Bodies refuses by the headers alone, by name", () =>
  Effect.gen(function* () {
    const bodies = yield* Bodies;
    const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
      [{ "content-encoding": "gzip" }, "UnsupportedEncoding"],
      [{ "content-encoding": "identity, br" }, "UnsupportedEncoding"],
      [{ "content-type": "text/plain" }, "UnsupportedMediaType"],
      [{ "content-length": String(bytesMax + 1) }, "BodyTooLarge"],
    ];
    for (const [headers, tag] of cases) {
      const error = yield* Effect.flip(bodies.text(requestOf(headers, new Uint8Array(2)), { bytesMax }));
      assert.equal(error._tag, tag);
    }
    const untyped = requestOf({}, new Uint8Array(2));
    assert.equal((yield* Effect.flip(bodies.text(untyped, { bytesMax, typed: true })))._tag, "UnsupportedMediaType");
  }));

tests.effect("Bodies gives up a large body that stops arriving, within ten seconds", () =>
  Effect.gen(function* () {
    const bodies = yield* Bodies;
    const { request, send } = yield* sending;
    const read = yield* Effect.forkChild(Effect.flip(bodies.bytes(request, { bytesMax })), { startImmediately: true });
    yield* send(piece);
    yield* TestClock.adjust("5 seconds");
    yield* TestClock.adjust("5 seconds");
    assert.equal((yield* Fiber.join(read))._tag, "BodyTimedOut");
  }));

tests.live(
  "Bodies holds no more than 256 MiB of bodies that still arrive, and has room again afterwards",
  () =>
    Effect.gen(function* () {
      const bodies = yield* Bodies;
      const failures = yield* Queue.unbounded<string>();
      const readers: Array<Fiber.Fiber<unknown, unknown>> = [];
      for (let client = 0; client < 9; client++) {
        const { request, send } = yield* sending;
        readers.push(
          yield* Effect.forkChild(
            Effect.catch(bodies.bytes(request, { bytesMax }), ({ _tag }) => Queue.offer(failures, _tag)),
            { startImmediately: true },
          ),
        );
        for (let sent = 0; sent < 30; sent++) yield* send(piece);
      }
      assert.equal(yield* Queue.take(failures), "TooManyBodies");
      yield* Fiber.interruptAll(readers);
      const last = yield* sending;
      const read = yield* Effect.forkChild(bodies.bytes(last.request, { bytesMax }), { startImmediately: true });
      yield* last.send(piece);
      yield* last.end;
      assert.equal((yield* Fiber.join(read)).length, mebibyte);
    }),
);

tests.effect(
  "Bodies.stream gives up a sender that stops, and waits for as long as nobody takes anything",
  () =>
    Effect.gen(function* () {
      const bodies = yield* Bodies;
      const { request, send, end } = yield* sending;
      const stream = yield* bodies.stream(request, { bytesMax });
      const latch = yield* Latch.make();
      const held = yield* Deferred.make<void>();
      const slow = yield* Effect.forkChild(
        Stream.runForEach(stream, () => Effect.andThen(Deferred.succeed(held, undefined), latch.await)),
        { startImmediately: true },
      );
      yield* send(piece);
      yield* Deferred.await(held);
      yield* TestClock.adjust("10 minutes");
      assert.equal(slow.pollUnsafe(), undefined);
      yield* latch.open;
      yield* end;
      yield* Fiber.join(slow);
      const stopping = yield* sending;
      const read = yield* bodies.stream(stopping.request, { bytesMax });
      const taken = yield* Deferred.make<void>();
      const ended = yield* Effect.forkChild(
        Effect.flip(Stream.runForEach(read, () => Deferred.succeed(taken, undefined))),
        { startImmediately: true },
      );
      yield* stopping.send(piece);
      yield* Deferred.await(taken);
      yield* TestClock.adjust("5 seconds");
      assert.equal((yield* Fiber.join(ended))._tag, "BodyTimedOut");
    }),
);

tests.effect("Bodies.stream gives up a sender who sends a byte now and then", () =>
  Effect.gen(function* () {
    const bodies = yield* Bodies;
    const { request, send } = yield* sending;
    const arrived = yield* Queue.unbounded<number>();
    const stream = yield* bodies.stream(request, { bytesMax });
    const ended = yield* Effect.forkChild(
      Effect.flip(Stream.runForEach(stream, ({ length }) => Queue.offer(arrived, length))),
      { startImmediately: true },
    );
    for (const n of [1, 2, 3]) {
      yield* TestClock.adjust("2 seconds");
      yield* send(new Uint8Array(1));
      if (n < 3) yield* Queue.take(arrived);
    }
    assert.equal((yield* Fiber.join(ended))._tag, "BodyTimedOut");
  }));

tests.effect(
  "Bodies.stream ends with the error when more arrives than the limit or the body breaks off",
  () =>
    Effect.gen(function* () {
      const bodies = yield* Bodies;
      const pieces = (count: number) =>
        requestOf(
          { "transfer-encoding": "chunked" },
          new ReadableStream<Uint8Array>({
            pull: (controller) => count-- > 0 ? controller.enqueue(piece) : controller.error(new Error("gone")),
          }),
        );
      const flowing = (count: number) =>
        Effect.flatMap(bodies.stream(pieces(count), { bytesMax }), (stream) => Effect.flip(Stream.runDrain(stream)));
      assert.equal((yield* flowing(40))._tag, "BodyTooLarge");
      assert.equal((yield* flowing(3))._tag, "BodyUnreadable");
      const declared = requestOf({ "content-length": String(bytesMax + 1) }, new Uint8Array(2));
      assert.equal((yield* Effect.flip(bodies.stream(declared, { bytesMax })))._tag, "BodyTooLarge");
    }),
);
