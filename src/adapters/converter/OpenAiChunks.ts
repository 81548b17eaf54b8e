/**
 * The Converter adapter for OpenAI's Chat Completions format.
 *
 * One conversion is a small state over the items of a run. A streamed and a whole response come from
 * the same steps, so they cannot say different things; only what is shown of a running call is the stream's alone.
 */
import { Layer } from "effect";
import type { AgentEvent } from "../../domain/AgentEvent.ts";
import type { ChatChunk, ChatCompletion, WireDelta, WireFinishReason, WireUsage } from "../../domain/ChatChunk.ts";
import { toldEvent } from "../../domain/wireRunEvents.ts";
import { makeItemStep } from "../../domain/runItems.ts";
import * as Usage from "../../domain/Usage.ts";
import { type Conversion, type ConversionOptions, Converter, type ConverterService } from "../../services/Converter.ts";
import { version } from "../../domain/version.ts";
import { type Piece, Pieces, wireUsage } from "./pieces.ts";

/** What `system_fingerprint` says: which build answered. */
const systemFingerprint = `fp_caisson_${version}`;

/** The id of the run in the id of its response. */
const runOf = (id: string): string => id.slice(id.indexOf("-") + 1);

// Stream -----------------------------------------------------------------------------------------

const encoded = (chunk: ChatChunk): string => JSON.stringify(chunk);

/** The JSON text of the chunks that add to the message: nearly all there are, and only their delta differs. */
class DeltaShape {
  readonly #head: string;
  readonly #tail: string;

  constructor(envelopeJson: string, hasUsage: boolean) {
    this.#head = `${envelopeJson.slice(0, -1)},"choices":[{"index":0,"delta":`;
    this.#tail = `,"logprobs":null,"finish_reason":null}]${hasUsage ? ',"usage":null' : ""}}`;
  }

  encoded(delta: WireDelta): string {
    return this.#head + JSON.stringify(delta) + this.#tail;
  }
}

const start = (options: ConversionOptions): Conversion => {
  const items = makeItemStep();
  const pieces = new Pieces(options);
  const envelope = {
    id: options.id,
    object: "chat.completion.chunk",
    created: options.createdSeconds,
    model: options.model,
    system_fingerprint: systemFingerprint,
  } as const;
  // With include_usage every chunk but the last carries `usage: null`; without it no chunk has the key.
  const noUsage = options.includeUsage ? { usage: null } : {};
  const shape = new DeltaShape(JSON.stringify(envelope), options.includeUsage);
  const run = runOf(options.id);
  let begun = false;
  let count = 0;
  let atMs = 0;

  const chunk = (value: WireDelta, reason: WireFinishReason | null): ChatChunk => ({
    ...envelope,
    choices: [{ index: 0, delta: value, logprobs: null, finish_reason: reason }],
    ...noUsage,
  });

  /** The activity as data, for the view that tells it so. */
  const told = (event: AgentEvent, into: Array<string>): void => {
    const said = toldEvent(event, run);
    if (said === undefined) return;
    if ("atMs" in event && event.atMs !== undefined) atMs = event.atMs;
    into.push(encoded({ ...chunk({}, null), caisson: { seq: count + into.length + 1, at_ms: atMs, ...said } }));
  };

  const frame = (piece: Piece, into: Array<string>): void => {
    if (piece._tag === "Delta") {
      into.push(shape.encoded(piece.delta));
      return;
    }
    into.push(encoded(chunk({}, piece.reason)));
    if (options.includeUsage) into.push(encoded({ ...envelope, choices: [], usage: piece.usage }));
  };

  return {
    step: (event) => {
      const framed: Array<string> = [];
      if (options.view === "events") told(event, framed);
      for (const happened of items(event)) {
        if (!begun) {
          begun = true;
          framed.push(shape.encoded({ role: "assistant", content: "" }));
        }
        for (const piece of pieces.step(happened)) frame(piece, framed);
      }
      count += framed.length;
      return framed;
    },
  };
};

// Whole ------------------------------------------------------------------------------------------

const fold = (options: ConversionOptions, events: ReadonlyArray<AgentEvent>): ChatCompletion => {
  const items = makeItemStep();
  const pieces = new Pieces(options);
  const content: Array<string> = [];
  const reasoning: Array<string> = [];
  const calls: Array<{ id: string; type: "function"; function: { name: string; arguments: string } }> = [];
  let reason: WireFinishReason = "stop";
  let usage: WireUsage = wireUsage(Usage.zero);

  // What a call printed while it ran is for those who watched; its result has it whole.
  const happened = events.flatMap(items).filter(({ _tag }) => _tag !== "ItemOutput");
  for (const piece of happened.flatMap((event) => pieces.step(event))) {
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
