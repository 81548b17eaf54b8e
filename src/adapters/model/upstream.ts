/**
 * One streamed upstream request as an Effect stream: opened, read with deadlines, always aborted.
 *
 * Vendor SDKs hand out async iterables whose `return()` neither cancels the request nor completes
 * while a read is pending, so the abort signal is the only way out and this is the only reader.
 */
import { Cause, Effect, type Result, Stream } from "effect";
import type { ModelEvent } from "../../services/Model.ts";
import { TimedOut } from "../../services/Model.ts";
import { type Fault, fault } from "./fault.ts";

/** How long each kind of wait may take, in milliseconds. */
export interface Deadlines {
  /** Until the response headers. */
  readonly connectMs: number;
  /** From the headers until the first chunk. */
  readonly firstEventMs: number;
  /** Between two chunks. */
  readonly silenceMs: number;
}

/** The pure half of an adapter: provider chunks in, model events out. */
export interface Assembly<State> {
  readonly initial: State;
  /** Takes one chunk; `state` may be changed in place, it belongs to one turn. */
  readonly step: (state: State, chunk: unknown) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
  /** The upstream ended: what was still held back, then `Finished`. */
  readonly end: (state: State) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
}

export interface UpstreamOptions<State> {
  /** Sends the request; resolves with the response's chunks once the headers are there. */
  readonly open: (signal: AbortSignal) => Promise<AsyncIterable<unknown>>;
  readonly assembly: () => Assembly<State>;
  /** Explains what the SDK threw; `begun` when a chunk had come before. */
  readonly explain: (thrown: unknown, begun: boolean) => Fault;
  readonly deadlines: Deadlines;
}

const within = <A>(
  work: Effect.Effect<A, Fault>,
  phase: TimedOut["phase"],
  limitMs: number,
): Effect.Effect<A, Fault> =>
  Effect.timeoutOrElse(work, {
    duration: limitMs,
    orElse: () => Effect.fail(fault(new TimedOut({ phase, limitMs }), `nothing for ${limitMs} ms`)),
  });

/**
 * Streams one turn from an upstream.
 *
 * *Details*: closing the stream, failing and ending all abort the request first; a read that was
 * pending is left to reject on its own. An `end` after no chunk at all is the assembly's to judge.
 */
export const upstream = <State>(options: UpstreamOptions<State>): Stream.Stream<ModelEvent, Fault> => {
  const { open, explain, deadlines } = options;
  return Stream.unwrap(Effect.gen(function* () {
    const controller = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (held) => Effect.sync(() => held.abort()),
    );
    const assembly = options.assembly();
    const state = assembly.initial;
    const chunks = yield* within(
      Effect.tryPromise({ try: () => open(controller.signal), catch: (thrown) => explain(thrown, false) }),
      "connect",
      deadlines.connectMs,
    );
    const iterator = chunks[Symbol.asyncIterator]();
    let begun = false;
    let ended = false;
    const next = Effect.tryPromise({ try: () => iterator.next(), catch: (thrown) => explain(thrown, begun) });

    const pull = Effect.gen(function* () {
      while (!ended) {
        const read = yield* within(
          next,
          begun ? "between-events" : "first-event",
          begun ? deadlines.silenceMs : deadlines.firstEventMs,
        );
        begun = true;
        ended = read.done === true;
        const events = yield* Effect.fromResult(ended ? assembly.end(state) : assembly.step(state, read.value));
        const [head, ...rest] = events;
        if (head !== undefined) return [head, ...rest] as const;
      }
      return yield* Cause.done();
    });
    return Stream.fromPull(Effect.succeed(pull));
  }));
};
