/**
 * TLS with a program of a sandbox, ended here: for hosts that have a secret, and for nobody else.
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { createSecureContext, TLSSocket } from "node:tls";
import { Effect, FiberSet, type Scope } from "effect";
import type { SandboxStream } from "../../services/Sandbox.ts";
import type { Issued } from "./certificates.ts";
import type { End } from "./exchange.ts";
import { OutsideError } from "./Outside.ts";

const broken = () => new OutsideError({ why: "TLS with the program broke: does it trust the sandbox's certificates?" });

/** A stream of a sandbox as node's own kind, which runs effects where node calls back. */
const duplexOf = Effect.fnUntraced(function* (
  stream: SandboxStream,
  first: Uint8Array,
): Effect.fn.Return<Duplex, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<never, void, never>();
  let isFirst = true;
  const duplex: Duplex = new Duplex({
    read() {
      if (isFirst) {
        isFirst = false;
        duplex.push(first);
        return;
      }
      run(Effect.match(stream.read, {
        onSuccess: (piece) => void duplex.push(piece ?? null),
        onFailure: (error) => void duplex.destroy(new Error(error.message)),
      }));
    },
    write(bytes: Buffer, _, done) {
      // The array is node's own, and goes on to a channel that keeps it for a while.
      run(Effect.match(stream.write(Buffer.from(bytes)), {
        onSuccess: () => done(),
        onFailure: (error) => done(new Error(error.message)),
      }));
    },
    final(done) {
      run(Effect.map(stream.end, () => done()));
    },
  });
  return duplex;
});

const readingEvents = ["readable", "end", "close", "error"] as const;

/** Waits until a socket that had nothing to read has something, or never will. */
const untilReadable = (socket: TLSSocket) =>
  Effect.callback<void>((resume) => {
    // Looked at again: a fiber may yield between its look and its wait.
    if (socket.readableLength > 0 || socket.readableEnded || socket.destroyed) return resume(Effect.void);
    const off = () => {
      for (const name of readingEvents) socket.off(name, on);
    };
    const on = () => {
      off();
      resume(Effect.void);
    };
    for (const name of readingEvents) socket.on(name, on);
    return Effect.sync(off);
  });

/**
 * Ends a program's TLS with a certificate for the name it asked for; what it says is then in the clear, for the scope.
 *
 * *Details*: `first` is what it has sent already. Only HTTP/1.1 is offered.
 */
export const programTls = Effect.fnUntraced(function* (
  stream: SandboxStream,
  first: Uint8Array,
  { certificate, key }: Issued,
): Effect.fn.Return<End, never, Scope.Scope> {
  const duplex = yield* duplexOf(stream, first);
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const made = new TLSSocket(duplex, {
        isServer: true,
        secureContext: createSecureContext({ cert: certificate, key }),
        ALPNProtocols: ["http/1.1"],
      });
      // What goes wrong is told to whoever reads or writes.
      made.on("error", () => {});
      return made;
    }),
    (made) => Effect.sync(() => void made.destroy()),
  );
  const read: End["read"] = Effect.suspend(() => {
    const piece: Uint8Array | null = socket.read();
    if (piece !== null) return Effect.succeed(piece);
    if (socket.readableEnded) return Effect.succeed(undefined);
    if (socket.destroyed) return Effect.fail(broken());
    return Effect.flatMap(untilReadable(socket), () => read);
  });
  return {
    read,
    write: (bytes) =>
      Effect.callback((resume) => {
        if (socket.destroyed) return resume(Effect.fail(broken()));
        socket.write(bytes, (error) => resume(error ? Effect.fail(broken()) : Effect.void));
      }),
    end: Effect.callback((resume) => {
      if (socket.destroyed) return resume(Effect.void);
      socket.end(() => resume(Effect.void));
    }),
  };
});
