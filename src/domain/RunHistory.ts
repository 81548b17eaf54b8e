/**
 * What is remembered of a run: when what happened in it, how long it took, what it used and how it ended.
 *
 * It holds no word that was said: arguments, results and texts stand in the session's turn and live as long as it does.
 */
import { Schema } from "effect";
import { FinishReason } from "./AgentEvent.ts";
import { EgressSummary } from "./EgressRecord.ts";
import { Usage } from "./Usage.ts";

/** One turn of the model. */
export const ModelTurn = Schema.TaggedStruct("ModelTurn", {
  /** Counted from 1 within the run. */
  turn: Schema.Int,
  /** When the model was asked, in milliseconds since the run was started. */
  startedMs: Schema.Number,
  /** From there to the first word or call; absent when there was none. */
  firstChunkMs: Schema.optionalKey(Schema.Number),
  /** Absent while it goes on, and when it was cut. */
  durationMs: Schema.optionalKey(Schema.Number),
  usage: Schema.optionalKey(Usage),
  costUsd: Schema.optionalKey(Schema.Number),
});
export type ModelTurn = typeof ModelTurn.Type;

/** What cut a command short. */
export const CommandFlag = Schema.Literals(["timed_out", "truncated", "oom_killed"]);
export type CommandFlag = typeof CommandFlag.Type;

/** One call of a tool of ours. */
export const ToolStep = Schema.TaggedStruct("ToolStep", {
  callId: Schema.String,
  tool: Schema.String,
  startedMs: Schema.Number,
  /** Absent while it goes on, and when it was cut. */
  durationMs: Schema.optionalKey(Schema.Number),
  isError: Schema.optionalKey(Schema.Boolean),
  exitCode: Schema.optionalKey(Schema.Int),
  flags: Schema.Array(CommandFlag),
});
export type ToolStep = typeof ToolStep.Type;

/** What happened in a run, in order. */
export const RunStep = Schema.Union([ModelTurn, ToolStep]);
export type RunStep = typeof RunStep.Type;

/** A file that a run made or changed. */
export const RunFile = Schema.Struct({
  path: Schema.String,
  sizeBytes: Schema.Number,
  modifiedAtMs: Schema.optionalKey(Schema.Number),
  /** The media type that its first bytes proved; absent where it is no image. */
  imageType: Schema.optionalKey(Schema.String),
});
export type RunFile = typeof RunFile.Type;

/** A run as it is remembered. */
export const RunHistory = Schema.Struct({
  id: Schema.String,
  status: Schema.Literals(["in_progress", "completed", "cancelled", "failed"]),
  /** The id of the request that started it. */
  requestId: Schema.optionalKey(Schema.String),
  /** Of the trace that its request is part of, where somebody collects them. */
  traceId: Schema.optionalKey(Schema.String),
  session: Schema.optionalKey(Schema.String),
  turn: Schema.optionalKey(Schema.String),
  parent: Schema.NullOr(Schema.String),
  model: Schema.String,
  startedAtMs: Schema.Number,
  endedAtMs: Schema.optionalKey(Schema.Number),
  /** Why a run ended that came to its end. */
  finish: Schema.optionalKey(FinishReason),
  /** The name of what it failed with. */
  error: Schema.optionalKey(Schema.String),
  turns: Schema.Int,
  usage: Usage,
  costUsd: Schema.optionalKey(Schema.Number),
  steps: Schema.Array(RunStep),
  /** Steps that are not remembered because there were too many. */
  stepsLeftOut: Schema.Int,
  files: Schema.Array(RunFile),
  /** What its tool calls asked of the network; absent when nothing. */
  egress: Schema.optionalKey(EgressSummary),
});
export type RunHistory = typeof RunHistory.Type;
