/**
 * Reading: Chat Completions chunks as model events, as strictly as the imitators of the format allow.
 *
 * Servers differ: call fragments without an index, or all with index 0; whole calls at once;
 * arguments as an object; reasoning under either of two names; an answer in one piece.
 */
import { Option, Result, Schema } from "effect";
import { type Usage, zero } from "../../../domain/Usage.ts";
import { BadOutput, ConnectionLost, type ModelEvent } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import type { Assembly } from "../upstream.ts";
import { explainBody } from "./errors.ts";
import type { OwnOrigin } from "./request.ts";

// Wire -------------------------------------------------------------------------------------------

const Text = Schema.optional(Schema.NullOr(Schema.String));
const Count = Schema.optional(Schema.NullOr(Schema.Number));

const Fragment = Schema.Struct({
  index: Schema.optional(Schema.NullOr(Schema.Number)),
  id: Text,
  function: Schema.optional(Schema.Struct({ name: Text, arguments: Schema.optional(Schema.Unknown) })),
  extra_content: Schema.optional(Schema.Json),
});
type Fragment = typeof Fragment.Type;

const Delta = Schema.Struct({
  content: Schema.optional(
    Schema.Union([Schema.Null, Schema.String, Schema.Array(Schema.Struct({ type: Schema.String, text: Text }))]),
  ),
  reasoning_content: Text,
  reasoning: Text,
  refusal: Text,
  tool_calls: Schema.optional(Schema.NullOr(Schema.Array(Fragment))),
});
type Delta = typeof Delta.Type;

const Chunk = Schema.Struct({
  error: Schema.optional(Schema.Unknown),
  choices: Schema.optional(
    Schema.NullOr(
      Schema.Array(
        Schema.Struct({
          delta: Schema.optional(Schema.NullOr(Delta)),
          /** Of an answer that is not streamed. */
          message: Schema.optional(Schema.NullOr(Delta)),
          finish_reason: Text,
        }),
      ),
    ),
  ),
  usage: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        prompt_tokens: Count,
        completion_tokens: Count,
        prompt_tokens_details: Schema.optional(Schema.NullOr(Schema.Struct({ cached_tokens: Count }))),
        completion_tokens_details: Schema.optional(Schema.NullOr(Schema.Struct({ reasoning_tokens: Count }))),
      }),
    ),
  ),
});
const decodeChunk = Schema.decodeUnknownResult(Chunk);

// State ------------------------------------------------------------------------------------------

interface Slot {
  readonly index: number | undefined;
  id: string;
  name: string;
  /** Fragments, joined once at the end. */
  readonly argumentTexts: Array<string>;
  extra: OwnOrigin;
}

interface State {
  chunks: number;
  shown: boolean;
  readonly slots: Array<Slot>;
  finish: string | undefined;
  usage: Usage;
  /** The field of the reasoning that is under way. */
  reasoningField: OwnOrigin["field"];
}

export interface ReadingOptions {
  /** The provider name in origins. */
  readonly provider: string;
  /** Names calls that came without an id. */
  readonly makeCallId: () => string;
}

const usageOf = (counts: NonNullable<(typeof Chunk.Type)["usage"]>): Usage => ({
  inputTokens: counts.prompt_tokens ?? 0,
  cachedInputTokens: counts.prompt_tokens_details?.cached_tokens ?? 0,
  outputTokens: counts.completion_tokens ?? 0,
  reasoningTokens: counts.completion_tokens_details?.reasoning_tokens ?? 0,
});

// Calls ------------------------------------------------------------------------------------------

/** The call a fragment belongs to: by index, then by id, then the newest; a new id is a new call whatever its index. */
const slotOf = (slots: Array<Slot>, fragment: Fragment): Slot => {
  const id = fragment.id ?? "";
  const index = fragment.index ?? undefined;
  const found = index === undefined
    ? slots.findLast((slot) => (id === "" ? true : slot.id === id))
    : slots.findLast((slot) => slot.index === index);
  const opensAnother = found !== undefined && id !== "" && found.id !== "" && found.id !== id;
  const namesAnother = found !== undefined && index === undefined && id === "" && found.name !== "" &&
    (fragment.function?.name ?? "") !== "";
  if (found !== undefined && !opensAnother && !namesAnother) return found;
  const slot: Slot = { index, id, name: "", argumentTexts: [], extra: {} };
  slots.push(slot);
  return slot;
};

const gather = (state: State, fragment: Fragment): void => {
  const slot = slotOf(state.slots, fragment);
  if (slot.id === "") slot.id = fragment.id ?? "";
  if (slot.name === "") slot.name = fragment.function?.name ?? "";
  const given = fragment.function?.arguments;
  if (typeof given === "string") slot.argumentTexts.push(given);
  else if (given !== undefined && given !== null) slot.argumentTexts.push(JSON.stringify(given));
  if (fragment.extra_content !== undefined) slot.extra = { extra_content: fragment.extra_content };
};

const decodesAsJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown));

/** Some servers number the calls of each answer from 1: ids that short come again in the next turn. */
const idLengthLeast = 6;

/** The gathered calls; a call that the token limit cut in the middle of its arguments is not one. */
const callEvents = (state: State, { provider, makeCallId }: ReadingOptions): ReadonlyArray<ModelEvent> =>
  state.slots.flatMap((slot): Array<ModelEvent> => {
    const joined = slot.argumentTexts.join("");
    const argumentsJson = joined.trim() === "" ? "{}" : joined;
    if (slot.name === "" || (state.finish === "length" && Option.isNone(decodesAsJson(argumentsJson)))) return [];
    return [{
      _tag: "ToolCall",
      call: {
        id: slot.id.length < idLengthLeast ? makeCallId() : slot.id,
        name: slot.name,
        argumentsJson,
        origin: { provider, data: { ...slot.extra } },
      },
    }];
  });

// Steps ------------------------------------------------------------------------------------------

const contentOf = (content: Delta["content"]): string =>
  content === undefined || content === null
    ? ""
    : typeof content === "string"
    ? content
    : content.map((part) => (part.type === "text" ? part.text ?? "" : "")).join("");

/** Ends the reasoning that is under way with the name of its field, on a delta of its own. */
const endOfReasoning = (state: State, provider: string): ReadonlyArray<ModelEvent> => {
  const field = state.reasoningField;
  if (field === undefined) return [];
  state.reasoningField = undefined;
  return [{ _tag: "ReasoningDelta", text: "", origin: { provider, data: { field } } }];
};

const deltaEvents = (state: State, delta: Delta, provider: string): ReadonlyArray<ModelEvent> => {
  const events: Array<ModelEvent> = [];
  // A server that sends both names sends the same text twice.
  const field = (delta.reasoning_content ?? "") !== "" ? "reasoning_content" : "reasoning";
  const reasoning = delta[field] ?? "";
  if (reasoning !== "") {
    state.reasoningField = field;
    events.push({ _tag: "ReasoningDelta", text: reasoning });
  }
  const text = contentOf(delta.content) + (delta.refusal ?? "");
  if (text !== "") events.push(...endOfReasoning(state, provider), { _tag: "TextDelta", text });
  for (const fragment of delta.tool_calls ?? []) gather(state, fragment);
  if (events.length > 0 || state.slots.length > 0) state.shown = true;
  return events;
};

const step = (state: State, raw: unknown, provider: string): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  const decoded = decodeChunk(raw);
  if (Result.isFailure(decoded)) {
    return Result.fail(fault(new BadOutput({ why: "a chunk is not of the format" }), String(decoded.failure)));
  }
  const chunk = decoded.success;
  if (chunk.error !== undefined && chunk.error !== null) return Result.fail(explainBody(chunk.error));
  state.chunks += 1;
  if (chunk.usage !== undefined && chunk.usage !== null) state.usage = usageOf(chunk.usage);
  const [choice] = chunk.choices ?? [];
  if (choice === undefined) return Result.succeed([]);
  const delta = choice.delta ?? choice.message;
  const events = delta === undefined || delta === null ? [] : deltaEvents(state, delta, provider);
  if (choice.finish_reason !== undefined && choice.finish_reason !== null && choice.finish_reason !== "") {
    state.finish = choice.finish_reason;
  }
  return Result.succeed(events);
};

const end = (state: State, options: ReadingOptions): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  if (state.chunks === 0) {
    return Result.fail(fault(new BadOutput({ why: "the response has no events" }), "the response has no events"));
  }
  if (state.finish === undefined) {
    return Result.fail(fault(new ConnectionLost(), "the stream ended before a finish reason"));
  }
  const calls = callEvents(state, options);
  const thought = endOfReasoning(state, options.provider);
  const done = (reason: "Stop" | "ToolCalls" | "OutputLimit" | "ContentFilter") =>
    Result.succeed<ReadonlyArray<ModelEvent>>([...thought, ...calls, { _tag: "Finished", reason, usage: state.usage }]);
  switch (state.finish) {
    case "length":
      return done("OutputLimit");
    case "content_filter":
      return done("ContentFilter");
    case "stop":
    case "tool_calls":
    case "function_call":
      return done(calls.length > 0 ? "ToolCalls" : "Stop");
    default:
      return state.shown
        ? done(calls.length > 0 ? "ToolCalls" : "Stop")
        : Result.fail(fault(new BadOutput({ why: `finish reason ${state.finish}` }), state.finish));
  }
};

/**
 * Reads the chunks of one turn.
 *
 * *Details*: calls are given at the end, when their arguments are whole. An unknown finish reason
 * ends the turn like `stop` when the turn has shown something, and is `BadOutput` otherwise. A
 * stream without any finish reason was cut: `ConnectionLost`.
 */
export const reading = (options: ReadingOptions): Assembly<State> => ({
  initial: { chunks: 0, shown: false, slots: [], finish: undefined, usage: zero, reasoningField: undefined },
  step: (state, raw) => step(state, raw, options.provider),
  end: (state) => end(state, options),
});
