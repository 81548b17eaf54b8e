/**
 * What the view `events` tells beside the answer: the activity of a run as data, in the member `caisson` of a chunk.
 *
 * Every SDK reads such a chunk as an empty delta. The schemas type the converter and feed the OpenAPI document.
 */
import { Schema } from "effect";
import type { AgentEvent } from "./AgentEvent.ts";
import { FinishReason } from "./AgentEvent.ts";
import type { Artifact } from "./Artifact.ts";

/** A file that a run made or changed. */
const WireRunFile = Schema.Struct({
  id: Schema.String,
  path: Schema.String,
  filename: Schema.String,
  bytes: Schema.Number,
  media_type: Schema.String,
  is_image: Schema.Boolean.annotate({ description: "The first bytes prove an image that a browser can show." }),
  created_at: Schema.Int,
  url: Schema.String,
});

const WireRunUsage = Schema.Struct({
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  total_tokens: Schema.Int,
});

const common = {
  seq: Schema.Int.annotate({
    description: "The number of this frame in its run, also the id of its server-sent event.",
  }),
  at_ms: Schema.Number.annotate({ description: "Milliseconds since the run was started." }),
};

/** One thing that happened in a run. */
export const WireRunEvent = Schema.Union([
  Schema.Struct({
    ...common,
    type: Schema.Literal("run.started"),
    run: Schema.String,
    session: Schema.String,
    turn: Schema.String,
    parent: Schema.NullOr(Schema.String),
    model: Schema.String,
  }),
  Schema.Struct({
    ...common,
    type: Schema.Literal("tool.started"),
    call: Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.String }),
  }),
  Schema.Struct({
    ...common,
    type: Schema.Literal("tool.output"),
    call_id: Schema.String,
    stream: Schema.Literals(["stdout", "stderr"]),
    text: Schema.String,
    omitted: Schema.optionalKey(Schema.Int),
  }),
  Schema.Struct({
    ...common,
    type: Schema.Literal("tool.finished"),
    call_id: Schema.String,
    is_error: Schema.Boolean,
    result: Schema.Json.annotate({ description: "The result as data where the tool has any, else its text." }),
    duration_ms: Schema.Number,
  }),
  Schema.Struct({
    ...common,
    type: Schema.Literal("approval.requested"),
    id: Schema.String,
    expires_at: Schema.Int.annotate({ description: "Seconds since the epoch; an approval then comes too late." }),
    calls: Schema.Array(Schema.Struct({
      id: Schema.String,
      name: Schema.String,
      arguments: Schema.String,
      rule: Schema.NullOr(Schema.String).annotate({
        description: "The rule that asks; null for a call that waits for one before it.",
      }),
    })),
  }),
  Schema.Struct({ ...common, type: Schema.Literal("files.changed"), files: Schema.Array(WireRunFile) }),
  Schema.Struct({
    ...common,
    type: Schema.Literal("run.finished"),
    reason: FinishReason,
    turns: Schema.Int,
    usage: WireRunUsage,
    cost_usd: Schema.NullOr(Schema.Number).annotate({
      description: "In US dollars; null for a model without a price in CAISSON_MODELS.",
    }),
  }),
]).annotate({ identifier: "RunEvent" });
export type WireRunEvent = typeof WireRunEvent.Type;

type Told<E> = E extends WireRunEvent ? Omit<E, "seq" | "at_ms"> : never;

/** An event without its number and time, which depend on where it is told. */
export type ToldEvent = Told<WireRunEvent>;

/** A file as it is told on the wire. */
const wireRunFile = (artifact: Artifact): typeof WireRunFile.Type => ({
  id: artifact.id,
  path: artifact.path,
  filename: artifact.name,
  bytes: artifact.sizeBytes,
  media_type: artifact.mediaType,
  is_image: artifact.isImage,
  created_at: Math.floor(artifact.modifiedAtMs / 1000),
  url: artifact.url,
});

/** What an event tells; undefined for what stands in the answer, or is not told. */
export const toldEvent = (event: AgentEvent, run: string): ToldEvent | undefined => {
  switch (event._tag) {
    case "RunStarted":
      return {
        type: "run.started",
        run,
        session: event.session,
        turn: event.turn,
        parent: event.parent,
        model: event.model,
      };
    case "ToolCallStarted": {
      const { id, name, argumentsJson } = event.call;
      return { type: "tool.started", call: { id, name, arguments: argumentsJson } };
    }
    case "ToolOutput":
      return {
        type: "tool.output",
        call_id: event.callId,
        stream: event.stream,
        text: event.text,
        ...(event.omitted !== undefined && { omitted: event.omitted }),
      };
    case "ToolCallFinished":
      return {
        type: "tool.finished",
        call_id: event.call.id,
        is_error: event.result.isError,
        result: event.result.structured ?? event.result.text,
        duration_ms: event.durationMs,
      };
    case "ApprovalRequested":
      return {
        type: "approval.requested",
        id: event.id,
        expires_at: Math.floor(event.expiresAtMs / 1000),
        calls: event.calls.map(({ call: { id, name, argumentsJson }, rule }) => ({
          id,
          name,
          arguments: argumentsJson,
          rule: rule ?? null,
        })),
      };
    case "ArtifactsChanged":
      return { type: "files.changed", files: event.artifacts.map(wireRunFile) };
    case "RunFinished": {
      const { inputTokens, outputTokens } = event.usage;
      return {
        type: "run.finished",
        reason: event.reason,
        turns: event.turns,
        usage: {
          prompt_tokens: inputTokens,
          completion_tokens: outputTokens,
          total_tokens: inputTokens + outputTokens,
        },
        cost_usd: event.costUsd ?? null,
      };
    }
    case "TurnStarted":
    case "TurnFinished":
    case "TextDelta":
    case "ReasoningDelta":
    case "ClientToolCalled":
      return undefined;
  }
};
