/**
 * Reading: the events of Anthropic's Messages stream as model events.
 *
 * Blocks and deltas of kinds that are not asked for (citations, server tools) are left alone.
 */
import { Option, Result, Schema } from "effect";
import type { Usage } from "../../../domain/Usage.ts";
import { BadOutput, ConnectionLost, type ModelEvent } from "../../../services/Model.ts";
import { type Fault, fault } from "../fault.ts";
import type { Assembly } from "../upstream.ts";
import { wireDecoder } from "../wireDecoder.ts";
import { explainBody } from "./errors.ts";
import { type OwnOrigin, providerName } from "./request.ts";

// Wire -------------------------------------------------------------------------------------------

/** A field that is absent or null where there is nothing to say; JSON has no third way, and every event would pay. */
const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));
const Text = nullable(Schema.String);
const Count = nullable(Schema.Number);

const Counts = Schema.Struct({
  input_tokens: Count,
  cache_read_input_tokens: Count,
  cache_creation_input_tokens: Count,
  output_tokens: Count,
  output_tokens_details: nullable(Schema.Struct({ thinking_tokens: Count })),
});

const Event = Schema.Struct({
  type: Schema.String,
  error: Schema.optionalKey(Schema.Unknown),
  index: nullable(Schema.Number),
  message: nullable(Schema.Struct({ usage: nullable(Counts) })),
  content_block: nullable(
    Schema.Struct({
      type: Schema.String,
      text: Text,
      thinking: Text,
      data: Text,
      id: Text,
      name: Text,
      input: Schema.optionalKey(Schema.Unknown),
    }),
  ),
  delta: nullable(
    Schema.Struct({
      type: Text,
      text: Text,
      thinking: Text,
      signature: Text,
      partial_json: Text,
      stop_reason: Text,
    }),
  ),
  usage: nullable(Counts),
});
type Event = typeof Event.Type;
const decodeEvent = wireDecoder(Event);

// State ------------------------------------------------------------------------------------------

interface Call {
  readonly id: string;
  readonly name: string;
  /** Input that came whole with the block; fragments replace it. */
  readonly whole: string;
  readonly fragments: Array<string>;
}

interface State {
  events: number;
  shown: boolean;
  readonly calls: Array<Call>;
  readonly callsByIndex: Map<number, Call>;
  stop: string | undefined;
  counts: typeof Counts.Type;
}

const usageOf = (counts: typeof Counts.Type): Usage => ({
  // The provider counts what it read from and wrote to its cache apart from the rest of the input.
  inputTokens: (counts.input_tokens ?? 0) + (counts.cache_read_input_tokens ?? 0) +
    (counts.cache_creation_input_tokens ?? 0),
  cachedInputTokens: counts.cache_read_input_tokens ?? 0,
  outputTokens: counts.output_tokens ?? 0,
  reasoningTokens: counts.output_tokens_details?.thinking_tokens ?? 0,
});

/** Later counts replace earlier ones; what they leave out stays. */
const merged = (before: typeof Counts.Type, after: typeof Counts.Type): typeof Counts.Type => ({
  input_tokens: after.input_tokens ?? before.input_tokens ?? null,
  cache_read_input_tokens: after.cache_read_input_tokens ?? before.cache_read_input_tokens ?? null,
  cache_creation_input_tokens: after.cache_creation_input_tokens ?? before.cache_creation_input_tokens ?? null,
  output_tokens: after.output_tokens ?? before.output_tokens ?? null,
  output_tokens_details: after.output_tokens_details ?? before.output_tokens_details ?? null,
});

// Steps ------------------------------------------------------------------------------------------

const reasoning = (text: string, data?: OwnOrigin): ModelEvent => ({
  _tag: "ReasoningDelta",
  text,
  ...(data === undefined ? {} : { origin: { provider: providerName, data: { ...data } } }),
});

const started = (
  state: State,
  index: number,
  block: NonNullable<Event["content_block"]>,
): ReadonlyArray<ModelEvent> => {
  switch (block.type) {
    case "text":
      return (block.text ?? "") === "" ? [] : [{ _tag: "TextDelta", text: block.text ?? "" }];
    case "thinking":
      return (block.thinking ?? "") === "" ? [] : [reasoning(block.thinking ?? "")];
    case "redacted_thinking":
      return [reasoning("", { redacted: block.data ?? "" })];
    case "tool_use": {
      const call: Call = {
        id: block.id ?? "",
        name: block.name ?? "",
        whole: JSON.stringify(block.input ?? {}),
        fragments: [],
      };
      state.calls.push(call);
      state.callsByIndex.set(index, call);
      return [];
    }
    default:
      return [];
  }
};

const grown = (state: State, index: number, delta: NonNullable<Event["delta"]>): ReadonlyArray<ModelEvent> => {
  switch (delta.type) {
    case "text_delta":
      return (delta.text ?? "") === "" ? [] : [{ _tag: "TextDelta", text: delta.text ?? "" }];
    case "thinking_delta":
      return (delta.thinking ?? "") === "" ? [] : [reasoning(delta.thinking ?? "")];
    case "signature_delta":
      return [reasoning("", { signature: delta.signature ?? "" })];
    case "input_json_delta":
      state.callsByIndex.get(index)?.fragments.push(delta.partial_json ?? "");
      return [];
    default:
      return [];
  }
};

const step = (state: State, raw: unknown): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  const decoded = decodeEvent(raw);
  if (Result.isFailure(decoded)) {
    return Result.fail(fault(new BadOutput({ why: "an event is not of Anthropic's format" }), String(decoded.failure)));
  }
  const event = decoded.success;
  const { message, content_block: block, delta, usage } = event;
  if (event.type === "error") return Result.fail(explainBody(event.error));
  // The provider says with it that it is still there, and nothing of the turn.
  if (event.type === "ping") return Result.succeed([]);
  state.events += 1;
  const index = event.index ?? 0;
  const counts = message?.usage ?? usage;
  if (counts !== undefined && counts !== null) state.counts = merged(state.counts, counts);
  const events = block !== undefined && block !== null
    ? started(state, index, block)
    : delta !== undefined && delta !== null
    ? grown(state, index, delta)
    : [];
  state.stop = delta?.stop_reason ?? (event.type === "message_stop" ? state.stop ?? "end_turn" : state.stop);
  if (events.length > 0 || state.calls.length > 0) state.shown = true;
  return Result.succeed(events);
};

const decodesAsJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown));

/** The calls of a turn; one that a token limit cut in the middle of its input is not a call. */
const callEvents = (state: State): ReadonlyArray<ModelEvent> =>
  state.calls.flatMap(({ id, name, whole, fragments }): Array<ModelEvent> => {
    const joined = fragments.join("");
    const argumentsJson = joined === "" ? whole : joined;
    if (state.stop !== "tool_use" && Option.isNone(decodesAsJson(argumentsJson))) return [];
    return [{ _tag: "ToolCall", call: { id, name, argumentsJson, origin: { provider: providerName, data: {} } } }];
  });

const end = (state: State): Result.Result<ReadonlyArray<ModelEvent>, Fault> => {
  if (state.events === 0) {
    return Result.fail(fault(new BadOutput({ why: "the response has no events" }), "the response has no events"));
  }
  if (state.stop === undefined) {
    return Result.fail(fault(new ConnectionLost(), "the stream ended before a stop reason"));
  }
  const calls = callEvents(state);
  const done = (reason: "Stop" | "ToolCalls" | "OutputLimit" | "ContentFilter") =>
    Result.succeed<ReadonlyArray<ModelEvent>>([...calls, { _tag: "Finished", reason, usage: usageOf(state.counts) }]);
  switch (state.stop) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return done("OutputLimit");
    case "refusal":
      return done("ContentFilter");
    case "end_turn":
    case "stop_sequence":
    case "tool_use":
    case "pause_turn":
      return done(calls.length > 0 ? "ToolCalls" : "Stop");
    default:
      // An end that nobody knows may have cut the answer: nobody is told that it is whole.
      return state.shown
        ? done(calls.length > 0 ? "ToolCalls" : "OutputLimit")
        : Result.fail(fault(new BadOutput({ why: `stop reason ${state.stop}` }), state.stop));
  }
};

/**
 * Reads the events of one turn.
 *
 * *Details*: calls are given at the end, when it is known whether the token limit cut them. A
 * signature comes as an empty reasoning delta that closes the thought before it. An unknown stop
 * reason ends the turn like `max_tokens` when the turn has shown something, and is `BadOutput`
 * otherwise. A stream without any stop reason was cut: `ConnectionLost`.
 */
export const reading = (): Assembly<State> => ({
  initial: { events: 0, shown: false, calls: [], callsByIndex: new Map(), stop: undefined, counts: {} },
  step,
  end,
});
