/**
 * Reading: Gemini's response chunks as model events.
 *
 * Pure but for the ids it is given a maker of. A chunk is decoded once; what is not known to it
 * (grounding, safety ratings, code execution) is left alone.
 */
import { Result, Schema } from "effect";
import { type Usage, zero } from "../../../domain/Usage.ts";
import { BadOutput, ConnectionLost, type ModelEvent, PromptBlocked } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import type { Assembly } from "../upstream.ts";
import { type OwnOrigin, providerName } from "./request.ts";

// Wire -------------------------------------------------------------------------------------------

const Count = Schema.optional(Schema.NullOr(Schema.Number));

const Part = Schema.Struct({
  text: Schema.optional(Schema.String),
  thought: Schema.optional(Schema.Boolean),
  thoughtSignature: Schema.optional(Schema.String),
  functionCall: Schema.optional(
    Schema.Struct({
      id: Schema.optional(Schema.String),
      name: Schema.String,
      args: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
    }),
  ),
});
type Part = typeof Part.Type;

const Chunk = Schema.Struct({
  candidates: Schema.optional(
    Schema.Array(
      Schema.Struct({
        content: Schema.optional(Schema.Struct({ parts: Schema.optional(Schema.Array(Part)) })),
        finishReason: Schema.optional(Schema.NullOr(Schema.String)),
        finishMessage: Schema.optional(Schema.NullOr(Schema.String)),
      }),
    ),
  ),
  promptFeedback: Schema.optional(
    Schema.Struct({
      blockReason: Schema.optional(Schema.String),
      blockReasonMessage: Schema.optional(Schema.String),
    }),
  ),
  usageMetadata: Schema.optional(
    Schema.Struct({
      promptTokenCount: Count,
      toolUsePromptTokenCount: Count,
      candidatesTokenCount: Count,
      thoughtsTokenCount: Count,
      cachedContentTokenCount: Count,
    }),
  ),
});
const decodeChunk = Schema.decodeUnknownResult(Chunk);

// State ------------------------------------------------------------------------------------------

interface State {
  chunks: number;
  calls: number;
  /** Something that a person or the loop can use has come. */
  shown: boolean;
  finish: { reason: string; message: string } | undefined;
  blocked: string | undefined;
  usage: Usage;
}

const usageOf = (counts: NonNullable<(typeof Chunk.Type)["usageMetadata"]>): Usage => ({
  inputTokens: (counts.promptTokenCount ?? 0) + (counts.toolUsePromptTokenCount ?? 0),
  cachedInputTokens: counts.cachedContentTokenCount ?? 0,
  outputTokens: (counts.candidatesTokenCount ?? 0) + (counts.thoughtsTokenCount ?? 0),
  reasoningTokens: counts.thoughtsTokenCount ?? 0,
});

const originOf = (data: OwnOrigin) =>
  Object.keys(data).length === 0 ? {} : { origin: { provider: providerName, data: { ...data } } };

export interface ReadingOptions {
  /** Names calls that Gemini gave no id. */
  readonly makeCallId: () => string;
  /** Calls kept of one turn: 1 when the caller wants no parallel calls, which Gemini cannot be told. */
  readonly callsMax: number;
}

const partEvents = (state: State, part: Part, options: ReadingOptions): ReadonlyArray<ModelEvent> => {
  const signature = part.thoughtSignature === undefined ? {} : { thoughtSignature: part.thoughtSignature };
  if (part.functionCall !== undefined) {
    if (state.calls >= options.callsMax) return [];
    state.calls += 1;
    const { id, name, args } = part.functionCall;
    const given = id === undefined || id === "" ? {} : { id };
    const call = { id: given.id ?? options.makeCallId(), name, argumentsJson: JSON.stringify(args ?? {}) };
    // The origin stands even when it is empty: it tells a call of Gemini's from a foreign one.
    return [{
      _tag: "ToolCall",
      call: { ...call, origin: { provider: providerName, data: { ...given, ...signature } } },
    }];
  }
  if (part.text === undefined) return [];
  // A signature may come on a part with no text; it still has to be returned.
  if (part.text === "" && part.thoughtSignature === undefined) return [];
  return [{
    _tag: part.thought === true ? "ReasoningDelta" : "TextDelta",
    text: part.text,
    ...originOf(signature),
  }];
};

// Steps ------------------------------------------------------------------------------------------

/** Finish reasons by which the provider withholds an answer. */
const withheld = new Set([
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "IMAGE_SAFETY",
  "IMAGE_PROHIBITED_CONTENT",
  "IMAGE_RECITATION",
]);

/** Finish reasons by which the model admits to have produced nonsense. */
const malformed = new Set([
  "MALFORMED_FUNCTION_CALL",
  "MALFORMED_RESPONSE",
  "UNEXPECTED_TOOL_CALL",
  "TOO_MANY_TOOL_CALLS",
]);

const finished = (state: State, reason: "Stop" | "ToolCalls" | "OutputLimit" | "ContentFilter") =>
  Result.succeed<ReadonlyArray<ModelEvent>>([{ _tag: "Finished", reason, usage: state.usage }]);

const end = (state: State): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  if (state.blocked !== undefined && !state.shown) {
    return Result.fail(fault(new PromptBlocked({ why: state.blocked }), `the prompt was blocked: ${state.blocked}`));
  }
  if (state.chunks === 0) {
    return Result.fail(fault(new BadOutput({ why: "the response has no events" }), "the response has no events"));
  }
  if (state.finish === undefined) {
    return Result.fail(fault(new ConnectionLost(), "the stream ended before a finish reason"));
  }
  const { reason, message } = state.finish;
  if (malformed.has(reason)) {
    return Result.fail(fault(new BadOutput({ why: reason }), message === "" ? reason : `${reason}: ${message}`));
  }
  if (withheld.has(reason)) return finished(state, "ContentFilter");
  if (reason === "MAX_TOKENS") return finished(state, "OutputLimit");
  if (reason === "STOP" || state.shown) return finished(state, state.calls > 0 ? "ToolCalls" : "Stop");
  return Result.fail(fault(new BadOutput({ why: `finish reason ${reason}` }), message === "" ? reason : message));
};

const step = (
  state: State,
  raw: unknown,
  options: ReadingOptions,
): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  const decoded = decodeChunk(raw);
  if (Result.isFailure(decoded)) {
    return Result.fail(fault(new BadOutput({ why: "a chunk is not of Gemini's format" }), String(decoded.failure)));
  }
  const chunk = decoded.success;
  state.chunks += 1;
  const [candidate] = chunk.candidates ?? [];
  if (chunk.usageMetadata !== undefined) state.usage = usageOf(chunk.usageMetadata);
  if (chunk.promptFeedback?.blockReason !== undefined) {
    state.blocked = chunk.promptFeedback.blockReasonMessage ?? chunk.promptFeedback.blockReason;
  }
  const events = (candidate?.content?.parts ?? []).flatMap((part) => partEvents(state, part, options));
  if (events.length > 0) state.shown = true;
  if (candidate?.finishReason !== undefined && candidate.finishReason !== null) {
    state.finish = { reason: candidate.finishReason, message: candidate.finishMessage ?? "" };
  }
  return Result.succeed(events);
};

/**
 * Reads the chunks of one turn.
 *
 * *Details*: an unknown finish reason ends the turn like `STOP` when the turn has shown something,
 * and is `BadOutput` otherwise. A stream that ends without any finish reason was cut:
 * `ConnectionLost`.
 */
export const reading = (options: ReadingOptions): Assembly<State> => ({
  initial: { chunks: 0, calls: 0, shown: false, finish: undefined, blocked: undefined, usage: zero },
  step: (state, raw) => step(state, raw, options),
  end,
});
