/**
 * What a run has produced so far: messages, usage and output, and whether a bound was reached.
 *
 * One record belongs to one run and is only touched by that run's stream.
 */
import { Buffer } from "node:buffer";
import type { AgentEvent, FinishReason } from "../domain/AgentEvent.ts";
import type { AssistantPart, Message, ToolCall, ToolMessage } from "../domain/Message.ts";
import { inWords, isDecision, toolCallsOf } from "../domain/Message.ts";
import * as Usage from "../domain/Usage.ts";
import type { ModelEvent } from "../services/Model.ts";

type ModelFinished = Extract<ModelEvent, { _tag: "Finished" }>;

/** Joins a delta to the parts so far: text follows text unless a provider marked the end of a part. */
const joined = (parts: ReadonlyArray<AssistantPart>, next: AssistantPart): ReadonlyArray<AssistantPart> => {
  const last = parts.at(-1);
  if (
    last === undefined || next._tag === "ToolCall" || last._tag === "ToolCall" || last._tag !== next._tag ||
    last.origin !== undefined
  ) return [...parts, next];
  return [...parts.slice(0, -1), { ...next, text: last.text + next.text }];
};

/** What stands where a call has no result. */
const cut = ({ id, name }: ToolCall, why: string): ToolMessage => ({
  role: "tool",
  callId: id,
  name,
  content: why,
  isError: true,
});

/** Characters of base64 that a run's model is shown as images in all: requests over 20 MB are refused. */
const imageCharactersMax = 15_000_000;

/** Calls of the turn before that a run answers first, and what was said, which comes after their results. */
export interface Owed {
  readonly calls: ReadonlyArray<ToolCall>;
  readonly said: ReadonlyArray<Message>;
}

/** The memory of one run; the bound is on answer text and tool results together. */
export class RunRecord {
  readonly #produced: Array<Message> = [];
  /** Parts of the model turn that is under way; a pending text is kept apart so that deltas stay cheap. */
  #parts: ReadonlyArray<AssistantPart> = [];
  #pending: Array<string> = [];
  #pendingTag: "Text" | "Reasoning" = "Text";
  #turnFinished: ModelFinished | undefined;
  /** The model has said something in this turn. */
  #turnBegun = false;
  #usage: Usage.Usage = Usage.zero;
  #turns = 0;
  #outputBytes = 0;
  #imageCharacters = 0;
  #remark: { readonly after: number; readonly message: Message } | undefined;

  /** Until it is settled. */
  #owed: Owed | undefined;
  /** What was said stands among what was produced. */
  #hasSaid = false;

  constructor(readonly outputBytesMax: number, readonly price?: Usage.Price, owed?: Owed) {
    this.#owed = owed;
  }

  get usage(): Usage.Usage {
    return this.#usage;
  }

  /** What the run has cost so far, in US dollars; undefined where the model has no price. */
  get costUsd(): number | undefined {
    return this.price === undefined ? undefined : Usage.costUsd(this.#usage, this.price);
  }

  get turns(): number {
    return this.#turns;
  }

  /** Messages of finished model turns and tool calls, oldest first. */
  get produced(): ReadonlyArray<Message> {
    return this.#produced;
  }

  get isOverOutputLimit(): boolean {
    return this.#outputBytes > this.outputBytesMax;
  }

  beginTurn(): void {
    this.#turns += 1;
    this.#turnBegun = false;
    this.#parts = [];
    this.#turnFinished = undefined;
  }

  /** Takes in events of the model and returns what the listener hears of them: nothing once the bound is passed. */
  accept(events: ReadonlyArray<ModelEvent>): ReadonlyArray<AgentEvent> {
    const heard: Array<AgentEvent> = [];
    for (const event of events) {
      if (this.isOverOutputLimit) break;
      if (!this.#turnBegun) {
        // With the first word and not before, so that a turn costs no array of its own.
        this.#turnBegun = true;
        heard.push({ _tag: "TurnStarted", turn: this.#turns });
      }
      this.#hear(event, heard);
    }
    return heard;
  }

  /** Ends the model turn and returns how it ended; undefined when the model never said so. */
  endTurn(): {
    readonly finished: ModelFinished | undefined;
    readonly calls: ReadonlyArray<ToolCall>;
    readonly text: string;
    /** What the listener hears of it. */
    readonly events: ReadonlyArray<AgentEvent>;
  } {
    this.#flush();
    const message: Message = { role: "assistant", parts: this.#parts };
    if (this.#parts.length > 0) this.#produced.push(message);
    const text = this.#parts.map((part) => (part._tag === "Text" ? part.text : "")).join("");
    this.#parts = [];
    const finished = this.#turnFinished;
    return {
      finished,
      calls: toolCallsOf(message),
      text,
      events: finished === undefined ? [] : [{
        _tag: "TurnFinished",
        turn: this.#turns,
        usage: finished.usage,
        ...(this.price !== undefined && { costUsd: Usage.costUsd(finished.usage, this.price) }),
      }],
    };
  }

  /** Forgets the model turn that just ended; its answer was a draft for another turn. */
  retractTurn(): void {
    this.#produced.pop();
  }

  /** Whether these images can still be shown, and counts them when they can. */
  takesImages(images: NonNullable<ToolMessage["images"]>): boolean {
    const characters = images.reduce((sum, { base64 }) => sum + base64.length, 0);
    if (characters === 0 || this.#imageCharacters + characters > imageCharactersMax) return false;
    this.#imageCharacters += characters;
    return true;
  }

  /** What the model reads in its next turn: what was produced, and what was remarked in between. */
  get read(): ReadonlyArray<Message> {
    const remark = this.#remark;
    const read = remark === undefined
      ? this.#produced
      : [...this.#produced.slice(0, remark.after), remark.message, ...this.#produced.slice(remark.after)];
    return this.#hasSaid ? read.filter((message) => !isDecision(message)).map(inWords) : read;
  }

  /** The results of calls, the newest last. */
  resultOf(callId: string): ToolMessage | undefined {
    return this.#produced.findLast((message): message is ToolMessage =>
      message.role === "tool" && message.callId === callId
    );
  }

  /** The calls that were owed have their results: what was said comes now. */
  settleOwed(): void {
    if (this.#owed === undefined) return;
    this.#produced.push(...this.#owed.said);
    this.#hasSaid = true;
    this.#owed = undefined;
  }

  /** How many calls to our tools were carried out. */
  get executed(): number {
    return this.#produced.filter((message) => message.role === "tool" && message.execution !== undefined).length;
  }

  /** Whether one of our tools has run. */
  get hasExecuted(): boolean {
    return this.executed > 0;
  }

  /** The arguments of all calls so far. */
  get callArguments(): ReadonlyArray<string> {
    return this.#produced.flatMap(toolCallsOf).map(({ argumentsJson }) => argumentsJson);
  }

  /** Tells the model something about its answer; no session keeps it. A later remark takes the place of this one. */
  remark(text: string): void {
    this.#remark = {
      after: this.#produced.length,
      message: { role: "user", parts: [{ _tag: "Text", text }] },
    };
  }

  /** Adds words of ours to what the model said last, and returns what the listener hears of it. */
  say(text: string): AgentEvent {
    const last = this.#produced.at(-1);
    const part: AssistantPart = { _tag: "Text", text };
    if (last?.role === "assistant") {
      this.#produced[this.#produced.length - 1] = { role: "assistant", parts: joined(last.parts, part) };
    } else {
      this.#produced.push({ role: "assistant", parts: [part] });
    }
    return { _tag: "TextDelta", text };
  }

  addResult(message: ToolMessage): void {
    this.#outputBytes += Buffer.byteLength(message.content);
    this.#produced.push(message);
  }

  /**
   * The messages to remember when the run ends here: partial text is kept, and every call of ours that
   * has no result gets one that says so, because providers refuse a history with open calls. `staysOpen` are those
   * that somebody else answers.
   */
  close(why: string, staysOpen: (call: ToolCall) => boolean): ReadonlyArray<Message> {
    this.#flush();
    const owed = this.#owed?.calls.filter(({ id }) => this.resultOf(id) === undefined) ?? [];
    const messages = [
      ...this.#produced,
      ...owed.map((call) => cut(call, why)),
      ...this.#owed?.said ?? [],
      ...(this.#parts.length > 0 ? [{ role: "assistant" as const, parts: this.#parts }] : []),
    ];
    const answered = new Set(messages.flatMap((message) => (message.role === "tool" ? [message.callId] : [])));
    const open = messages.flatMap(toolCallsOf).filter((call) => !answered.has(call.id) && !staysOpen(call));
    return [...messages, ...open.map((call) => cut(call, why))];
  }

  finishedEvent(reason: FinishReason): AgentEvent {
    const { costUsd } = this;
    return {
      _tag: "RunFinished",
      reason,
      usage: this.#usage,
      turns: this.#turns,
      ...(costUsd !== undefined && { costUsd }),
    };
  }

  #hear(event: ModelEvent, heard: Array<AgentEvent>): void {
    switch (event._tag) {
      case "TextDelta":
        this.#accumulate("Text", event);
        if (event.text !== "") heard.push({ _tag: "TextDelta", text: event.text });
        return;
      case "ReasoningDelta":
        this.#accumulate("Reasoning", event);
        if (event.text !== "" || event.origin !== undefined) heard.push(event);
        return;
      case "ToolCall":
        this.#flush();
        this.#parts = [...this.#parts, { _tag: "ToolCall", call: event.call }];
        return;
      case "Finished":
        this.#turnFinished = event;
        this.#usage = Usage.add(this.#usage, event.usage);
    }
  }

  #accumulate(tag: "Text" | "Reasoning", event: Extract<ModelEvent, { _tag: "TextDelta" | "ReasoningDelta" }>): void {
    this.#outputBytes += Buffer.byteLength(event.text);
    if (this.#pendingTag !== tag) this.#flush();
    this.#pendingTag = tag;
    this.#pending.push(event.text);
    if (event.origin !== undefined) {
      const text = this.#pending.join("");
      this.#pending = [];
      this.#parts = joined(this.#parts, { _tag: tag, text, origin: event.origin });
    }
  }

  #flush(): void {
    const text = this.#pending.join("");
    this.#pending = [];
    if (text !== "") this.#parts = joined(this.#parts, { _tag: this.#pendingTag, text });
  }
}
