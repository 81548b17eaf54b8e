/**
 * Cases of the Sandbox contract about streams to ports of a sandbox.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Fiber, type Scope } from "effect";
import { Sandbox, type SandboxHandle, type SandboxStream } from "../../../src/services/Sandbox.ts";
import { type Cases, cleaned, eventually, freshOwner, run, text } from "./SandboxCases.ts";

const server = `
import socket, sys, threading
def serve(conn, kind):
    if kind == "reset":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        conn.recv(1)
    elif kind == "echo":
        while data := conn.recv(65536): conn.sendall(data)
        conn.sendall(b"bye")
    elif kind == "flood":
        try:
            while True: conn.sendall(bytes(65536))
        except OSError: pass
    elif kind == "deaf":
        threading.Event().wait()
    conn.close()
kind, family, address = sys.argv[1], getattr(socket, sys.argv[2]), sys.argv[3]
listener = socket.socket(family)
listener.bind((address, 0))
listener.listen(64)
print(listener.getsockname()[1], flush=True)
while True: threading.Thread(target=serve, args=(listener.accept()[0], kind), daemon=True).start()
`;

/** Starts a server in the sandbox for the scope; yields its port. */
const serving = (
  handle: SandboxHandle,
  kind: "echo" | "flood" | "deaf" | "reset",
  where = "AF_INET 127.0.0.1",
): Effect.Effect<number, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    yield* handle.writeFile("server.py", text(server));
    let found: (port: number) => void = () => {};
    const port = new Promise<number>((resolve) => {
      found = resolve;
    });
    yield* Effect.forkScoped(handle.execute({
      command: `python3 server.py ${kind} ${where}`,
      timeoutMs: 250_000,
      onOutput: (_, printed) => found(Number(printed)),
    }));
    return yield* Effect.promise(() => port);
  });

/** All that comes until the end, as text of one byte a letter. */
const rest = (stream: SandboxStream) =>
  Effect.gen(function* () {
    const decoder = new TextDecoder();
    let all = "";
    for (;;) {
      const piece = yield* stream.read;
      if (piece === undefined) return all;
      all += decoder.decode(piece, { stream: true });
    }
  });

const reasonOf = <A>(effect: Effect.Effect<A, { readonly _tag: string; readonly reason: unknown }, Scope.Scope>) =>
  Effect.map(Effect.flip(Effect.scoped(effect)), ({ reason }) => reason);

/** More than the windows of both directions and every buffer on the way hold. */
const largeBytes = 16 * 1024 * 1024;

/** Registers the cases of streams. */
export const streamCases = ({ it, withHandle: each, capabilities }: Cases): void => {
  const withHandle = (...[title, body]: Parameters<typeof each>) => each(title, body, { needs: "streams" });

  each("dial says so where there are no streams, and where nothing listens", (handle) =>
    Effect.gen(function* () {
      assert.equal(yield* reasonOf(handle.dial(9)), capabilities.streams ? "Refused" : "Unsupported");
      for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
        assert.equal(yield* reasonOf(handle.dial(port)), capabilities.streams ? "Refused" : "Unsupported");
      }
    }));

  it(
    "a port is reached without starting a sandbox, keeps the one that runs, and is nobody else's",
    () => {
      const [owner, other] = [freshOwner(), freshOwner()];
      return cleaned(
        [owner],
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const { dial, look } = sandbox;
          assert.ok(dial !== undefined && look !== undefined);
          const status = (whose: typeof owner) => Effect.map(look(whose), ({ state }) => state);
          assert.equal(yield* reasonOf(dial(owner, 9)), "NotRunning");
          assert.equal(yield* status(owner), "none");
          const port = yield* Effect.scoped(Effect.gen(function* () {
            const handle = yield* sandbox.open(owner);
            const served = yield* serving(handle, "echo");
            // The port outlives the handle by the stream.
            const stream = yield* dial(owner, served);
            yield* stream.write(text("x"));
            yield* stream.end;
            assert.equal(yield* rest(stream), "xbye");
            return served;
          }));
          assert.equal(yield* reasonOf(dial(other, port)), "NotRunning");
          assert.equal(yield* reasonOf(dial(owner, 9)), "Refused");
          yield* Effect.scoped(sandbox.open(other));
          assert.equal(yield* reasonOf(dial(other, port)), "Refused");
          yield* sandbox.reset(other);
          yield* Effect.scoped(Effect.gen(function* () {
            const served = yield* Effect.flatMap(sandbox.open(owner), (handle) => serving(handle, "deaf"));
            yield* dial(owner, served);
            assert.equal(yield* status(owner), "busy");
          }));
          yield* eventually(Effect.map(status(owner), (state) => state === "idle"));
        }),
      );
    },
    { needs: "streams" },
  );

  withHandle("dial carries bytes both ways and ends each way on its own", (handle) =>
    Effect.gen(function* () {
      // Engines leave IPv6 out of a sandbox without a network.
      const hasIpv6 = (yield* run(handle, "cat /proc/net/if_inet6")).stdout !== "";
      for (const where of ["AF_INET 127.0.0.1", ...(hasIpv6 ? ["AF_INET6 ::1"] : [])]) {
        const stream = yield* handle.dial(yield* serving(handle, "echo", where));
        yield* stream.write(text("hello "));
        yield* stream.write(text("world "));
        yield* stream.end;
        assert.equal(yield* rest(stream), "hello world bye");
        assert.equal(yield* stream.read, undefined);
        assert.equal(yield* reasonOf(stream.write(text("late"))), "Reset");
      }
    }));

  withHandle("dial carries much more than its windows, in order", (handle) =>
    Effect.gen(function* () {
      const stream = yield* handle.dial(yield* serving(handle, "echo"));
      const sent = new Uint8Array(largeBytes).map((_, at) => at % 251);
      const writing = yield* Effect.forkChild(Effect.andThen(stream.write(sent), stream.end));
      let at = 0;
      for (let piece = yield* stream.read; piece !== undefined; piece = yield* stream.read) {
        const expected = at < largeBytes ? sent.subarray(at, at + piece.length) : text("bye").subarray(at - largeBytes);
        assert.equal(Buffer.compare(piece.subarray(0, expected.length), expected), 0, `at ${at}`);
        at += piece.length;
      }
      assert.equal(at, largeBytes + 3);
      yield* Fiber.join(writing);
    }));

  withHandle(
    "streams that nobody reads hold up neither commands nor other streams",
    (handle) =>
      Effect.gen(function* () {
        const [flood, deaf, echo] = [
          yield* serving(handle, "flood"),
          yield* serving(handle, "deaf"),
          yield* serving(handle, "echo"),
        ];
        for (let count = 0; count < 8; count++) yield* handle.dial(flood);
        const unheard = yield* handle.dial(deaf);
        const writing = yield* Effect.forkChild(unheard.write(new Uint8Array(largeBytes)));
        assert.equal((yield* run(handle, "echo up")).stdout, "up\n");
        const stream = yield* handle.dial(echo);
        yield* stream.write(text("x"));
        yield* stream.end;
        assert.equal(yield* rest(stream), "xbye");
        assert.equal(writing.pollUnsafe(), undefined);
        yield* Fiber.interrupt(writing);
      }),
  );

  withHandle("dial is bounded, and a scope that closes makes room", (handle) =>
    Effect.gen(function* () {
      const port = yield* serving(handle, "deaf");
      yield* Effect.scoped(Effect.gen(function* () {
        for (let count = 0; count < 32; count++) yield* handle.dial(port);
        assert.equal(yield* reasonOf(handle.dial(port)), "TooMany");
      }));
      yield* handle.dial(port);
    }));

  withHandle("a stream that its program breaks off fails, and says so", (handle) =>
    Effect.gen(function* () {
      const stream = yield* handle.dial(yield* serving(handle, "reset"));
      yield* stream.write(text("x"));
      assert.equal(yield* reasonOf(stream.read), "Reset");
      assert.equal((yield* run(handle, "echo up")).stdout, "up\n");
    }));
};
