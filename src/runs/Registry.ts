/**
 * The runs behind the requests: what is executed is executed once, however often it is asked for.
 *
 * The official clients retry a request whose connection broke, without any key that says so. A retry
 * joins the run in flight or is given its result; a first try is always a new run.
 *
 * A client that goes away cancels its run (`CAISSON_ON_DISCONNECT=cancel`). Only a run whose client may
 * come back is given a moment first: its client retries by itself and has not seen the response begin,
 * or it sent an `Idempotency-Key`. With `finish` every run goes on to its end.
 */
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Layer, type Scope, Stream } from "effect";
import { Settings } from "../config.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { makeId } from "../domain/ids.ts";
import type { Attempt } from "./Attempt.ts";
import { IdempotencyKeyReused, InternalError, type RunError, ShuttingDown } from "./RunError.ts";
import { RunLog, type Tick } from "./RunLog.ts";

/** Time a lost client has to come back; the official clients wait half a second to a second between tries. */
const rejoinGrace = Duration.seconds(5);
/** Time a result is kept for a client that did not get it. */
const resultKeptMs = 5 * 60_000;
/** Memory for kept results; the oldest go first. */
const resultBytesMax = 64 * 1024 * 1024;
/** Kept results in all. */
const resultsMax = 1_000;

/** A request's ear on a run. */
export interface Listening {
  /** The response id, the same for every request that joins. */
  readonly id: string;
  readonly createdSeconds: number;
  /** This request did not start the run. */
  readonly joined: boolean;
  /** Waits for the first event; a failure before it fails this. */
  readonly begun: Effect.Effect<void, RunError>;
  /** Waits for the first event, but not longer than the given time; a failure before it fails this. */
  readonly begunWithin: (time: Duration.Duration) => Effect.Effect<void, RunError>;
  /** Every event of the run, from the first. */
  readonly events: Stream.Stream<AgentEvent, RunError>;
  /** The same, with a `Tick` among them whenever the given time has passed. */
  readonly eventsAndTicks: (every: Duration.Duration) => Stream.Stream<AgentEvent | Tick, RunError>;
  readonly toolsHaveRun: () => boolean;
  /** Notes that the client has been answered: from here on it will not retry by itself. */
  readonly answered: Effect.Effect<void>;
}

/** What the registry of runs offers. */
export interface RunsService {
  /**
   * Starts a run, or joins the one that this attempt repeats.
   *
   * *Details*: the run ends with the scope of its last listener, as described above; ending it waits
   * until its command is dead.
   *
   * *Fails with* `IdempotencyKeyReused` when the key came with another request before.
   */
  readonly listen: (
    attempt: Attempt,
    work: Stream.Stream<AgentEvent, RunError>,
  ) => Effect.Effect<Listening, IdempotencyKeyReused, Scope.Scope>;
}

/** The registry of runs. */
export class Runs extends Context.Service<Runs, RunsService>()("caisson/runs/Registry") {}

interface Entry {
  readonly attempt: Attempt;
  readonly id: string;
  readonly createdMs: number;
  readonly log: RunLog;
  fiber: Fiber.Fiber<void> | undefined;
  listeners: number;
  answered: boolean;
  endedMs: number | undefined;
}

/** The runs that a later attempt may join, by key. */
class Joinable {
  readonly #byKey = new Map<string, Array<Entry>>();
  /** Ended runs in the order they ended. */
  #ended: Array<Entry> = [];
  #bytes = 0;

  add(entry: Entry): void {
    const { key } = entry.attempt;
    if (key !== undefined) this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), entry]);
  }

  remove(entry: Entry): void {
    const { key } = entry.attempt;
    if (key === undefined) return;
    const others = (this.#byKey.get(key) ?? []).filter((other) => other !== entry);
    if (others.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, others);
    if (entry.endedMs === undefined) return;
    const kept = this.#ended.filter((other) => other !== entry);
    if (kept.length < this.#ended.length) this.#bytes -= entry.log.bytes;
    this.#ended = kept;
  }

  /** Keeps an ended run's result and drops what is too old or too much. */
  keep(entry: Entry, nowMs: number): void {
    if (entry.attempt.key === undefined) return;
    this.#ended.push(entry);
    this.#bytes += entry.log.bytes;
    for (let oldest = this.#ended[0]; oldest !== undefined; oldest = this.#ended[0]) {
      const expired = nowMs - (oldest.endedMs ?? nowMs) > resultKeptMs;
      if (!expired && this.#bytes <= resultBytesMax && this.#ended.length <= resultsMax) return;
      this.remove(oldest);
    }
  }

  /** The run to join: the newest that goes on without its client, else the newest. */
  find(key: string, nowMs: number): Entry | undefined {
    const alive = (this.#byKey.get(key) ?? []).filter((entry) => nowMs - (entry.endedMs ?? nowMs) <= resultKeptMs);
    return alive.findLast((entry) => entry.listeners === 0 && entry.endedMs === undefined) ?? alive.at(-1);
  }
}

/** How a run's own end reads to its listeners; a bug is logged here, where its cause is known. */
const endingOf = (exit: Exit.Exit<void, RunError>): Effect.Effect<Exit.Exit<void, RunError>> => {
  if (Exit.isSuccess(exit)) return Effect.succeed(exit);
  const failure = exit.cause.reasons.find(Cause.isFailReason);
  if (failure !== undefined) return Effect.as(Effect.logWarning("run failed", exit.cause), Exit.fail(failure.error));
  if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed(Exit.fail(new ShuttingDown()));
  return Effect.as(Effect.logError("run died of a bug", exit.cause), Exit.fail(new InternalError()));
};

/** The registry in memory; when its scope closes every run is interrupted. */
export const layer: Layer.Layer<Runs, never, Settings> = Layer.effect(
  Runs,
  Effect.gen(function* () {
    const { onDisconnect } = yield* Settings;
    const scope = yield* Effect.scope;
    const joinable = new Joinable();

    const start = Effect.fnUntraced(function* (attempt: Attempt, work: Stream.Stream<AgentEvent, RunError>) {
      const log = new RunLog({ keeps: attempt.key !== undefined });
      const createdMs = yield* Clock.currentTimeMillis;
      const entry: Entry = {
        attempt,
        id: makeId("chatcmpl"),
        createdMs,
        log,
        fiber: undefined,
        listeners: 0,
        answered: false,
        endedMs: undefined,
      };
      const settle = Effect.fnUntraced(function* (exit: Exit.Exit<void, RunError>) {
        const ending = yield* endingOf(exit);
        entry.endedMs = yield* Clock.currentTimeMillis;
        // A failed run that did nothing may be tried anew; everything else is answered as it was.
        if (Exit.isSuccess(ending) || log.toolsHaveRun) joinable.keep(entry, entry.endedMs);
        else joinable.remove(entry);
        // Last, because a listener hears it at once and may ask again.
        log.end(ending);
      });
      joinable.add(entry);
      entry.fiber = yield* Stream.runForEachArray(work, (batch) => log.append(batch)).pipe(
        Effect.interruptible,
        Effect.onExit(settle),
        Effect.ignoreCause,
        // At once, up to its first event: the listener then finds it there and waits for nothing.
        Effect.forkIn(scope, { startImmediately: true }),
      );
      return entry;
    });

    const cancel = (entry: Entry) =>
      Effect.suspend(() => {
        joinable.remove(entry);
        return entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber);
      });

    const mayComeBack = (entry: Entry) =>
      entry.attempt.kind === "idempotency-key" || (entry.attempt.kind === "retrying-client" && !entry.answered);

    const leave = (entry: Entry) =>
      Effect.suspend((): Effect.Effect<unknown> => {
        entry.listeners--;
        if (entry.listeners > 0 || entry.log.ended) return Effect.void;
        entry.log.unattended();
        if (onDisconnect === "finish") return Effect.void;
        if (!mayComeBack(entry)) return cancel(entry);
        return Effect.sleep(rejoinGrace).pipe(
          Effect.andThen(Effect.suspend(() => entry.listeners === 0 ? cancel(entry) : Effect.void)),
          Effect.interruptible,
          Effect.forkIn(scope),
        );
      });

    const enter = Effect.fnUntraced(function* (attempt: Attempt, work: Stream.Stream<AgentEvent, RunError>) {
      const nowMs = yield* Clock.currentTimeMillis;
      const found = attempt.joins && attempt.key !== undefined ? joinable.find(attempt.key, nowMs) : undefined;
      if (found !== undefined && found.attempt.fingerprint !== attempt.fingerprint) {
        return yield* new IdempotencyKeyReused();
      }
      const entry = found ?? (yield* start(attempt, work));
      entry.listeners++;
      entry.log.attended();
      return { entry, joined: found !== undefined };
    });

    return Runs.of({
      listen: (attempt, work) =>
        Effect.map(
          Effect.acquireRelease(enter(attempt, work), ({ entry }) => leave(entry)),
          ({ entry, joined }): Listening => ({
            id: entry.id,
            createdSeconds: Math.floor(entry.createdMs / 1000),
            joined,
            begun: entry.log.begun,
            begunWithin: (time) => entry.log.begunWithin(time),
            events: entry.log.events,
            eventsAndTicks: (every) => entry.log.eventsAndTicks(every),
            toolsHaveRun: () => entry.log.toolsHaveRun,
            answered: Effect.sync(() => {
              entry.answered = true;
            }),
          }),
        ),
    });
  }),
);
