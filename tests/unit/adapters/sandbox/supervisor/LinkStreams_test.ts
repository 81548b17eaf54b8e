/** Streams against supervisors and servers that break the protocol. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import {
  Ask,
  encodeCredit,
  encodeDial,
  pieceBytes,
  preamble,
  streamWindowBytes,
  Tell,
} from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../../../../support/it.ts";
import { makeDirectories, spawnSupervisor } from "./hostSupervisor.ts";
import { frame, scripted } from "./scriptedSupervisor.ts";

/** The same, with a stream that the supervisor has accepted. */
const dialled = Effect.gen(function* () {
  const scene = yield* scripted;
  const dialling = yield* Effect.forkChild(scene.link.dial(80));
  yield* Effect.yieldNow;
  scene.say(frame(Tell.netOpen, 2));
  return { ...scene, stream: yield* Fiber.join(dialling) };
});

const window = Buffer.alloc(streamWindowBytes);

/** What a hostile supervisor may say on the stream with id 2; each ends the link. */
const breaches: Readonly<Record<string, ReadonlyArray<Uint8Array>>> = {
  "more than the window": [frame(Tell.netData, 2, window), frame(Tell.netData, 2, Buffer.from("x"))],
  "data of no bytes": [frame(Tell.netData, 2)],
  "data after the end": [frame(Tell.netEnd, 2), frame(Tell.netData, 2, Buffer.from("x"))],
  "a second end": [frame(Tell.netEnd, 2), frame(Tell.netEnd, 2)],
  "a second opening": [frame(Tell.netOpen, 2)],
  "an opening nobody asked for": [frame(Tell.netOpen, 3)],
  "credit for what was not sent": [frame(Tell.netCredit, 2, encodeCredit(1))],
  "credit for nothing": [frame(Tell.netCredit, 2, encodeCredit(0))],
  "credit that is none": [frame(Tell.netCredit, 2, Buffer.from("xy"))],
  "a flood of openings": [Buffer.concat(Array.from({ length: 70_000 }, (_, at) => frame(Tell.netOpen, 2 * at + 4)))],
  "a flood for a stream that is none": [
    Buffer.concat(Array.from({ length: 70_000 }, () => frame(Tell.netCredit, 4, encodeCredit(1)))),
  ],
};

for (const [what, said] of Object.entries(breaches)) {
  it.effect(`a supervisor that sends ${what} loses its link`, () =>
    Effect.gen(function* () {
      const { link, say, stream } = yield* dialled;
      say(...said);
      assert.equal(link.isClosed(), true);
      assert.equal((yield* Effect.flip(stream.read))._tag, "SandboxError");
      assert.equal((yield* Effect.flip(link.dial(80)))._tag, "SandboxError");
    }));
}

it.effect("data for a stream that is still dialling ends the link", () =>
  Effect.gen(function* () {
    const { link, say } = yield* scripted;
    const dialling = yield* Effect.forkChild(Effect.flip(link.dial(80)));
    yield* Effect.yieldNow;
    say(frame(Tell.netData, 2, Buffer.from("x")));
    assert.equal((yield* Fiber.join(dialling))._tag, "SandboxError");
  }));

it.effect("a full window in the smallest frames costs memory of a window, and late frames of a stream are let pass", () =>
  Effect.gen(function* () {
    const { link, say, stream } = yield* dialled;
    say(Buffer.concat(Array.from({ length: streamWindowBytes }, () => frame(Tell.netData, 2, Buffer.from("x")))));
    assert.equal((yield* stream.read)?.length, pieceBytes);
    yield* stream.reset;
    say(frame(Tell.netEnd, 2), frame(Tell.netReset, 2));
    assert.equal(link.isClosed(), false);
    assert.equal((yield* Effect.flip(stream.read)).message, "the stream was given up");
  }));

it.effect("write waits for credit and sends no byte beyond it", () =>
  Effect.gen(function* () {
    const { say, sent, stream } = yield* dialled;
    const writing = yield* Effect.forkChild(stream.write(new Uint8Array(streamWindowBytes + 1)));
    yield* Effect.yieldNow;
    const bytes = () => sent().filter(([kind]) => kind === Ask.netData).reduce((sum, [, , length]) => sum + length, 0);
    assert.equal(bytes(), streamWindowBytes);
    say(frame(Tell.netCredit, 2, encodeCredit(pieceBytes)));
    yield* Fiber.join(writing);
    assert.equal(bytes(), streamWindowBytes + 1);
  }));

it.effect("streams that send at once have a piece each on its way, and a whole window alone", () =>
  Effect.gen(function* () {
    const { link, say, sent, stream } = yield* dialled;
    const dialling = yield* Effect.forkChild(link.dial(80));
    yield* Effect.yieldNow;
    say(frame(Tell.netOpen, 4));
    const other = yield* Fiber.join(dialling);
    const bytesOn = (id: number) =>
      sent().filter(([kind, to]) => kind === Ask.netData && to === id).reduce((sum, [, , length]) => sum + length, 0);
    yield* other.write(Buffer.from("x"));
    const writing = yield* Effect.forkChild(stream.write(window));
    yield* Effect.forkChild(Effect.ignore(other.write(window)));
    for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow;
    assert.deepEqual([bytesOn(2), bytesOn(4)], [pieceBytes, pieceBytes]);
    say(frame(Tell.netReset, 4));
    say(frame(Tell.netCredit, 2, encodeCredit(pieceBytes)));
    for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow;
    assert.equal(bytesOn(2), streamWindowBytes);
    yield* Fiber.join(writing);
  }));

it.effect("a stream whose scope closes is reset once, and not at all when both ways have ended", () =>
  Effect.gen(function* () {
    const { link, say, sent } = yield* scripted;
    for (const ends of [false, true]) {
      const before = sent().length;
      const using = yield* Effect.forkChild(Effect.scoped(Effect.gen(function* () {
        const stream = yield* link.dial(80);
        if (ends) yield* stream.end;
        yield* stream.read;
      })));
      yield* Effect.yieldNow;
      const id = ends ? 4 : 2;
      say(frame(Tell.netOpen, id));
      yield* Effect.yieldNow;
      if (ends) say(frame(Tell.netEnd, id));
      else yield* Fiber.interrupt(using);
      yield* Fiber.await(using);
      const kinds = sent().slice(before).map(([kind]) => kind);
      assert.deepEqual(kinds, [Ask.netDial, ends ? Ask.netEnd : Ask.netReset]);
    }
  }));

it.effect("dial gives up a port that does not answer, and every stream dies with its link", () =>
  Effect.gen(function* () {
    const { link, sent } = yield* scripted;
    const dialling = yield* Effect.forkChild(Effect.flip(Effect.scoped(link.dial(80))));
    yield* TestClock.adjust("10 seconds");
    assert.equal((yield* Fiber.join(dialling)).message, "the port did not answer in time");
    assert.deepEqual(sent().map(([kind]) => kind), [Ask.netDial, Ask.netReset]);
  }));

/** What a hostile server may say to the real supervisor, which then ends itself. */
const floods: Readonly<Record<string, ReadonlyArray<Uint8Array>>> = {
  "an odd id": [frame(Ask.netDial, 1, encodeDial(9))],
  "a port that is none": [frame(Ask.netDial, 2, Buffer.from("xyz"))],
  "one id twice": [frame(Ask.netDial, 2, encodeDial(9)), frame(Ask.netDial, 2, encodeDial(9))],
  "more streams than there may be": Array.from(
    { length: 33 },
    (_, at) => frame(Ask.netDial, 2 * at + 2, encodeDial(9)),
  ),
  "data after the end": [
    frame(Ask.netDial, 2, encodeDial(9)),
    frame(Ask.netEnd, 2),
    frame(Ask.netData, 2, Buffer.from("x")),
  ],
  "credit beyond the window": [frame(Ask.netDial, 2, encodeDial(9)), frame(Ask.netCredit, 2, encodeCredit(1))],
};

/** A port whose kernel takes connections that nobody serves. */
const deafPort = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => Deno.listen({ hostname: "127.0.0.1", port: 0 })),
    (listener) => Effect.sync(() => listener.close()),
  ),
  (listener) => listener.addr.port,
);

it.live("a server that sends more than the window ends the supervisor", () =>
  Effect.gen(function* () {
    const port = yield* deafPort;
    const { channel } = yield* spawnSupervisor(yield* makeDirectories);
    yield* Effect.timeout(
      Effect.callback<void>((resume) => {
        channel.listen({ onData: () => {}, onDrain: () => {}, onEnd: () => resume(Effect.void) });
        channel.write(Buffer.concat([preamble, frame(Ask.netDial, 2, encodeDial(port))]));
        // More than the buffers of the kernel take.
        for (let count = 0; count < 128; count++) channel.write(frame(Ask.netData, 2, window));
      }),
      "2 minutes",
    );
  }));

for (const [what, said] of Object.entries(floods)) {
  it.live(`a server that sends ${what} ends the supervisor`, () =>
    Effect.gen(function* () {
      const { channel } = yield* spawnSupervisor(yield* makeDirectories);
      yield* Effect.timeout(
        Effect.callback<void>((resume) => {
          channel.listen({ onData: () => {}, onDrain: () => {}, onEnd: () => resume(Effect.void) });
          // Data for ids that are none come late, and harm nobody.
          channel.write(Buffer.concat([preamble, frame(Ask.netData, 8, Buffer.from("x")), ...said]));
        }),
        "2 minutes",
      );
    }));
}
