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
import { wireDecoder } from "../wireDecoder.ts";
import { explainBody } from "./errors.ts";
import { type OwnOrigin, providerName } from "./request.ts";

// Wire -------------------------------------------------------------------------------------------

/** A field that is absent or null where there is nothing to say; JSON has no third way, and every event would pay. */
const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));
const Count = nullable(Schema.Number);

const Part = Schema.Struct({
  text: nullable(Schema.String),
  thought: nullable(Schema.Boolean),
  thoughtSignature: nullable(Schema.String),
  functionCall: nullable(
    Schema.Struct({
      id: nullable(Schema.String),
      name: Schema.String,
      args: nullable(Schema.Record(Schema.String, Schema.Unknown)),
    }),
  ),
});
type Part = typeof Part.Type;

const Chunk = Schema.Struct({
  error: Schema.optionalKey(Schema.Unknown),
  candidates: nullable(
    Schema.Array(
      Schema.Struct({
        content: nullable(Schema.Struct({ parts: nullable(Schema.Array(Schema.NullOr(Part))) })),
        finishReason: nullable(Schema.String),
        finishMessage: nullable(Schema.String),
      }),
    ),
  ),
  promptFeedback: nullable(
    Schema.Struct({ blockReason: nullable(Schema.String), blockReasonMessage: nullable(Schema.String) }),
  ),
  usageMetadata: nullable(
    Schema.Struct({
      promptTokenCount: Count,
      toolUsePromptTokenCount: Count,
      candidatesTokenCount: Count,
      thoughtsTokenCount: Count,
      cachedContentTokenCount: Count,
    }),
  ),
});
const decodeChunk = wireDecoder(Chunk);

// State ------------------------------------------------------------------------------------------

interface State {
  chunks: number;
  calls: number;
  /** Something that a person or the loop can use has come. */
  shown: boolean;
  /** Text or a call has come, not only thoughts. */
  answered: boolean;
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
  /** Whether the turn follows results of tools, after which Gemini sometimes stops without a word. */
  readonly followsTools: boolean;
}

const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null;

const partEvents = (state: State, part: Part, options: ReadingOptions): ReadonlyArray<ModelEvent> => {
  // Nearly every part: words, and nothing with them.
  if (typeof part.text === "string" && part.text !== "" && isAbsent(part.thoughtSignature ?? part.functionCall)) {
    return [{ _tag: part.thought === true ? "ReasoningDelta" : "TextDelta", text: part.text }];
  }
  const signature = isAbsent(part.thoughtSignature) ? {} : { thoughtSignature: part.thoughtSignature };
  if (!isAbsent(part.functionCall)) {
    if (state.calls >= options.callsMax) return [];
    state.calls += 1;
    const { id, name, args } = part.functionCall;
    const given = isAbsent(id) || id === "" ? {} : { id };
    const call = { id: given.id ?? options.makeCallId(), name, argumentsJson: JSON.stringify(args ?? {}) };
    // The origin stands even when it is empty: it tells a call of Gemini's from a foreign one.
    return [{
      _tag: "ToolCall",
      call: { ...call, origin: { provider: providerName, data: { ...given, ...signature } } },
    }];
  }
  if (isAbsent(part.text)) return [];
  // A signature may come on a part with no text; it still has to be returned.
  if (part.text === "" && isAbsent(part.thoughtSignature)) return [];
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

const end = (state: State, { followsTools }: ReadingOptions): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
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
  if (reason === "STOP" && followsTools && !state.answered) {
    return Result.fail(fault(new BadOutput({ why: "an empty answer", empty: state.usage }), "STOP without a word"));
  }
  if (state.calls > 0) return finished(state, "ToolCalls");
  if (reason === "STOP") return finished(state, "Stop");
  // An end that nobody knows may have cut the answer: nobody is told that it is whole.
  if (state.shown) return finished(state, "OutputLimit");
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
  if (!isAbsent(chunk.error)) return Result.fail(explainBody(chunk.error));
  state.chunks += 1;
  const [candidate] = chunk.candidates ?? [];
  if (!isAbsent(chunk.usageMetadata)) state.usage = usageOf(chunk.usageMetadata);
  if (!isAbsent(chunk.promptFeedback?.blockReason)) {
    state.blocked = chunk.promptFeedback.blockReasonMessage ?? chunk.promptFeedback.blockReason;
  }
  const events: Array<ModelEvent> = [];
  for (const part of candidate?.content?.parts ?? []) {
    if (isAbsent(part)) continue;
    for (const event of partEvents(state, part, options)) {
      if (event._tag !== "ReasoningDelta") state.answered = true;
      events.push(event);
    }
  }
  if (events.length > 0) state.shown = true;
  if (candidate !== undefined && !isAbsent(candidate.finishReason)) {
    state.finish = { reason: candidate.finishReason, message: candidate.finishMessage ?? "" };
  }
  return Result.succeed(events);
};

/**
 * Reads the chunks of one turn.
 *
 * *Details*: an unknown finish reason ends the turn like `MAX_TOKENS` when the turn has shown something,
 * and is `BadOutput` otherwise. A stream that ends without any finish reason was cut:
 * `ConnectionLost`.
 */
export const reading = (options: ReadingOptions): Assembly<State> => ({
  initial: { chunks: 0, calls: 0, shown: false, answered: false, finish: undefined, blocked: undefined, usage: zero },
  step: (state, raw) => step(state, raw, options),
  end: (state) => end(state, options),
});
