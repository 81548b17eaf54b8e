/** Streams that programs open, against supervisors that break the protocol and with the real one. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duration, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import { Ask, encodeCredit, streamWindowBytes, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import type { SandboxStream } from "../../../../../src/services/Sandbox.ts";
import { freePort } from "../../../../support/freePort.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor } from "./hostSupervisor.ts";
import { frame, scripted } from "./scriptedSupervisor.ts";

/** Sends back what comes until its end. */
const echo = (stream: SandboxStream) =>
  Effect.gen(function* () {
    for (let piece = yield* stream.read; piece !== undefined; piece = yield* stream.read) yield* stream.write(piece);
    yield* stream.end;
  }).pipe(Effect.ignore);

/** Holds a stream for ever. */
const hold = () => Effect.never;

const opening = (at: number) => frame(Tell.netOpen, 2 * at + 1);

it.effect("a stream that a program opens is served, and given up when its serving ends", () =>
  Effect.gen(function* () {
    const { link, say, sent } = yield* scripted;
    yield* link.attend((stream) => Effect.andThen(stream.read, stream.write(Buffer.from("hi"))).pipe(Effect.ignore));
    say(frame(Tell.netOpen, 1), frame(Tell.netData, 1, Buffer.from("x")));
    yield* Effect.yieldNow;
    assert.deepEqual(sent(), [[Ask.netData, 1, 2], [Ask.netReset, 1, 0]]);
    assert.equal(link.isClosed(), false);
  }));

it.effect("programs' streams and dialled ones count apart, and a finished one makes room", () =>
  Effect.gen(function* () {
    const { link, say, sent } = yield* scripted;
    yield* link.attend(hold);
    for (let at = 0; at < 32; at++) say(opening(at));
    yield* Effect.forkChild(Effect.scoped(link.dial(80)));
    yield* Effect.yieldNow;
    assert.deepEqual(sent().map(([kind]) => kind), [Ask.netDial]);
    say(frame(Tell.netReset, 1), opening(32));
    assert.equal(link.isClosed(), false);
    say(opening(33));
    assert.equal(link.isClosed(), true);
  }));

/** What a hostile supervisor may say where programs' streams are attended to; each ends the link. */
const breaches: Readonly<Record<string, ReadonlyArray<Uint8Array>>> = {
  "an opening with a payload": [frame(Tell.netOpen, 1, Buffer.from("x"))],
  "one id twice": [opening(0), opening(0)],
  "more openings than there may be": Array.from({ length: 33 }, (_, at) => opening(at)),
  "more openings than time allows": Array.from(
    { length: 513 },
    (_, at) => Buffer.concat([opening(at), frame(Tell.netReset, 2 * at + 1)]),
  ),
  "more than the window": [
    opening(0),
    frame(Tell.netData, 1, Buffer.alloc(streamWindowBytes)),
    frame(Tell.netData, 1, Buffer.from("x")),
  ],
  "credit for what was not sent": [opening(0), frame(Tell.netCredit, 1, encodeCredit(1))],
  "a second end": [opening(0), frame(Tell.netEnd, 1), frame(Tell.netEnd, 1)],
};

for (const [what, said] of Object.entries(breaches)) {
  it.effect(`a supervisor that sends ${what} loses its link though programs may open streams`, () =>
    Effect.gen(function* () {
      const { link, say } = yield* scripted;
      yield* link.attend(hold);
      say(...said);
      assert.equal(link.isClosed(), true);
    }));
}

it.effect("openings are counted by time: as many again may come later", () =>
  Effect.gen(function* () {
    const { link, say } = yield* scripted;
    yield* link.attend(hold);
    const burst = (from: number, count: number) => {
      for (let at = from; at < from + count; at++) say(opening(at), frame(Tell.netReset, 2 * at + 1));
    };
    burst(0, 512);
    yield* TestClock.adjust("1 second");
    burst(512, 40);
    assert.equal(link.isClosed(), false);
    burst(552, 1);
    assert.equal(link.isClosed(), true);
  }));

it.effect("after the scope of attending nobody takes openings any more", () =>
  Effect.gen(function* () {
    const { link, say } = yield* scripted;
    yield* Effect.scoped(link.attend(hold));
    say(opening(0));
    assert.equal(link.isClosed(), true);
  }));

/** Opens connections, all at once, and prints how many had their own bytes back. */
const client = (port: number, connections: number, bytes: number) =>
  `python3 -c '
import os, socket, threading
good = []
def talk(number):
    with socket.create_connection(("127.0.0.1", ${port})) as s:
        sent = os.urandom(${bytes})
        def send():
            s.sendall(sent); s.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send); sender.start()
        back = b""
        while piece := s.recv(65536): back += piece
        sender.join()
        if back == sent: good.append(number)
threads = [threading.Thread(target=talk, args=(n,)) for n in range(${connections})]
for t in threads: t.start()
for t in threads: t.join()
print(len(good), os.environ["https_proxy"])
'`;

it.live("programs open streams at the supervisor's port, more than at once may be one after the other", () =>
  Effect.gen(function* () {
    const port = freePort();
    const { link } = yield* hostSupervisor({}, { arguments: ["--egress-port", String(port)] });
    let now = 0;
    let most = 0;
    yield* link.attend((stream) =>
      Effect.acquireUseRelease(
        Effect.sync(() => most = Math.max(most, ++now)),
        () => echo(stream),
        () => Effect.sync(() => now -= 1),
      )
    );
    const { stdout, stderr } = yield* link.execute({ command: client(port, 60, 2_000), timeoutMs: 60_000 });
    assert.equal(stdout, `60 http://127.0.0.1:${port}\n`, stderr);
    assert.ok(most <= 32, `${most} at once`);
    const large = yield* link.execute({ command: client(port, 2, 3_000_000), timeoutMs: 60_000 });
    assert.equal(large.stdout, `2 http://127.0.0.1:${port}\n`, large.stderr);
    assert.equal(link.isClosed(), false);
  }));

it.live("a program that opens and drops connections without end ends neither link nor supervisor", () =>
  Effect.gen(function* () {
    const port = freePort();
    const { link } = yield* hostSupervisor({}, { arguments: ["--egress-port", String(port)] });
    let served = 0;
    yield* link.attend((stream) => Effect.andThen(Effect.sync(() => served += 1), echo(stream)));
    const flood = `python3 -c '
import os, socket
while not os.path.exists("stop"):
    s = socket.socket(); s.settimeout(0.2)
    try: s.connect(("127.0.0.1", ${port}))
    except OSError: pass
    s.close()
'`;
    const [took] = yield* Effect.timed(Effect.gen(function* () {
      const flooding = yield* Effect.forkChild(link.execute({ command: flood, timeoutMs: 60_000 }));
      // Those that may come at once, and some that had to wait.
      while (served < 64 + 20 && flooding.pollUnsafe() === undefined) yield* link.ping;
      assert.ok(served >= 64 + 20, `${served} served`);
      yield* link.writeFile("stop", new Uint8Array());
      assert.equal((yield* Fiber.join(flooding)).exitCode, 0);
    }));
    assert.equal(link.isClosed(), false);
    assert.ok(served <= 64 + 20 * Duration.toSeconds(took) + 1, `${served} served in ${Duration.format(took)}`);
    yield* link.ping;
  }));

it.live("a supervisor without a port tells programs of no proxy", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const { stdout } = yield* link.execute({ command: "env | grep -ci proxy", timeoutMs: 60_000 });
    assert.equal(stdout, "0\n");
  }));
