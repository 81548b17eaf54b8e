/**
 * What a door holds of a run while it answers a request.
 */
import { type Duration, Effect, type Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { Allowance } from "../services/Limits.ts";
import type { Registry } from "./Registry.ts";
import type { RunEntry } from "./RunEntry.ts";
import type { RunError } from "./RunError.ts";
import type { Tick } from "./RunLog.ts";
import type { RunTotals } from "./RunTotals.ts";

/** A request's ear and hand on its run, valid while the scope that started it is open. */
export interface RunHandle {
  /** Unguessable, and the same for every try that joins the run. */
  readonly id: string;
  readonly createdSeconds: number;
  /** What was left of the limits when the run was admitted; empty before it has begun, or where none is set. */
  readonly allowance: Allowance;
  /** Waits for the first event; a failure before it fails this. */
  readonly begun: Effect.Effect<void, RunError>;
  /** Waits for the first event, but not longer than the given time; a failure before it fails this. */
  readonly begunWithin: (time: Duration.Duration) => Effect.Effect<void, RunError>;
  /** What the run has come to so far; it goes on counting. */
  readonly totals: RunTotals;
  /** Every event of the run, from the first. */
  readonly events: Stream.Stream<AgentEvent, RunError>;
  /** The same, with a `Tick` among them whenever the given time has passed. */
  readonly eventsAndTicks: (every: Duration.Duration) => Stream.Stream<AgentEvent | Tick, RunError>;
  /** A tool has run: what this run does cannot be undone by trying again. */
  readonly toolsHaveRun: boolean;
  /** Notes that the client has been answered: from here on it will not retry by itself. */
  readonly answered: Effect.Effect<void>;
  /** Ends the run and waits until its command is dead; whoever listens hears `RunCancelled`. */
  readonly cancel: Effect.Effect<void>;
}

/** The handle of a run that is listened to. */
export const handleOf = (registry: Registry, entry: RunEntry): RunHandle => {
  const { id, log, totals } = entry;
  return {
    id,
    createdSeconds: Math.floor(entry.createdMs / 1000),
    get allowance() {
      return entry.allowance;
    },
    totals,
    begun: log.begun,
    begunWithin: (time) => log.begunWithin(time),
    events: log.events,
    eventsAndTicks: (every) => log.eventsAndTicks(every),
    get toolsHaveRun() {
      return log.toolsHaveRun;
    },
    answered: Effect.sync(() => {
      entry.answered = true;
    }),
    cancel: registry.cancel(entry),
  };
};
