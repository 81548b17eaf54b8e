/** The link against supervisors that lie, go silent or die. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duration, Effect, Exit, Fiber, Stream } from "effect";
import { TestClock } from "effect/testing";
import type { ByteChannel, ChannelListener } from "../../../../../src/adapters/sandbox/supervisor/ByteChannel.ts";
import { headerBytes, preamble, protocolVersion, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { connect } from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";
import { SandboxError } from "../../../../../src/services/Sandbox.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor, makeDirectories, spawnSupervisor } from "./hostSupervisor.ts";
import { makeRandom } from "./random.ts";

const frame = (kind: number, id: number, payload: Uint8Array = new Uint8Array()) => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(payload.length, 0);
  header[4] = kind;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, payload]);
};

/** The ids of the frames in some bytes. */
const ids = (bytes: Buffer): ReadonlySet<number> => {
  const found = new Set<number>();
  for (let at = 0; at + headerBytes <= bytes.length; at += headerBytes + bytes.readUInt32BE(at)) {
    found.add(bytes.readUInt32BE(at + 5));
  }
  return found;
};

const hello = frame(Tell.hello, 0, Buffer.from([0, protocolVersion]));

const exit = (code: number) => {
  const body = Buffer.alloc(22);
  body.writeInt32BE(code, 0);
  return body;
};

/** A supervisor made of what the test lets it say. */
const scripted = () => {
  const sent: Array<Uint8Array> = [];
  let listener: ChannelListener | undefined;
  let isClosed = false;
  const channel: ByteChannel = {
    write: (bytes) => {
      sent.push(bytes);
      return true;
    },
    listen: (given) => void (listener = given),
    close: () => void (isClosed = true),
  };
  return {
    channel,
    sent: () => Buffer.concat(sent),
    isClosed: () => isClosed,
    say: (bytes: Uint8Array) => listener?.onData(bytes),
    end: () => listener?.onEnd("gone"),
  };
};

const options = { outputBytesMax: 1024, startTimeout: Duration.seconds(5) };

const connected = () =>
  Effect.gen(function* () {
    const supervisor = scripted();
    const connecting = yield* Effect.forkChild(connect(supervisor.channel, options));
    yield* Effect.yieldNow;
    supervisor.say(hello);
    return { supervisor, link: yield* Fiber.join(connecting) };
  });

const reasonOf = (error: unknown) => error instanceof SandboxError ? error.reason._tag : String(error);

it.effect("connect fails with StartFailed when no hello comes in time", () =>
  Effect.gen(function* () {
    const supervisor = scripted();
    const connecting = yield* Effect.forkChild(Effect.flip(connect(supervisor.channel, options)));
    yield* TestClock.adjust("5 seconds");
    assert.equal(reasonOf(yield* Fiber.join(connecting)), "StartFailed");
    assert.deepEqual(supervisor.sent(), Buffer.from(preamble));
  }));

it.effect("connect fails with StartFailed when the supervisor ends or speaks another version", () =>
  Effect.gen(function* () {
    for (const what of ["end", "version"]) {
      const supervisor = scripted();
      const connecting = yield* Effect.forkChild(Effect.flip(connect(supervisor.channel, options)));
      yield* Effect.yieldNow;
      if (what === "end") supervisor.end();
      else supervisor.say(frame(Tell.hello, 0, Buffer.from([0, 9])));
      assert.equal(reasonOf(yield* Fiber.join(connecting)), "StartFailed");
    }
  }));

it.effect("execute fails with SandboxLost when the supervisor ends under it", () =>
  Effect.gen(function* () {
    const { supervisor, link } = yield* connected();
    const running = yield* Effect.forkChild(Effect.flip(link.execute({ command: "x", timeoutMs: 1000 })));
    yield* Effect.yieldNow;
    supervisor.end();
    assert.equal(reasonOf(yield* Fiber.join(running)), "SandboxLost");
    assert.equal(link.isClosed(), true);
    assert.equal(reasonOf(yield* link.closed), "SandboxLost");
    assert.equal(reasonOf(yield* Effect.flip(link.execute({ command: "x", timeoutMs: 1000 }))), "SandboxLost");
    assert.equal(reasonOf(yield* Effect.flip(link.ping)), "SandboxLost");
    assert.equal(reasonOf(yield* Effect.flip(link.writeFile("a", new Uint8Array()))), "SandboxLost");
    assert.equal(reasonOf(yield* Effect.flip(Stream.runDrain(link.readBytes("a")))), "SandboxLost");
  }));

it.effect("execute declares the sandbox lost when its limit and the grace have passed in silence", () =>
  Effect.gen(function* () {
    const { supervisor, link } = yield* connected();
    const running = yield* Effect.forkChild(Effect.flip(link.execute({ command: "x", timeoutMs: 1000 })));
    yield* TestClock.adjust("10999 millis");
    assert.equal(link.isClosed(), false);
    yield* TestClock.adjust("1 millis");
    assert.equal(reasonOf(yield* Fiber.join(running)), "SandboxLost");
    assert.equal(supervisor.isClosed(), true);
  }));

it.effect("execute lets its interruption complete only when the kill is confirmed", () =>
  Effect.gen(function* () {
    const { supervisor, link } = yield* connected();
    const running = yield* Effect.forkChild(link.execute({ command: "x", timeoutMs: 1000 }));
    yield* Effect.yieldNow;
    const interrupting = yield* Effect.forkChild(Fiber.interrupt(running));
    yield* TestClock.adjust("5 seconds");
    assert.equal(interrupting.pollUnsafe(), undefined);
    supervisor.say(frame(Tell.exit, 1, exit(137)));
    yield* Fiber.join(interrupting);
    assert.equal(link.isClosed(), false);
  }));

it.effect("execute declares the sandbox lost when a kill is not confirmed in time", () =>
  Effect.gen(function* () {
    const { link } = yield* connected();
    const running = yield* Effect.forkChild(link.execute({ command: "x", timeoutMs: 1000 }));
    yield* Effect.yieldNow;
    const interrupting = yield* Effect.forkChild(Fiber.interrupt(running));
    yield* TestClock.adjust("10 seconds");
    yield* Fiber.join(interrupting);
    assert.equal(link.isClosed(), true);
  }));

it.effect("the link closes when the supervisor sends more than was asked for", () =>
  Effect.gen(function* () {
    const pieces: ReadonlyArray<readonly [string, Uint8Array]> = [
      ["output beyond the bound", Buffer.concat([1, 2].map(() => frame(Tell.stdout, 1, new Uint8Array(600))))],
      ["a tail beyond the bound", frame(Tell.stdoutTail, 1, new Uint8Array(600))],
      ["an empty output frame", frame(Tell.stdout, 1)],
      ["file data for a command", frame(Tell.data, 1, new Uint8Array(10))],
      ["a malformed end", frame(Tell.exit, 1, new Uint8Array(3))],
      ["credit nobody needs", frame(Tell.taken, 1, new Uint8Array(4))],
      ["an unknown kind", frame(200, 1)],
      ["a frame that is too long", Buffer.from([0xff, 0, 0, 0, 65, 0, 0, 0, 1])],
      [
        "noise under unknown ids",
        Buffer.concat(Array.from({ length: 70 }, () => frame(Tell.data, 77, new Uint8Array(1000)))),
      ],
    ];
    for (const [what, bytes] of pieces) {
      const { supervisor, link } = yield* connected();
      const running = yield* Effect.forkChild(Effect.flip(link.execute({ command: "x", timeoutMs: 1000 })));
      yield* Effect.yieldNow;
      supervisor.say(bytes);
      assert.equal(link.isClosed(), true, what);
      assert.equal(supervisor.isClosed(), true, what);
      assert.equal(reasonOf(yield* Fiber.join(running)), "SandboxLost", what);
    }
  }));

it.effect("the link ignores what belongs to no request when there is little of it", () =>
  Effect.gen(function* () {
    const { supervisor, link } = yield* connected();
    const running = yield* Effect.forkChild(link.execute({ command: "x", timeoutMs: 1000 }));
    yield* Effect.yieldNow;
    supervisor.say(frame(Tell.stdout, 99, Buffer.from("stray")));
    supervisor.say(hello);
    supervisor.say(Buffer.concat([frame(Tell.stdout, 1, Buffer.from("mine")), frame(Tell.exit, 1, exit(0))]));
    assert.equal((yield* Fiber.join(running)).stdout, "mine");
  }));

it.effect("the link never crashes when the supervisor sends random frames", () =>
  Effect.gen(function* () {
    const random = makeRandom(3);
    for (let round = 0; round < 150; round++) {
      const { supervisor, link } = yield* connected();
      const running = yield* Effect.forkChild(
        Effect.exit(Effect.all([
          link.execute({ command: "x", timeoutMs: 1000, onOutput: () => {} }),
          link.readText("a", { offset: 0 }),
          Stream.runDrain(link.readBytes("a")),
          link.changedFiles(0, 10),
          link.writeFile("a", random.bytes(10)),
        ], { concurrency: "unbounded" })),
      );
      yield* Effect.yieldNow;
      for (let count = 0; count < 30; count++) {
        const payload = random.bytes(random.below(4) === 0 ? 22 : random.below(40));
        supervisor.say(frame(64 + random.below(13), random.below(7), payload));
        if (random.below(4) === 0) yield* Effect.yieldNow;
      }
      supervisor.say(random.bytes(50));
      supervisor.end();
      const result = yield* Fiber.join(running);
      assert.ok(Exit.isSuccess(result) || !String(result.cause).includes("Die"), String(result));
    }
  }));

it.live("the supervisor ends with all it runs when random bytes follow the preamble", () =>
  Effect.gen(function* () {
    const random = makeRandom(4);
    for (let round = 0; round < 8; round++) {
      const { child, channel, gone } = yield* spawnSupervisor(yield* makeDirectories);
      channel.listen({ onData: () => {}, onDrain: () => {}, onEnd: () => {} });
      channel.write(random.bytes(100));
      channel.write(preamble);
      // A length beyond the bound, as random bytes nearly always are, or a kind that does not exist.
      channel.write(round % 2 === 0 ? random.bytes(100).fill(255, 0, 1) : frame(99, 1));
      yield* Effect.promise(() => gone);
      assert.equal(child.exitCode, 0);
    }
  }));

it.live("the supervisor answers every request with an error when payloads are random", () =>
  Effect.gen(function* () {
    const random = makeRandom(5);
    const { channel } = yield* spawnSupervisor(yield* makeDirectories);
    let received = Buffer.alloc(0);
    const answered = new Promise<void>((resolve, reject) =>
      channel.listen({
        onData: (bytes) => {
          received = Buffer.concat([received, bytes]);
          const answers = Array.from({ length: 200 }, (_, index) => index + 1);
          if (answers.every((id) => ids(received).has(id)) && received.includes(frame(Tell.pong, 4242))) resolve();
        },
        onDrain: () => {},
        onEnd: (why) => reject(new Error(why)),
      })
    );
    channel.write(preamble);
    for (let count = 0; count < 200; count++) {
      // What begins something has a path or a shape that cannot be right; the rest meets ids it does not know.
      const kind = [7, 8, 10, 11][random.below(4)] ?? 7;
      channel.write(frame(kind, count + 1, random.bytes(random.below(60))));
      channel.write(
        frame([2, 3, 5, 6, 9][random.below(5)] ?? 2, 1000 + random.below(5), random.bytes(random.below(9))),
      );
    }
    channel.write(frame(12, 4242));
    yield* Effect.promise(() => answered);
  }));

it.live("closing the scope ends the supervisor and what it runs", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const outer = yield* hostSupervisor();
    const pid = yield* Effect.scoped(Effect.gen(function* () {
      const inner = yield* hostSupervisor();
      let shown = "";
      yield* Effect.forkScoped(inner.link.execute({
        command: "trap '' TERM; setsid sleep 1000 & echo $!; wait",
        timeoutMs: 60_000,
        onOutput: (_, text) => void (shown += text),
      }));
      while (!shown.includes("\n")) yield* inner.link.ping;
      return Number(shown);
    }));
    const { stdout } = yield* outer.link.execute({ command: `[ -e /proc/${pid} ] || echo dead`, timeoutMs: 60_000 });
    assert.equal(stdout, "dead\n");
    yield* link.ping;
  }));
