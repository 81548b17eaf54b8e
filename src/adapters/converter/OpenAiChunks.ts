/**
 * The Converter adapter for OpenAI's Chat Completions format.
 *
 * One conversion is a small state over the events of a run. A streamed and a whole response come from
 * the same steps, so they cannot say different things.
 */
import { Layer } from "effect";
import { renderArtifacts } from "../../domain/activityMarkup.ts";
import type { AgentEvent, FinishReason } from "../../domain/AgentEvent.ts";
import type { ChatChunk, ChatCompletion, WireDelta, WireFinishReason, WireUsage } from "../../domain/ChatChunk.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { Usage } from "../../domain/Usage.ts";
import { type Conversion, type ConversionOptions, Converter, type ConverterService } from "../../services/Converter.ts";
import { version } from "../../domain/version.ts";
import { showings, type Shown } from "./views.ts";

// Vocabulary -------------------------------------------------------------------------------------

/** What `finish_reason` says for each ending; every bound of ours reads as `length`. */
const finishReasons: { readonly [K in FinishReason]: WireFinishReason } = {
  Stop: "stop",
  ClientTools: "tool_calls",
  OutputLimit: "length",
  ContentFilter: "content_filter",
  TurnLimit: "length",
  TimeLimit: "length",
  RunOutputLimit: "length",
  SpendingLimit: "length",
};

const wireUsage = (usage: Usage): WireUsage => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});

/** What `system_fingerprint` says: which build answered. */
const systemFingerprint = `fp_caisson_${version}`;

/** Between what was said before a tool call and what is said after it, where no block stands between. */
const paragraphBreak = "\n\n";

// Deltas -----------------------------------------------------------------------------------------

/** A step of the response before it is framed as a chunk or folded into a message. */
type Piece =
  | { readonly _tag: "Delta"; readonly delta: WireDelta }
  | { readonly _tag: "End"; readonly reason: WireFinishReason; readonly usage: WireUsage };

const delta = (value: WireDelta): Piece => ({ _tag: "Delta", delta: value });

/** Makes the pure step from events to pieces, which keeps what a view has to remember. */
const makePieces = (options: Pick<ConversionOptions, "view" | "answerOnly">) => {
  const showing = showings[options.view];
  let toolCallIndex = 0;
  let saidSomething = false;
  let breakPending = false;
  let held = "";

  const toolCallPiece = (call: ToolCall): Piece =>
    delta({
      tool_calls: [{
        index: toolCallIndex++,
        id: call.id,
        type: "function",
        function: { name: call.name, arguments: call.argumentsJson },
      }],
    });

  const reasoningPiece = (text: string): ReadonlyArray<Piece> =>
    options.view === "none" ? [] : [delta({ reasoning_content: text })];

  const release = (asAnswer: boolean): ReadonlyArray<Piece> => {
    if (held === "") return [];
    const text = held;
    held = "";
    return asAnswer ? [delta({ content: text })] : reasoningPiece(text);
  };

  const say = (text: string): ReadonlyArray<Piece> => {
    if (text === "") return [];
    if (options.answerOnly) {
      held += text;
      return [];
    }
    const content = breakPending ? paragraphBreak + text : text;
    breakPending = false;
    saidSomething = true;
    return [delta({ content })];
  };

  const show = (shown: Shown): ReadonlyArray<Piece> => {
    switch (shown._tag) {
      case "ToolCall":
        breakPending = saidSomething;
        return options.answerOnly ? [] : [toolCallPiece(shown.call)];
      case "Nothing":
        breakPending = saidSomething;
        return [];
      case "Reasoning":
        breakPending = saidSomething;
        return reasoningPiece(shown.text);
      case "Content":
        // A block brings its own blank lines.
        breakPending = false;
        return options.answerOnly ? reasoningPiece(shown.text) : [delta({ content: shown.text })];
    }
  };

  return (event: AgentEvent): ReadonlyArray<Piece> => {
    switch (event._tag) {
      case "TextDelta":
        return say(event.text);
      case "ReasoningDelta":
        return event.text === "" ? [] : reasoningPiece(event.text);
      case "ToolCallStarted":
        return [...release(false), ...show(showing.started(event.call))];
      case "ToolCallFinished":
        return show(showing.finished(event));
      case "ClientToolCalled":
        return [...release(false), toolCallPiece(event.call)];
      case "ArtifactsChanged":
        return options.view === "none" || options.answerOnly
          ? []
          : [delta({ content: renderArtifacts(event.artifacts) })];
      case "RunFinished":
        return [
          ...release(true),
          { _tag: "End", reason: finishReasons[event.reason], usage: wireUsage(event.usage) },
        ];
    }
  };
};

// Stream -----------------------------------------------------------------------------------------

const start = (options: ConversionOptions): Conversion => {
  const pieces = makePieces(options);
  const envelope = {
    id: options.id,
    object: "chat.completion.chunk",
    created: options.createdSeconds,
    model: options.model,
    system_fingerprint: systemFingerprint,
  } as const;
  // With include_usage every chunk but the last carries `usage: null`; without it no chunk has the key.
  const noUsage = options.includeUsage ? { usage: null } : {};
  let begun = false;

  const chunk = (value: WireDelta, reason: WireFinishReason | null): ChatChunk => ({
    ...envelope,
    choices: [{ index: 0, delta: value, logprobs: null, finish_reason: reason }],
    ...noUsage,
  });

  const frame = (piece: Piece): ReadonlyArray<ChatChunk> => {
    if (piece._tag === "Delta") return [chunk(piece.delta, null)];
    const last = chunk({}, piece.reason);
    return options.includeUsage ? [last, { ...envelope, choices: [], usage: piece.usage }] : [last];
  };

  return {
    step: (event) => {
      const framed = pieces(event).flatMap(frame);
      if (begun) return framed;
      begun = true;
      return [chunk({ role: "assistant", content: "" }, null), ...framed];
    },
  };
};

// Whole ------------------------------------------------------------------------------------------

const fold = (options: ConversionOptions, events: ReadonlyArray<AgentEvent>): ChatCompletion => {
  const pieces = makePieces(options);
  const content: Array<string> = [];
  const reasoning: Array<string> = [];
  const calls: Array<{ id: string; type: "function"; function: { name: string; arguments: string } }> = [];
  let reason: WireFinishReason = "stop";
  let usage: WireUsage = wireUsage({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 });

  for (const piece of events.flatMap(pieces)) {
    if (piece._tag === "End") {
      ({ reason, usage } = piece);
      continue;
    }
    if (typeof piece.delta.content === "string") content.push(piece.delta.content);
    if (piece.delta.reasoning_content !== undefined) reasoning.push(piece.delta.reasoning_content);
    for (const call of piece.delta.tool_calls ?? []) {
      calls.push({
        id: call.id ?? "",
        type: "function",
        function: { name: call.function.name ?? "", arguments: call.function.arguments ?? "" },
      });
    }
  }

  return {
    id: options.id,
    object: "chat.completion",
    created: options.createdSeconds,
    model: options.model,
    system_fingerprint: systemFingerprint,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        // OpenAI sends null, not "", when a message holds only calls.
        content: content.length === 0 && calls.length > 0 ? null : content.join(""),
        refusal: null,
        ...(reasoning.length > 0 ? { reasoning_content: reasoning.join("") } : {}),
        ...(calls.length > 0 ? { tool_calls: calls } : {}),
      },
      logprobs: null,
      finish_reason: reason,
    }],
    usage,
  };
};

/** Converts agent events to OpenAI's Chat Completions format. */
export const make: ConverterService = { start, fold };

/** The Converter port over OpenAI's Chat Completions format. */
export const layer: Layer.Layer<Converter> = Layer.succeed(Converter, Converter.of(make));
