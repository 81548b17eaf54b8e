/**
 * Reading: Chat Completions chunks as model events, as strictly as the imitators of the format allow.
 *
 * Servers differ: reasoning under either of two names, an answer in one piece, finish reasons of their
 * own; what they do to calls is told in `calls.ts`.
 */
import { Result, Schema } from "effect";
import { type Usage, zero } from "../../../domain/Usage.ts";
import { BadOutput, ConnectionLost, type ModelEvent, Unavailable } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import type { Assembly } from "../upstream.ts";
import { wireDecoder } from "../wireDecoder.ts";
import { Calls, Fragment } from "./calls.ts";
import { explainBody } from "./errors.ts";
import type { OwnOrigin } from "./request.ts";

// Wire -------------------------------------------------------------------------------------------

/** A field that is absent or null where there is nothing to say; JSON has no third way, and every event would pay. */
const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));
const Text = nullable(Schema.String);
const Count = nullable(Schema.Number);

const Delta = Schema.Struct({
  content: Schema.optionalKey(
    Schema.Union([Schema.Null, Schema.String, Schema.Array(Schema.Struct({ type: Schema.String, text: Text }))]),
  ),
  reasoning_content: Text,
  reasoning: Text,
  refusal: Text,
  tool_calls: nullable(Schema.Array(Schema.NullOr(Fragment))),
});
type Delta = typeof Delta.Type;

const Chunk = Schema.Struct({
  error: Schema.optionalKey(Schema.Unknown),
  choices: nullable(
    Schema.Array(
      Schema.Struct({
        delta: nullable(Delta),
        /** Of an answer that is not streamed. */
        message: nullable(Delta),
        finish_reason: Text,
      }),
    ),
  ),
  usage: nullable(
    Schema.Struct({
      prompt_tokens: Count,
      completion_tokens: Count,
      prompt_tokens_details: nullable(Schema.Struct({ cached_tokens: Count })),
      completion_tokens_details: nullable(Schema.Struct({ reasoning_tokens: Count })),
    }),
  ),
});
const decodeChunk = wireDecoder(Chunk);

// State ------------------------------------------------------------------------------------------

interface State {
  chunks: number;
  shown: boolean;
  readonly calls: Calls;
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
  for (const fragment of delta.tool_calls ?? []) if (fragment !== null) state.calls.gather(fragment);
  if (events.length > 0 || state.calls.count > 0) state.shown = true;
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

type Finish = "Stop" | "ToolCalls" | "OutputLimit" | "ContentFilter";

/** How an answer ended, by the names of OpenAI and of other servers; "Failed" is a fault of the server. */
const finishes: Readonly<Record<string, Finish | "Failed">> = {
  stop: "Stop",
  tool_calls: "Stop",
  function_call: "Stop",
  tool_call: "Stop",
  tool_use: "Stop",
  done: "Stop",
  end: "Stop",
  finished: "Stop",
  eos: "Stop",
  eos_token: "Stop",
  stop_sequence: "Stop",
  end_turn: "Stop",
  complete: "Stop",
  length: "OutputLimit",
  max_tokens: "OutputLimit",
  max_length: "OutputLimit",
  model_length: "OutputLimit",
  content_filter: "ContentFilter",
  safety: "ContentFilter",
  sensitive: "ContentFilter",
  refusal: "ContentFilter",
  error: "Failed",
  abort: "Failed",
  aborted: "Failed",
  cancelled: "Failed",
  network_error: "Failed",
  insufficient_system_resource: "Failed",
};

const end = (
  state: State,
  options: ReadingOptions,
  saidDone: boolean,
): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  if (state.chunks === 0) {
    return Result.fail(fault(new BadOutput({ why: "the response has no events" }), "the response has no events"));
  }
  // A server that says that nothing follows has given its whole answer, finish reason or not.
  const finish = state.finish ?? (saidDone ? "stop" : undefined);
  if (finish === undefined) {
    return Result.fail(fault(new ConnectionLost(), "the stream ended before a finish reason"));
  }
  const known = finishes[finish.toLowerCase()];
  if (known === "Failed") return Result.fail(fault(new Unavailable({}), `finish reason ${finish}`));
  if (known === undefined && !state.shown) {
    return Result.fail(fault(new BadOutput({ why: `finish reason ${finish}` }), finish));
  }
  // An end that nobody knows may have cut the answer: nobody is told that it is whole.
  const calls = state.calls.calls(options.provider, options.makeCallId, known === undefined || known === "OutputLimit");
  const hasCalls = calls.length > 0 && (known === undefined || known === "Stop");
  const reason = hasCalls ? "ToolCalls" : known ?? "OutputLimit";
  return Result.succeed([
    ...endOfReasoning(state, options.provider),
    ...calls.map((call): ModelEvent => ({ _tag: "ToolCall", call })),
    { _tag: "Finished", reason, usage: state.usage },
  ]);
};

/**
 * Reads the chunks of one turn.
 *
 * *Details*: calls are given at the end, when their arguments are whole. Finish reasons of other servers
 * are taken for what they mean; one that nobody knows ends the turn like `length` when the turn has shown
 * something, and is `BadOutput` otherwise. A stream without a finish reason and without `[DONE]` was cut:
 * `ConnectionLost`.
 */
export const reading = (options: ReadingOptions): Assembly<State> => ({
  initial: { chunks: 0, shown: false, calls: new Calls(), finish: undefined, usage: zero, reasoningField: undefined },
  step: (state, raw) => step(state, raw, options.provider),
  end: (state, saidDone) => end(state, options, saidDone),
});
