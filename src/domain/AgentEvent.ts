/**
 * The vocabulary of a run: everything an agent tells its listener, as one closed union.
 *
 * A converter is a function from this stream to a wire format; nothing else crosses that line.
 */
import { Schema } from "effect";
import { HeldCall } from "./Approval.ts";
import { Artifact } from "./Artifact.ts";
import { Origin, ToolCall } from "./Message.ts";
import { ToolResult } from "./Tool.ts";
import { Usage } from "./Usage.ts";

/** When something happened, in milliseconds since the run was started; the registry of runs writes it. */
const atMs = Schema.optionalKey(Schema.Number);

/** The run has its place in a session; the first event of a run that the registry of runs started. */
export const RunStarted = Schema.TaggedStruct("RunStarted", {
  session: Schema.String,
  /** The id under which the turn will be stored. */
  turn: Schema.String,
  /** The turn that this one follows, null for the first. */
  parent: Schema.NullOr(Schema.String),
  model: Schema.String,
  /** The place that the run's tools work in, where it has a name of its own. */
  container: Schema.optionalKey(Schema.String),
  atMs,
});
export type RunStarted = typeof RunStarted.Type;

/** The model begins to answer: everything up to its `TurnFinished` is of this turn. */
export const TurnStarted = Schema.TaggedStruct("TurnStarted", {
  /** Counted from 1 within the run. */
  turn: Schema.Int,
});
export type TurnStarted = typeof TurnStarted.Type;

/** The model has ended its turn; the calls that it made follow. Absent when the turn was cut. */
export const TurnFinished = Schema.TaggedStruct("TurnFinished", {
  turn: Schema.Int,
  /** Of this turn alone. */
  usage: Usage,
  /** What it cost, in US dollars; absent where the model has no price. */
  costUsd: Schema.optionalKey(Schema.Number),
});
export type TurnFinished = typeof TurnFinished.Type;

/** More of the answer. */
export const TextDelta = Schema.TaggedStruct("TextDelta", { text: Schema.String });
export type TextDelta = typeof TextDelta.Type;

/** More of what the model thinks; an origin ends a thought, and may come with no text. */
export const ReasoningDelta = Schema.TaggedStruct("ReasoningDelta", {
  text: Schema.String,
  origin: Schema.optionalKey(Origin),
});
export type ReasoningDelta = typeof ReasoningDelta.Type;

/** One of our tools is about to run. */
export const ToolCallStarted = Schema.TaggedStruct("ToolCallStarted", { call: ToolCall, atMs });
export type ToolCallStarted = typeof ToolCallStarted.Type;

/**
 * One of our tools is still running, and this is more of what it prints.
 *
 * *Details*: for people who watch; the result holds the output whole, so a listener may leave every one of
 * them out. They come at most every tenth of a second with at most 4,096 characters, and with at most 65,536
 * in all for a call; none comes of a call that ends at once. A call that prints nothing says so once, with an
 * empty text.
 */
export const ToolOutput = Schema.TaggedStruct("ToolOutput", {
  callId: Schema.String,
  stream: Schema.Literals(["stdout", "stderr"]),
  text: Schema.String,
  /** Characters that were left out before this text. */
  omitted: Schema.optionalKey(Schema.Int),
});
export type ToolOutput = typeof ToolOutput.Type;

/** One of our tools has run; always follows the `ToolCallStarted` of the same call id. */
export const ToolCallFinished = Schema.TaggedStruct("ToolCallFinished", {
  call: ToolCall,
  result: ToolResult,
  durationMs: Schema.Number,
  atMs,
});
export type ToolCallFinished = typeof ToolCallFinished.Type;

/** The model called a tool that the client declared: the client must answer it. */
export const ClientToolCalled = Schema.TaggedStruct("ClientToolCalled", { call: ToolCall });
export type ClientToolCalled = typeof ClientToolCalled.Type;

/** The run pauses: a person is asked about calls of ours; just before the end. */
export const ApprovalRequested = Schema.TaggedStruct("ApprovalRequested", {
  /** What is asked, by a name. */
  id: Schema.String,
  calls: Schema.Array(HeldCall),
  /** When an approval comes too late. */
  expiresAtMs: Schema.Number,
});
export type ApprovalRequested = typeof ApprovalRequested.Type;

/** Files that the run made or changed; at most one such event, just before the end. */
export const ArtifactsChanged = Schema.TaggedStruct("ArtifactsChanged", { artifacts: Schema.Array(Artifact) });
export type ArtifactsChanged = typeof ArtifactsChanged.Type;

/**
 * Why a run ended.
 *
 * `Stop`: the model answered. `ClientTools`: the client has calls to answer. `Approval`: a person has calls of ours to
 * decide about. `OutputLimit`: the model's own token limit cut it. `ContentFilter`: the provider withheld the answer.
 * The rest are bounds of the run.
 */
export const FinishReason = Schema.Literals([
  "Stop",
  "ClientTools",
  "Approval",
  "OutputLimit",
  "ContentFilter",
  "TurnLimit",
  "TimeLimit",
  "RunOutputLimit",
  "SpendingLimit",
]);
export type FinishReason = typeof FinishReason.Type;

/** The last event of a run that was not an error. */
export const RunFinished = Schema.TaggedStruct("RunFinished", {
  reason: FinishReason,
  /** Summed over the model turns of the run. */
  usage: Usage,
  turns: Schema.Int,
  /** What they cost, in US dollars; absent where the model has no price. */
  costUsd: Schema.optionalKey(Schema.Number),
  atMs,
});
export type RunFinished = typeof RunFinished.Type;

/**
 * Anything a run says. Exactly one `RunFinished` ends a run that did not fail.
 *
 * *Example* (print a run as it happens):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import type { AgentEvent } from "@caisson/caisson";
 *
 * const line = (event: AgentEvent.AgentEvent): string => {
 *   switch (event._tag) {
 *     case "TextDelta":
 *       return event.text;
 *     case "ToolCallStarted":
 *       return `[${event.call.name}]`;
 *     default:
 *       return "";
 *   }
 * };
 * const call = { id: "1", name: "execute_bash", argumentsJson: "{}" };
 * assert.equal(line({ _tag: "ToolCallStarted", call }), "[execute_bash]");
 * ```
 */
export const AgentEvent = Schema.Union([
  RunStarted,
  TurnStarted,
  TurnFinished,
  TextDelta,
  ReasoningDelta,
  ToolCallStarted,
  ToolOutput,
  ToolCallFinished,
  ClientToolCalled,
  ApprovalRequested,
  ArtifactsChanged,
  RunFinished,
]);
export type AgentEvent = typeof AgentEvent.Type;
