/**
 * What a view makes of the items of a run: the steps of a response before they are framed as chunks or folded into a
 * message.
 */
import { renderArtifacts, renderAskBlock } from "../../domain/activityMarkup.ts";
import type { FinishReason, ToolOutput } from "../../domain/AgentEvent.ts";
import type { WireDelta, WireFinishReason, WireUsage } from "../../domain/ChatChunk.ts";
import type { ToolCall } from "../../domain/Message.ts";
import type { CallItem, ItemEvent, RunItem } from "../../domain/runItems.ts";
import type { Usage } from "../../domain/Usage.ts";
import type { ConversionOptions } from "../../services/Converter.ts";
import { showings, type Shown } from "./views.ts";

// Vocabulary -------------------------------------------------------------------------------------

/** What `finish_reason` says for each ending; every bound of ours reads as `length`. */
const finishReasons: { readonly [K in FinishReason]: WireFinishReason } = {
  Stop: "stop",
  ClientTools: "tool_calls",
  Approval: "stop",
  OutputLimit: "length",
  ContentFilter: "content_filter",
  TurnLimit: "length",
  TimeLimit: "length",
  RunOutputLimit: "length",
  SpendingLimit: "length",
};

/** Token counts as OpenAI names them. */
export const wireUsage = (usage: Usage): WireUsage => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});

/** Between what was said before a tool call and what is said after it, where no block stands between. */
const paragraphBreak = "\n\n";

// Deltas -----------------------------------------------------------------------------------------

/** A step of the response before it is framed as a chunk or folded into a message. */
export type Piece =
  | { readonly _tag: "Delta"; readonly delta: WireDelta }
  | { readonly _tag: "End"; readonly reason: WireFinishReason; readonly usage: WireUsage };

const delta = (value: WireDelta): Piece => ({ _tag: "Delta", delta: value });

/** The dialect of one view: from what happens to the items of a run to pieces, with what the view must remember. */
export class Pieces {
  readonly #view: ConversionOptions["view"];
  readonly #answerOnly: boolean;
  #toolCallIndex = 0;
  #saidSomething = false;
  #breakPending = false;
  /** Text that may be the answer or a remark before a call: only what follows tells. */
  #held = "";
  /** What a person is asked: the last word of the answer, in every view, because what nobody sees nobody can answer. */
  #asked = "";
  /** The running call whose output was shown last. */
  #shownRunning: CallItem | undefined;

  constructor({ view, answerOnly }: Pick<ConversionOptions, "view" | "answerOnly">) {
    this.#view = view;
    this.#answerOnly = answerOnly;
  }

  /** Takes what happens, each once and in order. */
  step(event: ItemEvent): ReadonlyArray<Piece> {
    switch (event._tag) {
      case "ItemOpened":
        return this.#open(event.item);
      case "ItemDelta":
        return event.item.kind === "Text" ? this.#say(event.text) : this.#think(event.text);
      case "ItemOutput":
        return this.#showOutput(event.item, event.output);
      case "ItemClosed":
        return event.finished === undefined ? [] : this.#show(showings[this.#view].finished(event.finished));
      case "FilesChanged":
        return this.#view === "none" || this.#view === "events" || this.#answerOnly
          ? []
          : [delta({ content: renderArtifacts(event.artifacts) })];
      case "ApprovalAsked":
        this.#asked = renderAskBlock(event.asked);
        return [];
      case "RunEnded":
        return [
          ...this.#release(true),
          ...(this.#asked === "" ? [] : [delta({ content: this.#asked })]),
          { _tag: "End", reason: finishReasons[event.reason], usage: wireUsage(event.usage) },
        ];
    }
  }

  #open(item: RunItem): ReadonlyArray<Piece> {
    switch (item.kind) {
      case "Text":
      case "Reasoning":
        return [];
      case "Call":
        return [...this.#release(false), ...this.#show(showings[this.#view].started(item.call))];
      case "ClientCall":
        return [...this.#release(false), this.#call(item.call)];
    }
  }

  #call(call: ToolCall): Piece {
    return delta({
      tool_calls: [{
        index: this.#toolCallIndex++,
        id: call.id,
        type: "function",
        function: { name: call.name, arguments: call.argumentsJson },
      }],
    });
  }

  #think(text: string): ReadonlyArray<Piece> {
    return this.#view === "none" ? [] : [delta({ reasoning_content: text })];
  }

  #release(asAnswer: boolean): ReadonlyArray<Piece> {
    if (this.#held === "") return [];
    const text = this.#held;
    this.#held = "";
    return asAnswer ? [delta({ content: text })] : this.#think(text);
  }

  #say(text: string): ReadonlyArray<Piece> {
    if (this.#answerOnly) {
      this.#held += text;
      return [];
    }
    const content = this.#breakPending ? paragraphBreak + text : text;
    this.#breakPending = false;
    this.#saidSomething = true;
    return [delta({ content })];
  }

  #show(shown: Shown): ReadonlyArray<Piece> {
    // A block in the answer brings its own blank lines.
    this.#breakPending = shown._tag !== "Content" && this.#saidSomething;
    switch (shown._tag) {
      case "ToolCall":
        return this.#answerOnly ? [] : [this.#call(shown.call)];
      case "Nothing":
        return [];
      case "Reasoning":
        return this.#think(shown.text);
      case "Content":
        return this.#answerOnly ? this.#think(shown.text) : [delta({ content: shown.text })];
    }
  }

  #showOutput(item: CallItem, output: ToolOutput): ReadonlyArray<Piece> {
    const text = showings[this.#view].running(item.call, output, item !== this.#shownRunning);
    this.#shownRunning = item;
    return text === "" ? [] : this.#think(text);
  }
}
