/**
 * One run as its registry knows it, and which runs a later try may join.
 */
import type { Fiber } from "effect";
import type { RunStarted } from "../domain/AgentEvent.ts";
import type { OwnerKey } from "../domain/Owner.ts";
import type { Allowance } from "../services/Limits.ts";
import type { Attempt } from "./Attempt.ts";
import type { RunLog } from "./RunLog.ts";
import type { RunTimeline } from "./RunTimeline.ts";
import type { RunTotals } from "./RunTotals.ts";

/** Time a result is kept for a client that did not get it, in milliseconds. */
const resultKeptMs = 5 * 60_000;
/** Memory for kept results; the oldest go first. */
const resultBytesMax = 64 * 1024 * 1024;
/** Kept results in all. */
const resultsMax = 1_000;

/** What is known of a run before it works. */
export interface RunAbout {
  readonly owner: OwnerKey;
  /** The session that was named; its place tells where the run really is. */
  readonly session: string | undefined;
  readonly model: string;
  /** What the user newly said, for people who look at what goes on. */
  readonly input: string;
  /** It goes on when its listeners leave, and is kept for those who come back. */
  readonly detached: boolean;
  /** The id of the request that started it. */
  readonly requestId: string | undefined;
  /** It is remembered when it has ended: its owner can come back and ask. */
  readonly isRemembered: boolean;
}

/** A run: it works while `endedMs` is undefined, then its log is its result. */
export interface RunEntry {
  readonly attempt: Attempt;
  readonly about: RunAbout;
  readonly id: string;
  readonly createdMs: number;
  readonly log: RunLog;
  readonly totals: RunTotals;
  readonly timeline: RunTimeline;
  /** Of the trace that its request is part of. */
  readonly traceId: string | undefined;
  fiber: Fiber.Fiber<void> | undefined;
  /** Requests that hear it now. */
  listeners: number;
  /** A client has been answered: it will not retry by itself. */
  answered: boolean;
  /** Somebody cancelled it by name. */
  cancelled: boolean;
  /** What was left when it was admitted. */
  allowance: Allowance;
  endedMs: number | undefined;
  /** How it ended, once it has. */
  end: "completed" | "cancelled" | "failed" | undefined;
  /** The name of what it failed with. */
  error: string | undefined;
  /** Where it is, once it has been placed in a session. */
  place: RunStarted | undefined;
}

/** Whether the client of a run may come back for it after its connection broke. */
export const mayComeBack = ({ attempt, answered }: RunEntry): boolean =>
  attempt.kind === "idempotency-key" || (attempt.kind === "retrying-client" && !answered);

/** The runs that a later try may join, by key. */
export class Joinable {
  readonly #byId = new Map<string, RunEntry>();
  readonly #byKey = new Map<string, Array<RunEntry>>();
  /** Ended runs in the order they ended. */
  #ended: Array<RunEntry> = [];
  #bytes = 0;

  add(entry: RunEntry): void {
    this.#byId.set(entry.id, entry);
    const { key } = entry.attempt;
    if (key !== undefined) this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), entry]);
  }

  remove(entry: RunEntry): void {
    this.#byId.delete(entry.id);
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
  keep(entry: RunEntry, nowMs: number): void {
    if (entry.attempt.key === undefined) {
      this.#byId.delete(entry.id);
      return;
    }
    // A run that was ended by name cannot be joined any more, but can be looked at.
    this.#byId.set(entry.id, entry);
    this.#ended.push(entry);
    this.#bytes += entry.log.bytes;
    for (let oldest = this.#ended[0]; oldest !== undefined; oldest = this.#ended[0]) {
      const expired = nowMs - (oldest.endedMs ?? nowMs) > resultKeptMs;
      if (!expired && this.#bytes <= resultBytesMax && this.#ended.length <= resultsMax) return;
      this.remove(oldest);
    }
  }

  /** The run of this id, while it goes on or its result is kept. */
  withId(id: string): RunEntry | undefined {
    return this.#byId.get(id);
  }

  /** Every run that goes on or is kept, in the order they were started. */
  get all(): Iterable<RunEntry> {
    return this.#byId.values();
  }

  /** The run to join: the newest that goes on without its client, else the newest. */
  find(key: string, nowMs: number): RunEntry | undefined {
    const alive = (this.#byKey.get(key) ?? []).filter((entry) => nowMs - (entry.endedMs ?? nowMs) <= resultKeptMs);
    return alive.findLast((entry) => entry.listeners === 0 && entry.endedMs === undefined) ?? alive.at(-1);
  }
}
