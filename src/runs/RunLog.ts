/**
 * What a run has said so far, for listeners that come and go.
 *
 * A run writes its log whether or not somebody listens; a listener that joins late reads it from the
 * start. That is what lets a retried request get the answer of the run it started before.
 */
import { Array as Arr, Cause, type Duration, Effect, type Exit, Latch, Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { readBy } from "../services/opening.ts";
import type { RunError } from "./RunError.ts";

/** Bytes that a run may be ahead of its fastest listener; a stalled client then holds the run back. */
const aheadBytesMax = 1024 * 1024;
/** What an event costs beside its text. */
const eventBytes = 96;

const sizeOf = (event: AgentEvent): number => {
  switch (event._tag) {
    case "TextDelta":
    case "ReasoningDelta":
    case "ToolOutput":
      return eventBytes + event.text.length;
    case "ToolCallStarted":
    case "ClientToolCalled":
      return eventBytes + event.call.argumentsJson.length;
    case "ToolCallFinished":
      return eventBytes + event.call.argumentsJson.length + event.result.text.length;
    case "ApprovalRequested":
      return event.calls.reduce((sum, { call }) => sum + eventBytes + call.argumentsJson.length, eventBytes);
    case "ArtifactsChanged":
      return event.artifacts.reduce((sum, { url, path }) => sum + eventBytes + url.length + path.length, eventBytes);
    case "RunStarted":
    case "TurnStarted":
    case "TurnFinished":
    case "RunFinished":
      return eventBytes;
  }
};

/** Whether an event is something to answer with: that a model begins is not, it may still fail without a word. */
const isSaid = (event: AgentEvent): boolean =>
  event._tag !== "RunStarted" && event._tag !== "TurnStarted" && event._tag !== "TurnFinished" &&
  (event._tag !== "ReasoningDelta" || event.text !== "");

/** Time has passed while a listener listened. */
export interface Tick {
  readonly _tag: "Tick";
}

const tick: Tick = { _tag: "Tick" };

/** Where a listener is. */
interface Reading {
  position: number;
  tickDue: boolean;
  /** Done once, before the first wait. */
  beforeWaiting: Effect.Effect<void> | undefined;
}

type Heard = AgentEvent | Tick;

/** The log of one run: one writer, any number of readers. */
export class RunLog {
  #events: Array<AgentEvent> = [];
  #ending: Exit.Exit<void, RunError> | undefined;
  #ahead = 0;
  #begun = false;
  /** Listeners that wait for more. */
  #waiting: Array<() => void> = [];
  readonly #room = Latch.makeUnsafe(true);
  readonly #keeps: boolean;
  /** It counts as begun with its first event, whatever that is: its listener wants to know of it at once. */
  readonly #beginsAtOnce: boolean;

  /** A tool has run: what this run does cannot be undone by trying again. */
  toolsHaveRun = false;
  /** Approximate memory of what is kept. */
  bytes = 0;

  /** Makes an empty log; one that does not keep forgets what its single listener has read. */
  constructor(options: { readonly keeps: boolean; readonly beginsAtOnce?: boolean }) {
    this.#keeps = options.keeps;
    this.#beginsAtOnce = options.beginsAtOnce ?? false;
  }

  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /**
   * Adds events and waits while every listener is far behind.
   *
   * *Details*: after the first it lets others go on, so that the first chunk is on the wire before a
   * model that is always ready has said the rest.
   */
  append(batch: ReadonlyArray<AgentEvent>): Effect.Effect<void> {
    const isFirst = !this.#begun && (this.#beginsAtOnce || batch.some(isSaid));
    for (const event of batch) {
      const size = sizeOf(event);
      this.bytes += size;
      this.#ahead += size;
      if (event._tag === "ToolCallStarted") this.toolsHaveRun = true;
      this.#events.push(event);
    }
    this.#begun ||= isFirst;
    this.#wakeAll();
    if (this.#ahead < aheadBytesMax) return isFirst ? Effect.yieldNow : Effect.void;
    this.#room.closeUnsafe();
    return this.#room.await;
  }

  /** Ends the log; nothing may be appended afterwards. */
  end(ending: Exit.Exit<void, RunError>): void {
    this.#ending = ending;
    this.#wakeAll();
  }

  /** Lets the run go on although nobody reads. */
  unattended(): void {
    this.#ahead = Number.NEGATIVE_INFINITY;
    this.#room.openUnsafe();
  }

  /** Somebody reads again: from here on the run waits for its listeners. */
  attended(): void {
    this.#ahead = 0;
  }

  #has(from: number): boolean {
    return this.#events.length > (this.#keeps ? from : 0);
  }

  #take(from: number): ReadonlyArray<AgentEvent> {
    if (!this.#keeps) {
      const all = this.#events;
      this.#events = [];
      return all;
    }
    return this.#events.slice(from);
  }

  /** Waits for the first event, or for the end of a run that says nothing; a failure before it fails this. */
  readonly begun: Effect.Effect<void, RunError> = Effect.suspend(() => {
    if (this.#begun) return Effect.void;
    return this.#ending ?? Effect.flatMap(this.#untilBegun, () => this.begun);
  });

  readonly #untilBegun = this.#until(() => this.#begun || this.#ending !== undefined);

  /**
   * Waits until something happens, unless what is waited for is there by then.
   *
   * *Details*: a fiber may yield between its look and its wait, and what came meanwhile wakes nobody.
   */
  #until(isThere: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (isThere()) return resume(Effect.void);
      const wake = () => resume(Effect.void);
      this.#waiting.push(wake);
      return Effect.sync(() => {
        this.#waiting = this.#waiting.filter((other) => other !== wake);
      });
    });
  }

  #wakeAll(): void {
    if (this.#waiting.length === 0) return;
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  /**
   * As `begun`, but gives up waiting when the time has passed.
   *
   * *Details*: a run that has begun costs no timer and no fiber.
   */
  begunWithin(time: Duration.Duration): Effect.Effect<void, RunError> {
    return Effect.suspend(() =>
      this.#begun || this.#ending !== undefined ? this.begun : Effect.asVoid(Effect.timeoutOption(this.begun, time))
    );
  }

  #pull(reading: Reading): Effect.Effect<Arr.NonEmptyReadonlyArray<Heard>, RunError | Cause.Done> {
    const pull: Effect.Effect<Arr.NonEmptyReadonlyArray<Heard>, RunError | Cause.Done> = Effect.suspend(() => {
      const ready = this.#take(reading.position);
      if (Arr.isReadonlyArrayNonEmpty(ready)) {
        reading.position += ready.length;
        this.#ahead = Math.min(this.#ahead, 0);
        this.#room.openUnsafe();
        return Effect.succeed(ready);
      }
      if (this.#ending !== undefined) return Effect.andThen(this.#ending, Cause.done());
      if (reading.tickDue) {
        reading.tickDue = false;
        return Effect.succeed([tick]);
      }
      const { beforeWaiting } = reading;
      if (beforeWaiting === undefined) return more;
      reading.beforeWaiting = undefined;
      return Effect.andThen(beforeWaiting, more);
    });
    const isThere = () => this.#has(reading.position) || this.#ending !== undefined || reading.tickDue;
    const more = Effect.flatMap(this.#until(isThere), () => pull);
    return pull;
  }

  /** The events from the start to the end; everything that is there comes as one array. */
  readonly events: Stream.Stream<AgentEvent, RunError> = Stream.suspend(() =>
    Stream.filter(
      Stream.fromPull(Effect.sync(() => this.#pull({ position: 0, tickDue: false, beforeWaiting: undefined }))),
      (heard) => heard._tag !== "Tick",
    )
  );

  /**
   * The events from the start to the end, with a `Tick` among them whenever `every` has passed.
   *
   * *Details*: the ticks are part of the reading, because merging a second stream would cost more per
   * array than everything else that happens to it. They begin with the first wait, so that the first
   * chunk does not wait for a timer to be made.
   */
  eventsAndTicks(every: Duration.Duration): Stream.Stream<Heard, RunError> {
    return readBy(Effect.map(Effect.scope, (scope) => {
      const due = Effect.sync(() => {
        reading.tickDue = true;
        this.#wakeAll();
      });
      const ticks = Effect.forkIn(Effect.forever(Effect.andThen(Effect.sleep(every), due)), scope);
      const reading: Reading = { position: 0, tickDue: false, beforeWaiting: Effect.asVoid(ticks) };
      return this.#pull(reading);
    }));
  }
}
