/**
 * One model turn read from an upstream: opened, read with deadlines, handed to the pure reader.
 */
import { Cause, Effect, Pull, type Result, type Scope, Stream } from "effect";
import { type ModelEvent, TimedOut } from "../../services/Model.ts";
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
  /** The state of one turn; `step` changes it in place. */
  readonly initial: State;
  readonly step: (state: State, chunk: unknown) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
  /** The upstream ended: what was still held back, then `Finished`. */
  readonly end: (state: State) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
}

export interface UpstreamOptions<State> {
  /** Sends the request and succeeds with its chunks once the headers are there; closing the scope cancels it. */
  readonly open: Effect.Effect<Stream.Stream<unknown, Fault>, Fault, Scope.Scope>;
  readonly assembly: () => Assembly<State>;
  readonly deadlines: Deadlines;
}

const within = <A, E, R>(work: Effect.Effect<A, E, R>, phase: TimedOut["phase"], limitMs: number) =>
  Effect.timeoutOrElse(work, {
    duration: limitMs,
    orElse: () => Effect.fail(fault(new TimedOut({ phase, limitMs }), `nothing for ${limitMs} ms`)),
  });

/**
 * Streams one turn from an upstream.
 *
 * *Details*: closing the stream, failing and ending all cancel the request. Events of one read come
 * together. An end after no chunk at all is the assembly's to judge.
 */
export const upstream = <State>(options: UpstreamOptions<State>): Stream.Stream<ModelEvent, Fault> =>
  Stream.unwrap(Effect.gen(function* () {
    const { deadlines } = options;
    const assembly = options.assembly();
    const state = assembly.initial;
    const chunks = yield* within(options.open, "connect", deadlines.connectMs);
    const read = yield* Stream.toPull(chunks);
    let begun = false;
    let ended = false;
    let failure: Fault | undefined;

    const finished = Effect.suspend(() => {
      ended = true;
      return Effect.succeed<ReadonlyArray<unknown>>([]);
    });
    const pull = Effect.gen(function* () {
      while (!ended && failure === undefined) {
        const arrived = yield* within(
          Pull.catchDone(read, () => finished),
          begun ? "between-events" : "first-event",
          begun ? deadlines.silenceMs : deadlines.firstEventMs,
        );
        begun = true;
        const events: Array<ModelEvent> = [];
        for (const chunk of arrived) {
          const stepped = assembly.step(state, chunk);
          if (stepped._tag === "Failure") {
            // What came before a broken chunk is delivered first.
            failure = stepped.failure;
            break;
          }
          events.push(...stepped.success);
        }
        if (ended) events.push(...(yield* Effect.fromResult(assembly.end(state))));
        const [head, ...rest] = events;
        if (head !== undefined) return [head, ...rest] as const;
      }
      return yield* (failure === undefined ? Cause.done() : Effect.fail(failure));
    });
    return Stream.fromPull(Effect.succeed(pull));
  }));
