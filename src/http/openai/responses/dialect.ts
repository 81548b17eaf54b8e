/**
 * A run as the events of OpenAI's Responses API: a dialect of the items of a run.
 *
 * What it tells depends on the response as it began and on the run's events alone, so whoever hears the run hears the
 * same events under the same numbers, now or later.
 */
import { Option, Schema } from "effect";
import type { AgentEvent, FinishReason, ToolCallFinished } from "../../../domain/AgentEvent.ts";
import { makeItemStep, type RunItem } from "../../../domain/runItems.ts";
import type { Usage } from "../../../domain/Usage.ts";
import type { ErrorEnvelope } from "../../frame/reply.ts";
import type { ToolCall } from "../../../domain/Message.ts";
import { requestItem } from "./approvals.ts";
import { pythonName } from "./hostedTools.ts";
import { Citations } from "./citations.ts";
import { HostedItems, outcomeOf } from "./hostedItems.ts";
import { approvalRequestId, itemId } from "./ids.ts";
import { Gathered, type SealThoughts } from "./thoughts.ts";
import { type ClientTool, clientTools } from "./tools.ts";
import type { JsonObject } from "./wire.ts";

/** One event as it goes over the wire. */
export interface ResponseEvent extends JsonObject {
  readonly type: string;
  readonly sequence_number: number;
}

/** The type of a piece of an answer. */
export const textDelta = "response.output_text.delta";

/** An item that is being told: what it is in the end, and how it ends. */
interface Open {
  readonly id: string;
  readonly outputIndex: number;
  readonly kind: "Text" | "Reasoning";
  readonly pieces: Array<string>;
}

/** What was used, with every key that clients look for. */
export const usageOut = (usage: Usage): JsonObject => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: 0 },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/** Why a response is incomplete; undefined when it is complete. OpenAI has no word for bounds of a run but one. */
const incompleteReason = (reason: FinishReason): string | undefined => {
  switch (reason) {
    case "Stop":
    case "ClientTools":
    case "Approval":
      return undefined;
    case "ContentFilter":
      return "content_filter";
    case "OutputLimit":
    case "TurnLimit":
    case "TimeLimit":
    case "RunOutputLimit":
    case "SpendingLimit":
      return "max_output_tokens";
  }
};

const decodeCustom = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ input: Schema.String })));

const textPart = (text: string, annotations: ReadonlyArray<JsonObject> = []): JsonObject => ({
  type: "output_text",
  text,
  annotations,
  logprobs: [],
});

/** Tells one run. */
export class ResponseDialect {
  #response: JsonObject;
  readonly #id: string;
  readonly #createdSeconds: number;
  readonly #tools: ReadonlyMap<string, ClientTool>;
  readonly #step = makeItemStep();
  readonly #output: Array<JsonObject> = [];
  #number = 0;
  #open: Open | undefined;
  /** What is open is whole, and is told so with what follows: the last text cites what no other does. */
  #isWhole = false;
  #container = "";
  readonly #citations = new Citations();
  readonly #seal: SealThoughts | undefined;
  readonly #thoughts = new Gathered();
  readonly #hosted = new HostedItems<ResponseEvent>({
    event: (type, fields) => this.#event(type, fields),
    newId: (prefix) => itemId(prefix, this.#id, this.#output.length + 1),
    nextIndex: () => this.#output.length,
    put: (item) => void this.#output.push(item),
  });

  /**
   * `begun` is the response in progress, `further` are tools that stood among its input.
   *
   * With `seal` thoughts carry what their provider wants back.
   */
  constructor(begun: JsonObject, further: ReadonlyArray<JsonObject> = [], seal?: SealThoughts) {
    this.#response = begun;
    this.#seal = seal;
    this.#id = String(begun["id"]);
    this.#createdSeconds = Number(begun["created_at"]);
    const named = Array.isArray(begun["tools"]) ? begun["tools"] : [];
    this.#tools = new Map(clientTools([...named, ...further]).map((tool) => [tool.declaration.name, tool]));
  }

  /** The response as it stands. */
  get response(): JsonObject {
    return this.#response;
  }

  /** What stands before everything that the run says. */
  begin(): ReadonlyArray<ResponseEvent> {
    return [
      this.#event("response.created", { response: this.#response }),
      this.#event("response.in_progress", { response: this.#response }),
    ];
  }

  /** That the run goes on, under the number of the event before it. */
  waiting(): ResponseEvent {
    return {
      type: "response.in_progress",
      sequence_number: Math.max(0, this.#number - 1),
      response: { ...this.#response, output: [...this.#output] },
    };
  }

  /** What an event of the run is told as. */
  step(event: AgentEvent): ReadonlyArray<ResponseEvent> {
    if (event._tag === "RunStarted") this.#container = event.container ?? "";
    if (event._tag === "ReasoningDelta" && this.#seal !== undefined) this.#thoughts.think(event);
    const all = this.#step(event);
    const [first] = all;
    // Nearly everything is a piece of a text, and nothing but a piece.
    if (first?._tag === "ItemDelta" && all.length === 1) return [this.#delta(first.text)];
    return all.flatMap((told): ReadonlyArray<ResponseEvent> => {
      switch (told._tag) {
        case "ItemOpened":
          return [...this.#settled(), ...this.#carried(told.item), ...this.#opened(told.item)];
        case "ItemDelta":
          return [this.#delta(told.text)];
        case "ItemClosed":
          return this.#itemClosed(told.item, told.finished);
        case "ItemOutput":
          return this.#hosted.printed(told.output);
        case "FilesChanged":
          return [];
        case "ApprovalAsked":
          return [...this.#settled(), ...this.#carried(), ...this.#asked(told.asked.calls.map(({ call }) => call))];
        case "RunEnded":
          return [
            ...this.#closed("completed", this.#citations.rest(this.#container)),
            ...this.#hosted.cut(this.#container),
            ...this.#carried(),
            ...this.#ended(told.reason, told.usage, event._tag === "RunFinished" ? event.atMs ?? 0 : 0),
          ];
      }
    });
  }

  /** The run has failed; `once` leaves it at one event, where whoever listens takes an error for the end. */
  fail(error: ErrorEnvelope["error"], { once = false } = {}): ReadonlyArray<ResponseEvent> {
    const left = [...this.#leftOpen()];
    const code = error.code ?? "server_error";
    const told = { ...error, code };
    this.#set({ status: "failed", error: told });
    // OpenAI's documents and its servers disagree on the form: both stand in one event.
    return [
      ...left,
      ...(once ? [] : [this.#event("error", { code, message: error.message, param: error.param, error: told })]),
      this.#event("response.failed", { response: this.#response }),
    ];
  }

  /** The run was cancelled: no event says so, the response does. */
  cancel(): void {
    this.#leftOpen();
    this.#set({ status: "cancelled" });
  }

  /** Ends what is open where the run breaks off. */
  #leftOpen(): ReadonlyArray<ResponseEvent> {
    return [...this.#closed(this.#isWhole ? "completed" : "incomplete"), ...this.#hosted.cut(this.#container)];
  }

  /** A whole text of a run with files waits for what follows it; everything else is told at once. */
  #itemClosed(item: RunItem, finished: ToolCallFinished | undefined): ReadonlyArray<ResponseEvent> {
    if (item.kind === "Text" && this.#container !== "") {
      this.#isWhole = true;
      return [];
    }
    if (item.kind === "Text" || item.kind === "Reasoning") return this.#closed("completed");
    if (finished === undefined) return [];
    this.#citations.add(outcomeOf(finished));
    return this.#hosted.closed(finished, this.#container);
  }

  /** Something follows what was whole. */
  #settled(): ReadonlyArray<ResponseEvent> {
    return this.#isWhole ? this.#closed("completed") : [];
  }

  /** An item of thoughts that have no words, before the item that they belong to, or at the end of all. */
  #carried(next?: RunItem): ReadonlyArray<ResponseEvent> {
    if (this.#seal === undefined || next?.kind === "Reasoning") return [];
    const place = this.#output.length + 1;
    // A call of the interpreter's is sent back under its item's id, which stands behind that of these thoughts.
    if (next?.kind === "ClientCall") this.#thoughts.call(next.call.id, next.call);
    if (next?.kind === "Call") {
      const { call } = next;
      this.#thoughts.call(call.name === pythonName ? itemId("ci", this.#id, place + 1) : call.id, call);
    }
    if (!this.#thoughts.isLeft) return [];
    const id = itemId("rs", this.#id, place);
    const item = { id, type: "reasoning", summary: [], ...this.#sealed(id) };
    this.#output.push(item);
    return [
      this.#event("response.output_item.added", { output_index: place - 1, item }),
      this.#event("response.output_item.done", { output_index: place - 1, item }),
    ];
  }

  /** What an item of thoughts carries besides their words. */
  #sealed(id: string): JsonObject {
    const sealed = this.#seal?.(id, this.#thoughts.take());
    return sealed === undefined ? {} : { encrypted_content: sealed };
  }

  #event(type: string, fields: JsonObject): ResponseEvent {
    return { type, sequence_number: this.#number++, ...fields };
  }

  #set(changes: JsonObject): void {
    this.#response = { ...this.#response, output: this.#output, ...changes };
  }

  #opened(item: RunItem): ReadonlyArray<ResponseEvent> {
    switch (item.kind) {
      case "Text":
      case "Reasoning":
        return this.#openedSaying(item.kind);
      case "ClientCall":
        return this.#called(item.call);
      case "Call":
        return this.#hosted.opened(item.call, this.#container);
    }
  }

  #openedSaying(kind: Open["kind"]): ReadonlyArray<ResponseEvent> {
    const outputIndex = this.#output.length;
    const id = itemId(kind === "Text" ? "msg" : "rs", this.#id, outputIndex + 1);
    this.#open = { id, outputIndex, kind, pieces: [] };
    const at = { item_id: id, output_index: outputIndex };
    return kind === "Text"
      ? [
        this.#event("response.output_item.added", {
          output_index: outputIndex,
          item: { id, type: "message", status: "in_progress", content: [], role: "assistant" },
        }),
        this.#event("response.content_part.added", { ...at, content_index: 0, part: textPart("") }),
      ]
      : [
        this.#event("response.output_item.added", {
          output_index: outputIndex,
          item: { id, type: "reasoning", summary: [] },
        }),
        this.#event("response.reasoning_summary_part.added", {
          ...at,
          summary_index: 0,
          part: { type: "summary_text", text: "" },
        }),
      ];
  }

  #delta(text: string): ResponseEvent {
    const { id, outputIndex, kind, pieces } = this.#open ?? { id: "", outputIndex: 0, kind: "Text", pieces: [] };
    pieces.push(text);
    const sequence_number = this.#number++;
    return kind === "Text"
      ? {
        type: textDelta,
        sequence_number,
        item_id: id,
        output_index: outputIndex,
        content_index: 0,
        delta: text,
        logprobs: [],
      }
      : {
        type: "response.reasoning_summary_text.delta",
        sequence_number,
        item_id: id,
        output_index: outputIndex,
        summary_index: 0,
        delta: text,
      };
  }

  #closed(
    status: "completed" | "incomplete",
    further: ReadonlyArray<JsonObject> = [],
  ): ReadonlyArray<ResponseEvent> {
    if (this.#open === undefined) return [];
    const { id, outputIndex, kind, pieces } = this.#open;
    this.#open = undefined;
    this.#isWhole = false;
    const text = pieces.join("");
    const at = { item_id: id, output_index: outputIndex };
    const annotations = kind === "Text" && this.#container !== ""
      ? [...this.#citations.of(text, this.#container), ...further]
      : [];
    const item: JsonObject = kind === "Text"
      ? { id, type: "message", status, content: [textPart(text, annotations)], role: "assistant" }
      : { id, type: "reasoning", summary: [{ type: "summary_text", text }], ...this.#sealed(id) };
    this.#output.push(item);
    const done = kind === "Text"
      ? [
        ...annotations.map((annotation, annotation_index) =>
          this.#event("response.output_text.annotation.added", {
            ...at,
            content_index: 0,
            annotation_index,
            annotation,
          })
        ),
        this.#event("response.output_text.done", { ...at, content_index: 0, text, logprobs: [] }),
        this.#event("response.content_part.done", { ...at, content_index: 0, part: textPart(text, annotations) }),
      ]
      : [
        this.#event("response.reasoning_summary_text.done", { ...at, summary_index: 0, text }),
        this.#event("response.reasoning_summary_part.done", {
          ...at,
          summary_index: 0,
          part: { type: "summary_text", text },
        }),
      ];
    return [...done, this.#event("response.output_item.done", { output_index: outputIndex, item })];
  }

  #called(
    call: { readonly id: string; readonly name: string; readonly argumentsJson: string },
  ): ReadonlyArray<ResponseEvent> {
    const outputIndex = this.#output.length;
    const tool = this.#tools.get(call.name);
    const isCustom = tool?.kind === "custom";
    const id = itemId(isCustom ? "ctc" : "fc", this.#id, outputIndex + 1);
    const value = isCustom
      ? Option.match(decodeCustom(call.argumentsJson), {
        onNone: () => call.argumentsJson,
        onSome: ({ input }) => input,
      })
      : call.argumentsJson;
    const field = isCustom ? "input" : "arguments";
    const item = (status: string, said: string): JsonObject => ({
      id,
      type: isCustom ? "custom_tool_call" : "function_call",
      status,
      call_id: call.id,
      name: tool?.name ?? call.name,
      ...(tool?.namespace !== undefined && { namespace: tool.namespace }),
      [field]: said,
    });
    const whole = item("completed", value);
    this.#output.push(whole);
    const about = isCustom ? "response.custom_tool_call_input" : "response.function_call_arguments";
    const at = { item_id: id, output_index: outputIndex };
    return [
      this.#event("response.output_item.added", { output_index: outputIndex, item: item("in_progress", "") }),
      this.#event(`${about}.delta`, { ...at, delta: value }),
      this.#event(`${about}.done`, { ...at, [field]: value, ...(!isCustom && { name: tool?.name ?? call.name }) }),
      this.#event("response.output_item.done", { output_index: outputIndex, item: whole }),
    ];
  }

  /** Calls of ours that wait for a person; each is whole when it is told. */
  #asked(calls: ReadonlyArray<ToolCall>): ReadonlyArray<ResponseEvent> {
    return calls.flatMap((call, index) => {
      const at = { output_index: this.#output.length };
      const item = requestItem(approvalRequestId(this.#id, index), call, this.#container);
      this.#output.push(item);
      return [
        this.#event("response.output_item.added", { ...at, item }),
        this.#event("response.output_item.done", { ...at, item }),
      ];
    });
  }

  #ended(reason: FinishReason, usage: Usage, atMs: number): ReadonlyArray<ResponseEvent> {
    const why = incompleteReason(reason);
    const status = why === undefined ? "completed" : "incomplete";
    this.#set({
      status,
      usage: usageOut(usage),
      completed_at: why === undefined ? this.#createdSeconds + Math.round(atMs / 1000) : null,
      incomplete_details: why === undefined ? null : { reason: why },
    });
    return [this.#event(`response.${status}`, { response: this.#response })];
  }
}
