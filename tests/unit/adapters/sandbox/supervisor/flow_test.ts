/** Back-pressure both ways: nobody waits for ever, nobody piles up. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { Deferred, Effect, Fiber, Stream } from "effect";
import type { ByteChannel } from "../../../../../src/adapters/sandbox/supervisor/ByteChannel.ts";
import {
  Ask,
  encodeExec,
  encodeFrame,
  encodeWrite,
  FrameDecoder,
  preamble,
  Tell,
  windowBytes,
} from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor, makeDirectories, spawnSupervisor } from "./hostSupervisor.ts";

it.live("the supervisor takes everything in when the server reads nothing, and gives everything out afterwards", () =>
  Effect.gen(function* () {
    const directories = yield* makeDirectories;
    const { child, channel } = yield* spawnSupervisor(directories);
    const commands = 6;
    const outputBytesMax = 1024 * 1024;
    child.stdin.write(preamble);
    for (let id = 1; id <= commands; id++) {
      const head = { timeoutMs: 800, outputBytesMax, withStdin: false, outputName: `o${id}` };
      child.stdin.write(encodeFrame(Ask.exec, id, ...encodeExec(head, Buffer.from("yes"))));
    }
    const piece = new Uint8Array(64 * 1024);
    child.stdin.write(encodeFrame(Ask.write, 100, ...encodeWrite(Buffer.from("file"), false)));
    for (let count = 0; count < 320; count++) child.stdin.write(encodeFrame(Ask.chunk, 100, piece));
    // Twenty megabytes have gone in when this is called back, while both our pipes from it are full.
    yield* Effect.callback<void>((resume) =>
      void child.stdin.write(encodeFrame(Ask.commit, 100), () => resume(Effect.void))
    );
    const ended = new Set<number>();
    let bytes = 0;
    const decoder = new FrameDecoder();
    yield* Effect.callback<void>((resume) =>
      channel.listen({
        onDrain: () => {},
        onEnd: (why) => resume(Effect.die(new Error(why))),
        onData: (data) => {
          decoder.push(data, (kind, id, payload) => {
            if (kind === Tell.exit || kind === Tell.ok) ended.add(id);
            bytes += payload.length;
          });
          if (ended.size === commands + 1) resume(Effect.void);
        },
      })
    );
    assert.ok(bytes <= commands * 1.5 * outputBytesMax + 1000);
  }));

it.live("readBytes lets at most a window arrive when the consumer stalls, and commands run meanwhile", () =>
  Effect.gen(function* () {
    let received = 0;
    const wrap = (channel: ByteChannel): ByteChannel => ({
      ...channel,
      listen: (listener) =>
        channel.listen({
          ...listener,
          onData: (bytes) => {
            received += bytes.length;
            listener.onData(bytes);
          },
        }),
    });
    const { link, workspace } = yield* hostSupervisor({}, { wrap });
    writeFileSync(`${workspace}/sparse`, "");
    truncateSync(`${workspace}/sparse`, 64 * 1024 * 1024);
    const isStalled = yield* Deferred.make<void>();
    const goOn = yield* Deferred.make<void>();
    let total = 0;
    const reading = yield* Effect.forkChild(Stream.runForEach(link.readBytes("sparse"), (piece) => {
      total += piece.length;
      return Effect.andThen(Deferred.succeed(isStalled, undefined), Deferred.await(goOn));
    }));
    yield* Deferred.await(isStalled);
    for (let count = 0; count < 5; count++) {
      assert.equal((yield* link.execute({ command: "echo meanwhile", timeoutMs: 60_000 })).stdout, "meanwhile\n");
    }
    assert.ok(received <= windowBytes + 64 * 1024, `${received}`);
    yield* Deferred.succeed(goOn, undefined);
    yield* Fiber.join(reading);
    assert.equal(total, 64 * 1024 * 1024);
  }));

it.live("writeFile leaves nothing behind when it is interrupted half-way", () =>
  Effect.gen(function* () {
    let sent = 0;
    const isHalfWay = yield* Deferred.make<void>();
    // Says that it is full and never drains: the write stays where it is.
    const wrap = (channel: ByteChannel): ByteChannel => ({
      ...channel,
      write: (bytes) => {
        channel.write(bytes);
        sent += bytes.length;
        if (sent < 1_000_000) return true;
        Deferred.doneUnsafe(isHalfWay, Effect.void);
        return false;
      },
    });
    const { link, workspace } = yield* hostSupervisor({}, { wrap });
    const writing = yield* Effect.forkChild(link.writeFile("half", new Uint8Array(8_000_000)));
    yield* Deferred.await(isHalfWay);
    yield* link.ping;
    assert.equal(readdirSync(workspace).length, 1);
    yield* Fiber.interrupt(writing);
    yield* link.ping;
    assert.deepEqual(readdirSync(workspace), []);
  }));

it.live("execute keeps a large bound whole when its tail is longer than a frame", () =>
  Effect.gen(function* () {
    const outputBytesMax = 6 * 1024 * 1024;
    const { link } = yield* hostSupervisor({ outputBytesMax });
    const outcome = yield* link.execute({
      command: "head -c 8000000 /dev/zero | tr '\\0' x; printf END",
      timeoutMs: 60_000,
    });
    assert.equal(outcome.truncated, true);
    assert.ok(outcome.stdout.endsWith("xEND"));
    assert.ok(outcome.stdout.length > outputBytesMax - 300 && outcome.stdout.length <= outputBytesMax);
  }));
