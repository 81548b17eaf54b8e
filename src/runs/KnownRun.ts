/**
 * A run as people look at it who did not start it.
 */
import type { RunHistory } from "../domain/RunHistory.ts";
import type { RunEntry } from "./RunEntry.ts";

/** A run as people look at it who did not start it. */
export interface KnownRun {
  readonly id: string;
  readonly status: "in_progress" | "completed" | "cancelled" | "failed";
  /** Absent until the run has its place. */
  readonly session: string | undefined;
  readonly turn: string | undefined;
  readonly parent: string | null;
  readonly model: string;
  /** What the user newly said. */
  readonly input: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
}

/** What is known of a run. */
export const knownOf = ({ id, about, place, end, createdMs, endedMs }: RunEntry): KnownRun => ({
  id,
  status: end ?? "in_progress",
  session: place?.session ?? about.session,
  turn: place?.turn,
  parent: place?.parent ?? null,
  model: about.model,
  input: about.input,
  startedAtMs: createdMs,
  endedAtMs: endedMs,
});

/** What is remembered of a run, as far as it has come. */
export const historyOf = (entry: RunEntry): RunHistory => {
  const { id, about, place, end, error, createdMs, endedMs, totals, timeline, traceId } = entry;
  const session = place?.session ?? about.session;
  const { egress } = timeline;
  return {
    id,
    status: end ?? "in_progress",
    ...(about.requestId !== undefined && { requestId: about.requestId }),
    ...(traceId !== undefined && { traceId }),
    ...(session !== undefined && { session }),
    ...(place !== undefined && { turn: place.turn }),
    parent: place?.parent ?? null,
    model: about.model,
    startedAtMs: createdMs,
    ...(endedMs !== undefined && { endedAtMs: endedMs }),
    ...(totals.finish !== undefined && { finish: totals.finish }),
    ...(error !== undefined && { error }),
    turns: totals.turns,
    usage: totals.usage,
    ...(totals.costUsd !== undefined && { costUsd: totals.costUsd }),
    steps: timeline.steps,
    stepsLeftOut: timeline.leftOut,
    files: timeline.files,
    ...(egress !== undefined && { egress }),
  };
};
