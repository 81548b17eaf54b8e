/**
 * One model turn read from an upstream: opened, read with deadlines, handed to the pure reader.
 *
 * Deadlines count the provider's time, not ours: while this process is held up, no time passes for the
 * provider, and what its deadline would cut is looked at once more.
 */
import { Array as Arr, Cause, Clock, Effect, Pull, type Result, type Scope, type Stream } from "effect";
import { type ModelEvent, TimedOut } from "../../services/Model.ts";
import { type Pulling, readBy } from "../../services/opening.ts";
import type { Arrivals } from "./Arrivals.ts";
import { Cut } from "./Cut.ts";
import { type Fault, fault } from "./fault.ts";

/** How long each kind of wait may take, in milliseconds. */
export interface Deadlines {
  /** Until the response headers. */
  readonly connectMs: number;
  /** From the headers until the first chunk. */
  readonly firstEventMs: number;
  /** Between two chunks. */
  readonly silenceMs: number;
  /** All the time in which this process was held up, in milliseconds; none is known of when absent. */
  readonly heldMs?: () => number;
}

/** The pure half of an adapter: provider chunks in, model events out. */
export interface Assembly<State> {
  /** The state of one turn; `step` changes it in place. */
  readonly initial: State;
  readonly step: (state: State, chunk: unknown) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
  /**
   * The upstream ended: what was still held back, then `Finished`; `saidDone` tells whether it said
   * itself that nothing follows.
   */
  readonly end: (state: State, saidDone: boolean) => Result.Result<ReadonlyArray<ModelEvent>, Fault>;
}

export interface UpstreamOptions<State> {
  /**
   * Sends the request and succeeds with what arrives once the headers are there, or fails when it is cut; closing the
   * scope cancels it.
   */
  readonly open: (cut: Cut) => Effect.Effect<Arrivals, Fault, Scope.Scope>;
  readonly assembly: () => Assembly<State>;
  readonly deadlines: Deadlines;
}

/** The shortest wait is slept in so many parts, and others in parts as long; what one lasts too long is our own lag. */
const partsOfWait = 8;

/** Lets the event loop take in what the sockets hold. */
const loopTurn = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void));
  return Effect.sync(() => clearImmediate(immediate));
});

/** A wait for the provider: since when, and how long it may take; who waits again changes both in place. */
interface Wait {
  phase: TimedOut["phase"];
  limitMs: number;
  sinceMs: number;
  /** What arrives, once the headers are there. */
  arrivals: Arrivals | undefined;
}

/** A wait lasts at most so many times its limit, however much of it was our own lag. */
const waitFactorMax = 4;

/** Milliseconds between the machine's clock and the monotonic one that say that it was set; less keeps it right. */
const setAnewMsMin = 1_000;

const timedOut = ({ phase, limitMs }: Wait): Fault =>
  fault(new TimedOut({ phase, limitMs }), `nothing for ${limitMs} ms`);

const heldTooLong = ({ phase, limitMs }: Wait): Fault =>
  fault(new TimedOut({ phase, limitMs, isOwnLag: true }), `this process was held for most of ${waitFactorMax} waits`);

/**
 * Ends when a wait has lasted as long as it may, in time in which this process could have noticed an end.
 *
 * *Details*: one of these lasts a whole turn, and costs nothing while events come. A process that is held up
 * all the time gives up after some times the limit, and says that it was its own fault. Time is that of the machine's
 * clock, which is cheap to ask for every event; when it is set, the wait begins anew.
 */
const outwaited = Effect.fnUntraced(function* (
  wait: Wait,
  partMsMax: number,
  heldMs: () => number,
  isWaiting: () => boolean,
) {
  const clock = yield* Clock.Clock;
  let sinceMs = wait.sinceMs;
  let lagMs = 0;
  while (true) {
    const startMs = clock.currentTimeMillisUnsafe();
    const startNanos = clock.monotonicTimeNanosUnsafe();
    const heldBeforeMs = heldMs();
    const leftMs = sinceMs + lagMs + wait.limitMs - startMs;
    const partMs = Math.max(0, Math.min(leftMs, partMsMax));
    yield* leftMs > 0 ? Effect.sleep(partMs) : loopTurn;
    const nowMs = clock.currentTimeMillisUnsafe();
    const passedMs = Number(clock.monotonicTimeNanosUnsafe() - startNanos) / 1e6;
    if (Math.abs(nowMs - startMs - passedMs) >= setAnewMsMin) {
      sinceMs = wait.sinceMs = nowMs;
      lagMs = 0;
      continue;
    }
    // A loop that was held in the middle of a part lets its timer fire in time.
    const partLagMs = Math.max(leftMs > 0 ? nowMs - startMs - partMs : 0, heldMs() - heldBeforeMs);
    if (wait.sinceMs !== sinceMs) {
      sinceMs = wait.sinceMs;
      lagMs = Math.min(partLagMs, Math.max(0, nowMs - sinceMs));
      continue;
    }
    lagMs += partLagMs;
    if (nowMs - sinceMs >= wait.limitMs * waitFactorMax && isWaiting()) return heldTooLong(wait);
    if (leftMs > 0 || partLagMs > 0) continue;
    if (isWaiting()) return timedOut(wait);
    // Not the provider but our own reader is slow.
    sinceMs = wait.sinceMs = nowMs;
    lagMs = 0;
  }
});

/**
 * Streams one turn from an upstream.
 *
 * *Details*: closing the stream, failing and ending all cancel the request. Events of one read come
 * together. An end after no chunk at all is the assembly's to judge.
 */
export const upstream = <State>(options: UpstreamOptions<State>): Stream.Stream<ModelEvent, Fault> =>
  readBy(Effect.gen(function* () {
    const { deadlines } = options;
    const { heldMs = () => 0 } = deadlines;
    const clock = yield* Clock.Clock;
    const assembly = options.assembly();
    const state = assembly.initial;
    const wait: Wait = {
      phase: "connect",
      limitMs: deadlines.connectMs,
      sinceMs: clock.currentTimeMillisUnsafe(),
      arrivals: undefined,
    };
    const cut = new Cut();
    const partMsMax = Math.min(deadlines.connectMs, deadlines.firstEventMs, deadlines.silenceMs) / partsOfWait;
    yield* Effect.forkScoped(
      Effect.map(
        outwaited(wait, partMsMax, heldMs, () => wait.arrivals?.isAwaited ?? true),
        (failure) => wait.arrivals === undefined ? cut.now(failure) : wait.arrivals.fail(failure),
      ),
    );
    const arrivals = yield* options.open(cut);
    // Cut when the headers were there and this fiber had not gone on yet: nobody watches the turn any more.
    if (cut.failure !== undefined) return yield* Effect.fail(cut.failure);
    wait.arrivals = arrivals;
    wait.phase = "first-event";
    wait.limitMs = deadlines.firstEventMs;
    wait.sinceMs = clock.currentTimeMillisUnsafe();
    let ended = false;
    let failure: Fault | undefined;

    const finished = Effect.sync((): ReadonlyArray<unknown> => {
      ended = true;
      return [];
    });
    const read = Pull.catchDone(arrivals.read, () => finished);

    /** The events of some chunks; what came before a broken one is delivered first. */
    const assembled = (chunks: ReadonlyArray<unknown>): Array<ModelEvent> => {
      const events: Array<ModelEvent> = [];
      for (const chunk of chunks) {
        const stepped = assembly.step(state, chunk);
        if (stepped._tag === "Failure") {
          failure = stepped.failure;
          break;
        }
        for (const event of stepped.success) events.push(event);
      }
      if (!ended) return events;
      const last = assembly.end(state, arrivals.saidDone);
      if (last._tag === "Failure") failure = last.failure;
      else events.push(...last.success);
      return events;
    };

    const pull: Pulling<ModelEvent, Fault> = Effect.suspend(() => {
      if (failure !== undefined) return Effect.fail(failure);
      if (ended) return Cause.done();
      wait.sinceMs = clock.currentTimeMillisUnsafe();
      return Effect.flatMap(read, (chunks) => {
        wait.phase = "between-events";
        wait.limitMs = deadlines.silenceMs;
        const events = assembled(chunks);
        return Arr.isArrayNonEmpty(events) ? Effect.succeed(events) : pull;
      });
    });
    return pull;
  }));
