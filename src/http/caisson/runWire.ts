/**
 * Runs as they go over the wire: what is known of one, and what happened in it.
 */
import { Option, Schema } from "effect";
import { FinishReason } from "../../domain/AgentEvent.ts";
import { textOf } from "../../domain/Message.ts";
import { CommandFlag, type RunHistory, type RunStep } from "../../domain/RunHistory.ts";
import type { Turn } from "../../domain/Session.ts";
import type { Usage } from "../../domain/Usage.ts";
import { egressFields, egressOut } from "./egressWire.ts";
import { executionsOf } from "./executionHistory.ts";

/** How a run stands. */
export const RunStatus = Schema.Literals(["in_progress", "completed", "cancelled", "failed"]);

const UsageOut = Schema.Struct({
  prompt_tokens: Schema.Int,
  cached_prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  reasoning_tokens: Schema.Int,
});

const runFields = {
  id: Schema.String,
  object: Schema.Literal("run"),
  status: RunStatus,
  session: Schema.NullOr(Schema.String).annotate({ description: "Null until the run has its place." }),
  turn: Schema.NullOr(Schema.String).annotate({ description: "The id under which the turn is stored." }),
  parent: Schema.NullOr(Schema.String),
  model: Schema.String,
  input: Schema.String.annotate({
    description: "The beginning of what the user said; of a run that has ended only with `include=content`.",
  }),
  started_at_ms: Schema.Number,
  ended_at_ms: Schema.NullOr(Schema.Number),
  duration_ms: Schema.NullOr(Schema.Number),
  request_id: Schema.NullOr(Schema.String).annotate({ description: "The `x-request-id` of the request." }),
  trace_id: Schema.NullOr(Schema.String),
  finish_reason: Schema.NullOr(FinishReason).annotate({ description: "Null where the run did not come to its end." }),
  error: Schema.NullOr(Schema.String).annotate({ description: "The name of what the run failed with." }),
  turns: Schema.Int,
  usage: UsageOut,
  cost_usd: Schema.NullOr(Schema.Number),
};

/** A run. */
export const RunOut = Schema.Struct(runFields).annotate({ identifier: "Run" });

const ModelTurnOut = Schema.Struct({
  type: Schema.Literal("model_turn"),
  turn: Schema.Int,
  started_ms: Schema.Number.annotate({ description: "Since the run was started." }),
  first_chunk_ms: Schema.NullOr(Schema.Number).annotate({ description: "From there to the first word or call." }),
  duration_ms: Schema.NullOr(Schema.Number).annotate({ description: "Null where it was cut." }),
  usage: Schema.NullOr(UsageOut),
  cost_usd: Schema.NullOr(Schema.Number),
});

const ToolCallOut = Schema.Struct({
  type: Schema.Literal("tool_call"),
  id: Schema.String,
  tool: Schema.String,
  started_ms: Schema.Number,
  duration_ms: Schema.NullOr(Schema.Number).annotate({ description: "Null where it was cut." }),
  is_error: Schema.NullOr(Schema.Boolean),
  exit_code: Schema.NullOr(Schema.Int),
  flags: Schema.Array(CommandFlag),
  arguments: Schema.optionalKey(Schema.String).annotate({ description: "Only with `include=content`." }),
  result: Schema.optionalKey(Schema.String).annotate({ description: "Only with `include=content`." }),
});

/** A run and what happened in it. */
export const RunDetail = Schema.Struct({
  ...runFields,
  timeline: Schema.Array(Schema.Union([ModelTurnOut, ToolCallOut])),
  timeline_left_out: Schema.Int.annotate({ description: "Steps that are not remembered: there were too many." }),
  files: Schema.Array(Schema.Struct({ path: Schema.String, size_bytes: Schema.Number })),
  ...egressFields,
  output: Schema.optionalKey(Schema.String).annotate({ description: "The answer; only with `include=content`." }),
}).annotate({ identifier: "RunDetail" });

/** Runs, in the order they were started. */
export const RunList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(RunOut),
}).annotate({ identifier: "ListRunsResponse" });

const usageOut = (usage: Usage): typeof UsageOut.Type => ({
  prompt_tokens: usage.inputTokens,
  cached_prompt_tokens: usage.cachedInputTokens,
  completion_tokens: usage.outputTokens,
  reasoning_tokens: usage.reasoningTokens,
});

/** A run without what happened in it. */
export const runOut = (run: RunHistory, input = ""): typeof RunOut.Type => ({
  id: run.id,
  object: "run",
  status: run.status,
  session: run.session ?? null,
  turn: run.turn ?? null,
  parent: run.parent,
  model: run.model,
  input,
  started_at_ms: run.startedAtMs,
  ended_at_ms: run.endedAtMs ?? null,
  duration_ms: run.endedAtMs === undefined ? null : run.endedAtMs - run.startedAtMs,
  request_id: run.requestId ?? null,
  trace_id: run.traceId ?? null,
  finish_reason: run.finish ?? null,
  error: run.error ?? null,
  turns: run.turns,
  usage: usageOut(run.usage),
  cost_usd: run.costUsd ?? null,
});

/** What was said in a call. */
interface Said {
  readonly arguments: string;
  readonly result: string;
}

const stepOut = (said: ReadonlyMap<string, Said>) => (step: RunStep): (typeof RunDetail.Type)["timeline"][number] =>
  step._tag === "ModelTurn"
    ? {
      type: "model_turn",
      turn: step.turn,
      started_ms: step.startedMs,
      first_chunk_ms: step.firstChunkMs ?? null,
      duration_ms: step.durationMs ?? null,
      usage: step.usage === undefined ? null : usageOut(step.usage),
      cost_usd: step.costUsd ?? null,
    }
    : {
      type: "tool_call",
      id: step.callId,
      tool: step.tool,
      started_ms: step.startedMs,
      duration_ms: step.durationMs ?? null,
      is_error: step.isError ?? null,
      exit_code: step.exitCode ?? null,
      flags: step.flags,
      ...said.get(step.callId),
    };

/** A run with what happened in it; what was said comes from its stored turn, where it is asked for and still there. */
export const detailOut = (
  run: RunHistory,
  input: string,
  stored: Option.Option<Turn>,
): typeof RunDetail.Type => {
  const executions = Option.match(stored, { onNone: () => [], onSome: (turn) => executionsOf([turn]) });
  const said = new Map(
    executions.map(({ callId, argumentsJson, result }) => [callId, { arguments: argumentsJson, result }]),
  );
  const answer = Option.flatMap(
    stored,
    ({ messages }) => Option.fromUndefinedOr(messages.findLast(({ role }) => role === "assistant")),
  );
  return {
    ...runOut(run, input),
    timeline: run.steps.map(stepOut(said)),
    timeline_left_out: run.stepsLeftOut,
    files: run.files.map(({ path, sizeBytes }) => ({ path, size_bytes: sizeBytes })),
    ...egressOut(run.egress),
    ...(Option.isSome(answer) && { output: textOf(answer.value) }),
  };
};
