/**
 * Ports of sandboxes behind the tool server, over real sockets: what passes, what is refused, and what is left.
 *
 * The sandbox of the server is this machine's loopback, so that everything between the two processes is what users have.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Queue, Redacted, Scope, Stream } from "effect";
import { HttpServer } from "effect/http";
import { TestClock } from "effect/testing";
import * as Limits from "../../src/adapters/limits/Counted.ts";
import { layer as remoteLayer } from "../../src/adapters/sandbox/remote/Remote.ts";
import { Settings } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { carried } from "../../src/mcp/dialledPort.ts";
import { layer as serverLayer } from "../../src/mcp/http.ts";
import { Sandbox, type SandboxService, type SandboxStream } from "../../src/services/Sandbox.ts";
import { encodeFrame, encodeJsonFrame, framesMediaType, framesOf } from "../../src/services/sandboxFrames.ts";
import { sandboxDeclaration } from "../../src/services/sandboxProtocol.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { loopbackSandbox } from "../support/loopbackSandbox.ts";
import { makeFakeToolbox } from "./support/fakeToolbox.ts";
import { keyed } from "./support/server.ts";

// Arrange ----------------------------------------------------------------------------------------

/** Nobody reads the log lines. */
const test = it.layer(Logger.layer([]));

const alice: Owner = { principal: "api-key:app", user: "alice", ephemeral: false };
/** Alice as the server knows her. */
const asked: Owner = { principal: "api-key:key-a", user: ownerKey(alice), ephemeral: false };

/** A server over a sandbox. */
const serving = (sandbox: Layer.Layer<Sandbox>) =>
  Effect.gen(function* () {
    const toolbox = yield* makeFakeToolbox;
    const scope = yield* Scope.fork(yield* Effect.scope);
    const context = yield* Layer.build(
      serverLayer.pipe(
        Layer.provide([toolbox.layer, sandbox, keyed, Limits.layerMemory]),
        Layer.provide(Settings.layerWith({ mcpPort: 0, shutdownGraceSeconds: 0 })),
      ),
    ).pipe(Scope.provide(scope));
    const { address } = Context.get(context, HttpServer.HttpServer);
    const url = `http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`;
    return { url, stop: Scope.close(scope, Exit.void) };
  });

/** The port of a process whose sandboxes are those of the server at an address. */
const remote = (url: string): Effect.Effect<SandboxService, never, Scope.Scope> =>
  Effect.map(
    Layer.build(Layer.provide(
      remoteLayer(url),
      Settings.layerWith({ mcpApiKey: Option.some(Redacted.make("key-a")) }),
    )),
    (context) => Context.get(context, Sandbox),
  );

const dialOf = (sandbox: SandboxService) => {
  assert.ok(sandbox.dial !== undefined);
  return sandbox.dial;
};

/** A program that does something with each connection; yields its port. */
const program = (serve: (socket: Deno.TcpConn) => Promise<void>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        const open = new Set<Deno.TcpConn>();
        const accepting = (async () => {
          for await (const socket of listener) {
            open.add(socket);
            // What a program sees when its peer leaves is its own affair.
            void serve(socket).catch(() => {});
          }
        })();
        return { listener, open, accepting };
      }),
      ({ listener, open, accepting }) =>
        Effect.promise(async () => {
          listener.close();
          for (const socket of open) {
            try {
              socket.close();
            } catch {
              // It was closed by the program.
            }
          }
          await accepting;
        }),
    ),
    ({ listener }) => listener.addr.port,
  );

const echo = program(async (socket) => {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await socket.read(buffer);
    if (count === null) break;
    for (let at = 0; at < count;) at += await socket.write(buffer.subarray(at, count));
  }
  await socket.write(text("bye"));
  socket.closeWrite();
});

const deaf = program(() => new Promise(() => {}));

const text = (value: string) => new TextEncoder().encode(value);

const rest = (stream: SandboxStream) =>
  Effect.gen(function* () {
    const parts: Array<Uint8Array> = [];
    for (let piece = yield* stream.read; piece !== undefined; piece = yield* stream.read) parts.push(piece);
    return Buffer.concat(parts).toString();
  });

const reasonOf = <A>(effect: Effect.Effect<A, { readonly _tag: string; readonly reason: unknown }, Scope.Scope>) =>
  Effect.map(Effect.flip(Effect.scoped(effect)), ({ _tag, reason }) => _tag === "StreamError" ? reason : _tag);

// What passes ------------------------------------------------------------------------------------

test.live("a port behind the server carries bytes both ways, and each way ends on its own", () =>
  Effect.gen(function* () {
    const loopback = loopbackSandbox([asked]);
    const sandbox = yield* remote((yield* serving(loopback.layer)).url);
    assert.equal(yield* sandbox.hasPorts ?? Effect.succeed(false), true);
    const port = yield* echo;
    const handle = yield* sandbox.open(alice);
    for (const dial of [() => dialOf(sandbox)(alice, port), () => handle.dial(port)]) {
      yield* Effect.scoped(Effect.gen(function* () {
        const stream = yield* dial();
        yield* stream.write(text("a"));
        assert.equal(Buffer.from((yield* stream.read) ?? []).toString(), "a");
        yield* stream.write(text("b"));
        yield* stream.end;
        assert.equal(yield* rest(stream), "bbye");
        assert.equal(yield* stream.read, undefined);
        assert.equal(yield* reasonOf(stream.write(text("late"))), "Reset");
      }));
    }
    const other: Owner = { ...alice, user: "other" };
    assert.equal(yield* reasonOf(dialOf(sandbox)(other, port)), "NotRunning");
    for (const none of [0, -1, 65_536, 1.5, Number.NaN]) {
      assert.equal(yield* reasonOf(dialOf(sandbox)(alice, none)), "Refused");
    }
    assert.equal(loopback.streams(), 0);
  }));

test.live("a server whose sandboxes have no ports says so, and nobody is offered any", () =>
  Effect.gen(function* () {
    const sandbox = yield* remote((yield* serving(fakeSandbox().layer)).url);
    assert.equal(yield* sandbox.hasPorts ?? Effect.succeed(true), false);
    assert.equal(yield* reasonOf(dialOf(sandbox)(alice, 8000)), "Unsupported");
    const handle = yield* sandbox.open(alice);
    assert.equal(yield* reasonOf(handle.dial(8000)), "Unsupported");
  }));

// What is left -----------------------------------------------------------------------------------

test.live("however a connection ends, nothing of it is left in the sandbox", () =>
  Effect.gen(function* () {
    const loopback = loopbackSandbox([asked]);
    const server = yield* serving(loopback.layer);
    const dial = dialOf(yield* remote(server.url));
    const [echoing, silent] = [yield* echo, yield* deaf];
    const breaking = yield* program(async (socket) => {
      await socket.read(new Uint8Array(1));
      // Closing on bytes that were not read resets the connection.
      socket.close();
    });
    const ways: Record<string, Effect.Effect<unknown, unknown, Scope.Scope>> = {
      "both ways end": Effect.gen(function* () {
        const stream = yield* dial(alice, echoing);
        yield* stream.end;
        yield* rest(stream);
      }),
      "given up at once": dial(alice, silent),
      "reset": Effect.flatMap(dial(alice, silent), ({ reset }) => reset),
      "given up under a write": Effect.gen(function* () {
        const stream = yield* dial(alice, silent);
        yield* Effect.forkScoped(Effect.ignore(stream.write(new Uint8Array(64 * 1024 * 1024))));
        yield* Effect.yieldNow;
      }),
      "interrupted under a read": Effect.gen(function* () {
        const stream = yield* dial(alice, silent);
        const reading = yield* Effect.forkChild(stream.read);
        yield* Effect.yieldNow;
        yield* Fiber.interrupt(reading);
      }),
      "broken off by the program": Effect.gen(function* () {
        const stream = yield* dial(alice, breaking);
        yield* stream.write(text("xyz"));
        yield* Effect.ignore(rest(stream));
      }),
      "nothing listens": Effect.ignore(dial(alice, 1)),
    };
    for (const [way, effect] of Object.entries(ways)) {
      yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.scoped(effect), { concurrency: 5 });
      // Closing waits until the other side has let go.
      assert.equal(loopback.streams(), 0, way);
    }
    const stream = yield* dial(alice, silent);
    const reading = yield* Effect.forkChild(Effect.flip(stream.read));
    yield* server.stop;
    assert.match((yield* Fiber.join(reading))._tag, /StreamError|SandboxError/);
    assert.equal(loopback.streams(), 0);
  }));

/** More than every buffer on the way holds. */
const largeBytes = 64 * 1024 * 1024;

test.live("whoever does not read holds the other side up, and nobody else", () =>
  Effect.gen(function* () {
    const piece = new Uint8Array(64 * 1024);
    let [read, written] = [0, 0];
    const loopback = loopbackSandbox([asked]);
    // A program that sends all it has, and takes nothing.
    const flooding = Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (inner) =>
        Sandbox.of({
          ...inner,
          dial: (owner, port) =>
            port !== 7 ? inner.dial?.(owner, port) ?? Effect.die("no ports") : Effect.succeed({
              read: Effect.sync(() => {
                read += piece.length;
                return read > largeBytes ? undefined : piece;
              }),
              write: (bytes: Uint8Array) =>
                Effect.andThen(Effect.sync(() => void (written += bytes.length)), Effect.never),
              end: Effect.void,
              reset: Effect.void,
            }),
        })),
    ).pipe(Layer.provide(loopback.layer));
    const dial = dialOf(yield* remote((yield* serving(flooding)).url));
    const unread = yield* dial(alice, 7);
    const writing = yield* Effect.forkChild(unread.write(new Uint8Array(largeBytes)));
    const stream = yield* dial(alice, yield* echo);
    const sent = new Uint8Array(8 * 1024 * 1024).map((_, at) => at % 251);
    const sending = yield* Effect.forkChild(Effect.andThen(stream.write(sent), stream.end));
    let at = 0;
    for (let part = yield* stream.read; part !== undefined; part = yield* stream.read) {
      const expected = at < sent.length ? sent.subarray(at, at + part.length) : text("bye").subarray(at - sent.length);
      assert.equal(Buffer.compare(part.subarray(0, expected.length), expected), 0, `at ${at}`);
      at += part.length;
    }
    assert.equal(at, sent.length + 3);
    yield* Fiber.join(sending);
    assert.ok(read < largeBytes, `${read} bytes were read for nobody`);
    assert.ok(written <= piece.length);
    assert.equal(writing.pollUnsafe(), undefined);
    yield* Fiber.interrupt(writing);
  }));

// Hostile peers ----------------------------------------------------------------------------------

test.live("a server that does not keep to the protocol of connections fails them by name", () =>
  Effect.gen(function* () {
    const state = (name: string) => encodeJsonFrame("message", { state: name });
    const [connected, ended, bytes] = [state("connected"), state("ended"), encodeFrame("bytes", new Uint8Array(9))];
    const end = encodeJsonFrame("end", {});
    const answers: Record<string, ReadonlyArray<Uint8Array>> = {
      "bytes before it is connected": [bytes],
      "connected twice": [connected, connected],
      "ended before it is connected": [ended],
      "ended twice": [connected, ended, ended],
      "bytes behind the end": [connected, ended, bytes],
      "over before it ended": [connected, end],
      "over at once": [end],
      "another state": [state("open")],
      "no JSON": [encodeFrame("message", text("{"))],
      "a reason that there is not": [encodeJsonFrame("end", { failed: { _tag: "StreamError", reason: "X", why: "" } })],
      "a length that nothing has": [new Uint8Array([1, 0xff, 0xff, 0xff, 0xff])],
      "cut": [connected, bytes],
      "nothing": [],
    };
    let answer: ReadonlyArray<Uint8Array> = [];
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
          if (request.method === "GET") return Response.json(sandboxDeclaration({ dial: () => Effect.never }));
          const body = ReadableStream.from([...answer.map((part) => new Uint8Array(part)), new Uint8Array(0)]);
          return new Response(body, { headers: { "content-type": framesMediaType } });
        })
      ),
      (running) => Effect.promise(() => running.shutdown()),
    );
    const dial = dialOf(yield* remote(`http://127.0.0.1:${server.addr.port}/mcp`));
    for (const [fault, frames] of Object.entries(answers)) {
      answer = frames;
      const reason = yield* Effect.flip(Effect.scoped(Effect.gen(function* () {
        const stream = yield* dial(alice, 80);
        yield* rest(stream);
        yield* stream.write(new Uint8Array(largeBytes));
      })));
      assert.match(reason._tag, /SandboxError|StreamError/, fault);
      assert.doesNotMatch(reason.message, /127\.0\.0\.1/, fault);
    }
  }));

test.live("a caller that does not keep to the protocol leaves nothing behind", () =>
  Effect.gen(function* () {
    const loopback = loopbackSandbox([asked]);
    const { url } = yield* serving(loopback.layer);
    const port = yield* deaf;
    const ask = (args: unknown, ...parts: ReadonlyArray<Uint8Array>) =>
      Effect.promise(async () => {
        const response = await fetch(new URL("sandbox/v1/dial", url), {
          method: "POST",
          headers: { authorization: "Bearer key-a", "x-user-id": asked.user, "content-type": framesMediaType },
          body: Buffer.concat([encodeJsonFrame("message", args), ...parts]),
        });
        return { status: response.status, text: await response.text() };
      });
    for (const args of [{ port: 0, isOpening: false }, { port: "80", isOpening: false }, { port }, null]) {
      assert.equal((yield* ask(args)).status, 400);
    }
    const bodies: ReadonlyArray<Uint8Array> = [
      new Uint8Array(0),
      encodeFrame("bytes", text("half of")).subarray(0, 9),
      // A message that nobody could hold.
      new Uint8Array([1, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (const body of bodies) {
      assert.match((yield* ask({ port, isOpening: false }, body)).text, /the caller gave the connection up/);
      assert.equal(loopback.streams(), 0);
    }
  }));

it.effect("an answer says that it is alive while nothing passes, and frees the connection before it ends", () =>
  Effect.gen(function* () {
    const frames = yield* Queue.unbounded<string>();
    const [leaving, freed] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
    const stream: SandboxStream = {
      read: Effect.never,
      write: () => Effect.never,
      end: Effect.void,
      reset: Effect.void,
    };
    const answer = carried(
      Effect.acquireRelease(Effect.succeed(stream), () => Deferred.succeed(freed, undefined)),
      { frames: Stream.never, leaving: Deferred.await(leaving), keepAliveMs: 1_000 },
    );
    yield* Effect.forkChild(Stream.runForEach(
      framesOf(answer),
      ({ kind, payload }) =>
        Effect.gen(function* () {
          if (kind === "end") assert.equal(yield* Deferred.isDone(freed), true);
          yield* Queue.offer(frames, `${kind} ${new TextDecoder().decode(payload)}`);
        }),
    ));
    assert.equal(yield* Queue.take(frames), 'message {"state":"connected"}');
    for (let count = 0; count < 3; count++) {
      yield* TestClock.adjust(1_000);
      assert.equal(yield* Queue.take(frames), "alive ");
    }
    yield* Deferred.succeed(leaving, undefined);
    assert.match(yield* Queue.take(frames), /^end .*the server is stopping/);
  }));
