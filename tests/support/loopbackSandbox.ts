/**
 * A sandbox whose ports are those of this machine's loopback: for what lies above `dial`, without a sandbox.
 */
import { Effect, Layer, type Scope } from "effect";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { notRunning, Sandbox, type SandboxError, type SandboxStream, StreamError } from "../../src/services/Sandbox.ts";
import { fakeSandbox } from "./fakeSandbox.ts";

const reset = () => new StreamError({ reason: "Reset", why: "the program closed the connection before its end" });

/** A stream to a port of this machine. */
export const dialLoopback = (port: number): Effect.Effect<SandboxStream, StreamError | SandboxError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => Deno.connect({ hostname: "127.0.0.1", port }),
      catch: () => new StreamError({ reason: "Refused", why: "nothing listens on that port" }),
    }),
    (socket) =>
      Effect.sync(() => {
        try {
          socket.close();
        } catch {
          // It was reset before.
        }
      }),
  ).pipe(Effect.map((socket) => {
    const buffer = new Uint8Array(64 * 1024);
    return {
      read: Effect.map(
        Effect.tryPromise({ try: () => socket.read(buffer), catch: reset }),
        (count) => count === null ? undefined : buffer.slice(0, count),
      ),
      write: (bytes: Uint8Array) =>
        Effect.tryPromise({
          try: async () => {
            for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
          },
          catch: reset,
        }),
      end: Effect.ignore(Effect.tryPromise(() => socket.closeWrite())),
      reset: Effect.sync(() => socket.close()),
    };
  }));

/** What is known of a loopback sandbox. */
export interface LoopbackSandbox {
  readonly layer: Layer.Layer<Sandbox>;
  /** Owners whose sandbox runs. */
  readonly running: Set<string>;
  /** Streams that are open now. */
  readonly streams: () => number;
}

/** Makes one; the sandboxes of the given owners run. */
export const loopbackSandbox = (owners: ReadonlyArray<Owner>): LoopbackSandbox => {
  const running = new Set<string>(owners.map(ownerKey));
  let open = 0;
  const counted = Effect.acquireRelease(
    Effect.sync(() => void (open += 1)),
    () => Effect.sync(() => void (open -= 1)),
  );
  const layer = Layer.effect(
    Sandbox,
    Effect.map(Sandbox, (inner) =>
      Sandbox.of({
        ...inner,
        open: (owner) => Effect.map(inner.open(owner), (handle) => ({ ...handle, dial: dialLoopback })),
        dial: (owner, port) => running.has(ownerKey(owner)) ? Effect.andThen(counted, dialLoopback(port)) : notRunning,
      })),
  ).pipe(Layer.provide(fakeSandbox().layer));
  return { layer, running, streams: () => open };
};
