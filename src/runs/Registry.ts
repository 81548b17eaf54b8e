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
import { Cause, Clock, Duration, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect";
import type { SettingsService } from "../config.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { errorTypeOf } from "../domain/errorType.ts";
import { makeToken } from "../domain/ids.ts";
import type { OwnerKey } from "../domain/Owner.ts";
import type { Allowance } from "../services/Limits.ts";
import { heldUntilClose } from "../services/onClose.ts";
import { CurrentSpan } from "../services/Tracing.ts";
import type { Attempt } from "./Attempt.ts";
import { Joinable, mayComeBack, type RunAbout, type RunEntry } from "./RunEntry.ts";
import { IdempotencyKeyReused, InternalError, RunCancelled, type RunError, ShuttingDown } from "./RunError.ts";
import { RunLog } from "./RunLog.ts";
import { RunTimeline } from "./RunTimeline.ts";
import { RunTotals } from "./RunTotals.ts";

/** Time a lost client has to come back; the official clients wait half a second to a second between tries. */
const rejoinGrace = Duration.seconds(5);

/** What a run ended with that nobody listened to any more. */
const clientGone = "ClientGone";

/** What a run consists of, in the order in which it happens. */
export interface RunPlan {
  readonly about: RunAbout;
  /** The events of the same run where another instance has done it. */
  readonly elsewhere: Effect.Effect<Option.Option<ReadonlyArray<AgentEvent>>, RunError>;
  /** Takes a place for the run, which it holds to its end. */
  readonly admit: Effect.Effect<Allowance, RunError, Scope.Scope>;
  readonly work: Stream.Stream<AgentEvent, RunError>;
}

/** Events that carry the time at which they happened. */
type Measured = Extract<AgentEvent, { readonly atMs?: number }>;
const measured: ReadonlySet<string> = new Set<Measured["_tag"]>([
  "RunStarted",
  "ToolCallStarted",
  "ToolCallFinished",
  "RunFinished",
]);
const isMeasured = (event: AgentEvent): event is Measured => measured.has(event._tag);

/** How a run's own end reads to its listeners; a bug is logged here, where its cause is known. */
const endingOf = (entry: RunEntry, exit: Exit.Exit<void, RunError>): Effect.Effect<Exit.Exit<void, RunError>> => {
  if (Exit.isSuccess(exit)) return Effect.succeed(exit);
  const failure = exit.cause.reasons.find(Cause.isFailReason);
  if (failure !== undefined) return Effect.as(Effect.logWarning("run failed", exit.cause), Exit.fail(failure.error));
  if (Cause.hasInterruptsOnly(exit.cause)) {
    return Effect.succeed(Exit.fail(entry.cancelled ? new RunCancelled() : new ShuttingDown()));
  }
  return Effect.as(Effect.logError("run died of a bug", exit.cause), Exit.fail(new InternalError()));
};

/** Writes into the events that people measure when they happened, and notes where the run is. */
const stamp = (entry: RunEntry, batch: ReadonlyArray<AgentEvent>, nowMs: number): ReadonlyArray<AgentEvent> => {
  const atMs = nowMs - entry.createdMs;
  entry.totals.see(batch);
  entry.timeline.see(batch, atMs);
  if (!batch.some(isMeasured)) return batch;
  return batch.map((event) => {
    if (event._tag === "RunStarted") entry.place = event;
    return isMeasured(event) && event.atMs === undefined ? { ...event, atMs } : event;
  });
};

/** The registry of one process. */
export class Registry {
  readonly #joinable = new Joinable();
  readonly #running = new Set<RunEntry>();
  #draining = false;
  /** Draining has ended what was left: a run that was beginning at that moment ends as soon as it has. */
  #cut = false;

  constructor(
    /** Runs live in it: when it closes every run is interrupted. */
    readonly scope: Scope.Scope,
    readonly onDisconnect: SettingsService["onDisconnect"],
    /** Keeps what is remembered of a run that has ended. */
    readonly remember: (entry: RunEntry) => Effect.Effect<void> = () => Effect.void,
  ) {}

  /** Runs that have not come to their end. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Starts a run, or joins the one that this attempt repeats; leaving is closing the scope.
   *
   * *Details*: the run ends with its last listener, as described above; ending it waits until its command
   * is dead.
   *
   * *Fails with* `IdempotencyKeyReused` when the key came with another request before, `ShuttingDown` when
   * nothing new is begun.
   */
  enter(
    attempt: Attempt,
    plan: RunPlan,
  ): Effect.Effect<RunEntry, IdempotencyKeyReused | ShuttingDown, Scope.Scope> {
    return heldUntilClose(
      Effect.gen({ self: this }, function* () {
        const nowMs = yield* Clock.currentTimeMillis;
        const found = attempt.joins && attempt.key !== undefined ? this.#joinable.find(attempt.key, nowMs) : undefined;
        if (found !== undefined && found.attempt.fingerprint !== attempt.fingerprint) {
          return yield* new IdempotencyKeyReused();
        }
        if (found === undefined && this.#draining) return yield* new ShuttingDown();
        return this.#join(found ?? (yield* this.#start(attempt, plan, nowMs)));
      }),
      (entry) => this.#leave(entry),
    );
  }

  /** Listens to a run of this owner by its id; none when it is not there, not kept any more, or another's. */
  listen(owner: OwnerKey, id: string): Effect.Effect<Option.Option<RunEntry>, never, Scope.Scope> {
    return heldUntilClose(
      Effect.sync(() => {
        const entry = this.find(owner, id);
        return entry === undefined ? Option.none() : Option.some(this.#join(entry));
      }),
      Option.match({ onNone: () => Effect.void, onSome: (entry) => this.#leave(entry) }),
    );
  }

  /** A run of this owner that goes on or whose result is kept. */
  find(owner: OwnerKey, id: string): RunEntry | undefined {
    const entry = this.#joinable.withId(id);
    return entry?.about.owner === owner ? entry : undefined;
  }

  /** A run of this owner by its id, or the newest that a request of this id started. */
  named(owner: OwnerKey, id: string): RunEntry | undefined {
    return this.find(owner, id) ?? this.ofOwner(owner).findLast(({ about }) => about.requestId === id);
  }

  /** The runs of this owner that go on or whose result is kept, in the order they were started. */
  ofOwner(owner: OwnerKey): ReadonlyArray<RunEntry> {
    return [...this.#joinable.all].filter(({ about }) => about.owner === owner);
  }

  #join(entry: RunEntry): RunEntry {
    entry.listeners++;
    entry.log.attended();
    return entry;
  }

  /**
   * Begins nothing new, waits for what runs, and ends what is left when the time has passed; its listeners
   * hear `ShuttingDown` and have heard it when this returns.
   */
  drain(grace: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#draining = true;
      const ended = Effect.forEach([...this.#running], ({ fiber }) => fiber ? Fiber.await(fiber) : Effect.void, {
        concurrency: "unbounded",
        discard: true,
      });
      return Effect.timeoutOption(ended, grace).pipe(
        Effect.andThen(Effect.suspend(() => {
          this.#cut = true;
          return Effect.forEach([...this.#running], (entry) => this.#interrupt(entry), {
            concurrency: "unbounded",
            discard: true,
          });
        })),
      );
    });
  }

  /** Whether nothing new is begun. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Ends a run by somebody's wish and waits until its command is dead; its listeners hear `RunCancelled`. */
  cancel(entry: RunEntry): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (entry.endedMs !== undefined) return Effect.void;
      entry.cancelled = true;
      return this.#interrupt(entry);
    });
  }

  #start(tried: Attempt, plan: RunPlan, createdMs: number): Effect.Effect<RunEntry> {
    return Effect.flatMap(CurrentSpan, (span) => {
      const id = makeToken();
      const traceId = span?.traceId;
      const { detached } = plan.about;
      // A detached run is kept for whoever asks by its id, whether or not its request can be tried again.
      const attempt = detached && tried.key === undefined ? { ...tried, key: `detached:${id}` } : tried;
      const entry: RunEntry = {
        attempt,
        about: plan.about,
        id,
        createdMs,
        log: new RunLog({ keeps: attempt.key !== undefined, beginsAtOnce: detached }),
        totals: new RunTotals(),
        timeline: new RunTimeline(),
        traceId,
        fiber: undefined,
        listeners: 0,
        answered: false,
        cancelled: false,
        allowance: {},
        endedMs: undefined,
        end: undefined,
        error: undefined,
        place: undefined,
      };
      this.#joinable.add(entry);
      this.#running.add(entry);
      return this.#work(entry, plan).pipe(
        Effect.scoped,
        Effect.interruptible,
        Effect.onExit((exit) => this.#settle(entry, exit)),
        Effect.ignoreCause,
        // At once, up to its first event: the listener then finds it there and waits for nothing.
        Effect.forkIn(this.scope, { startImmediately: true }),
        Effect.flatMap((fiber) => {
          entry.fiber = fiber;
          return this.#cut ? Effect.as(this.#interrupt(entry), entry) : Effect.succeed(entry);
        }),
      );
    });
  }

  #work(entry: RunEntry, plan: RunPlan): Effect.Effect<void, RunError, Scope.Scope> {
    return Effect.gen(function* () {
      const found = yield* plan.elsewhere;
      if (Option.isSome(found)) return yield* entry.log.append(found.value);
      entry.allowance = yield* plan.admit;
      const clock = yield* Clock.Clock;
      return yield* Stream.runForEachArray(
        plan.work,
        (batch) => entry.log.append(stamp(entry, batch, clock.currentTimeMillisUnsafe())),
      );
    });
  }

  #settle(entry: RunEntry, exit: Exit.Exit<void, RunError>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const ending = yield* endingOf(entry, exit);
      entry.endedMs = yield* Clock.currentTimeMillis;
      const isGivenUp = !this.#draining && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause);
      entry.end = Exit.isSuccess(ending) ? "completed" : entry.cancelled || isGivenUp ? "cancelled" : "failed";
      this.#running.delete(entry);
      // A failed run that did nothing may be tried anew; everything else is answered as it was.
      if (Exit.isSuccess(ending) || entry.log.toolsHaveRun) this.#joinable.keep(entry, entry.endedMs);
      else this.#joinable.remove(entry);
      entry.error = isGivenUp && !entry.cancelled ? clientGone : errorTypeOf(ending);
      // Before the end is told: who has the answer may ask for what is remembered of it.
      if (entry.about.isRemembered) yield* this.remember(entry);
      // Late, because a listener hears it at once and may ask again.
      entry.log.end(ending);
    });
  }

  #interrupt(entry: RunEntry): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#joinable.remove(entry);
      return entry.fiber === undefined ? Effect.void : Fiber.interrupt(entry.fiber);
    });
  }

  #leave(entry: RunEntry): Effect.Effect<void> {
    return Effect.suspend((): Effect.Effect<void> => {
      entry.listeners--;
      if (entry.listeners > 0 || entry.log.ended) return Effect.void;
      entry.log.unattended();
      if (this.onDisconnect === "finish" || entry.about.detached) return Effect.void;
      if (!mayComeBack(entry)) return this.#interrupt(entry);
      return Effect.sleep(rejoinGrace).pipe(
        Effect.andThen(Effect.suspend(() => entry.listeners === 0 ? this.#interrupt(entry) : Effect.void)),
        Effect.interruptible,
        Effect.forkIn(this.scope),
        Effect.asVoid,
      );
    });
  }
}
