/**
 * A connection to a port of a sandbox for a process that has none: its bytes as frames of one request and its answer.
 *
 * Each way is read as fast as the other side takes: what is held here is a frame of each and the window of the stream.
 */
import { Duration, Effect, Queue, type Scope, Stream } from "effect";
import { type SandboxError, type SandboxStream, StreamError } from "../services/Sandbox.ts";
import { encodeFrame, encodeJsonFrame, type Frame } from "../services/sandboxFrames.ts";

/** What a connection has beside its port. */
export interface Carrying {
  /** What the caller sends behind the arguments. */
  readonly frames: Stream.Stream<Frame, unknown>;
  /** Waits until the server leaves, which ends all connections. */
  readonly leaving: Effect.Effect<void>;
  /** How often the answer says that it is alive, in milliseconds. */
  readonly keepAliveMs: number;
}

type Out = Queue.Enqueue<Uint8Array>;

const givenUp = () => new StreamError({ reason: "Reset", why: "the caller gave the connection up" });
const stopping = () => new StreamError({ reason: "Reset", why: "the server is stopping" });

/** Carries what the caller sends, to the end that it tells; a request that breaks off gives the connection up. */
const carryIn = (frames: Carrying["frames"], stream: SandboxStream): Effect.Effect<void, StreamError | SandboxError> =>
  Effect.gen(function* () {
    let isEnded = false;
    const broken = Stream.mapError(frames, givenUp);
    yield* Stream.runForEachWhile(broken, ({ kind, payload }) => {
      if (kind === "bytes") return Effect.as(stream.write(payload), true);
      isEnded = kind === "end";
      return Effect.succeed(!isEnded && kind !== "malformed");
    });
    if (!isEnded) return yield* givenUp();
    yield* stream.end;
  });

/** Carries what the program sends, to its end. */
const carryOut = Effect.fnUntraced(function* (stream: SandboxStream, out: Out) {
  for (;;) {
    const piece = yield* stream.read;
    if (piece === undefined) return yield* Queue.offer(out, encodeJsonFrame("message", { state: "ended" }));
    yield* Queue.offer(out, encodeFrame("bytes", piece));
  }
});

const pulse = (out: Out, keepAliveMs: number): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(keepAliveMs)), Queue.offer(out, encodeFrame("alive"))));

/**
 * The answer to a request for a port; it ends when both ways have ended, or why they could not.
 *
 * *Details*: the connection is free before the answer says that it ended, so that whoever waits for that may dial
 * again. A reader who leaves frees it too.
 */
export const carried = (
  dialled: Effect.Effect<SandboxStream, StreamError | SandboxError, Scope.Scope>,
  { frames, leaving, keepAliveMs }: Carrying,
): Stream.Stream<Uint8Array, SandboxError> =>
  Stream.callback<Uint8Array, SandboxError>(
    (out) => {
      const connection = Effect.gen(function* () {
        const stream = yield* dialled;
        yield* Queue.offer(out, encodeJsonFrame("message", { state: "connected" }));
        yield* Effect.all([carryIn(frames, stream), carryOut(stream, out)], { concurrency: 2, discard: true });
      });
      return Effect.scoped(connection).pipe(
        Effect.raceFirst(Effect.andThen(leaving, Effect.failSync(stopping))),
        Effect.raceFirst(pulse(out, keepAliveMs)),
        Effect.as({}),
        Effect.catchTag("StreamError", ({ _tag, reason, why }) => Effect.succeed({ failed: { _tag, reason, why } })),
        Effect.flatMap((result) => Queue.offer(out, encodeJsonFrame("end", result))),
        Effect.andThen(Queue.end(out)),
        Effect.catch((failure) => Queue.fail(out, failure)),
      );
    },
    { bufferSize: 1, strategy: "suspend" },
  );
