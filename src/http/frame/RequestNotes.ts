/**
 * What is learned about a request while it is handled, for the line that is logged at its end.
 */
import { Context } from "effect";
import type { RunHandle } from "../../runs/RunHandle.ts";
import type { Span } from "../../services/Tracing.ts";
import type { FieldNames } from "../../web/errors/FieldNames.ts";

/** Filled in by handlers, read by the line of the access log. */
export interface RequestNotes {
  /** The id of the request. */
  readonly id?: string;
  user?: string;
  model?: string;
  /** How the request ended when its status does not tell: a failure after the first byte. */
  outcome?: string;
  /** The row of the error that the caller was told, before or after the first byte. */
  error?: string;
  /** How the request calls what it tells a run, where it is one that tells anything. */
  names?: FieldNames;
  /** Its span, where somebody collects them. */
  span?: Span | undefined;
  /** The run that it started or joined. */
  run?: Pick<RunHandle, "id" | "totals">;
}

/** The notes of the current request; outside a request they are written into the void. */
export const RequestNotes = Context.Reference<RequestNotes>("caisson/http/RequestNotes", { defaultValue: () => ({}) });

/** What the access line says of a request's run: what it did, what it used, what it cost and how it ended. */
export const runFields = (run: RequestNotes["run"]) => {
  if (run === undefined) return {};
  const { id, totals: { turns, tools, failedTools, usage, costUsd, finish } } = run;
  return {
    run: id,
    turns,
    tools,
    ...(failedTools > 0 && { failed_tools: failedTools }),
    input_tokens: usage.inputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    output_tokens: usage.outputTokens,
    ...(costUsd !== undefined && { cost_usd: costUsd }),
    ...(finish !== undefined && { finish }),
  };
};
