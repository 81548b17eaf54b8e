/**
 * The Converter port: from agent events to OpenAI chunks, by view.
 *
 * A conversion is a pure step over the events of one run. It decides only how things look: errors,
 * framing and sockets are the HTTP edge's.
 */
import { Context, Schema } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { ChatCompletion } from "../domain/ChatChunk.ts";

/**
 * How tool activity is shown; the table stands in `docs/views.md`.
 *
 * *Example* (check a view that somebody named):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Option, Schema } from "effect";
 * import { Converter } from "@caisson/caisson";
 *
 * const decode = Schema.decodeUnknownOption(Converter.View);
 * assert.deepEqual(decode("details"), Option.some("details"));
 * assert.ok(Option.isNone(decode("verbose")));
 * ```
 */
export const View = Schema.Literals(["text", "tool_calls", "reasoning", "details", "none", "events"]);
export type View = typeof View.Type;

/** What a conversion must know of the request it answers. */
export interface ConversionOptions {
  readonly view: View;
  /** The response id, the same on every chunk. */
  readonly id: string;
  /** Seconds since the epoch, the same on every chunk. */
  readonly createdSeconds: number;
  readonly model: string;
  /** The client asked for `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  /**
   * Only the run's last message may stand in `content`, because a `response_format` governs it; what
   * was said before a tool call goes where reasoning goes. The answer then comes in one piece.
   */
  readonly answerOnly: boolean;
}

/**
 * The conversion of one run; it keeps state, so it must see every event once and in order.
 */
export interface Conversion {
  /**
   * Chunks for an event; none for an event that this view does not show. The first chunk carries the role.
   *
   * *Details*: each is the JSON text of a `ChatChunk`; what all chunks of a run share is encoded once.
   */
  readonly step: (event: AgentEvent) => ReadonlyArray<string>;
}

/** What a converter offers. */
export interface ConverterService {
  /** Starts the conversion of one run. */
  readonly start: (options: ConversionOptions) => Conversion;
  /** Folds the chunks of a finished run into the response of a request that does not stream. */
  readonly fold: (options: ConversionOptions, events: ReadonlyArray<AgentEvent>) => ChatCompletion;
}

/**
 * The Converter port.
 *
 * *Example* (choose a view):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { type AgentEvent, app, Converter, Usage } from "@caisson/caisson";
 *
 * const call = { id: "1", name: "execute_bash", argumentsJson: '{"command":"echo hi"}' };
 * const events: ReadonlyArray<AgentEvent.AgentEvent> = [
 *   { _tag: "ToolCallStarted", call },
 *   { _tag: "ToolCallFinished", call, result: { text: "hi", isError: false }, durationMs: 3 },
 *   { _tag: "TextDelta", text: "It printed hi." },
 *   { _tag: "RunFinished", reason: "Stop", usage: Usage.zero, turns: 2 },
 * ];
 * const shown = (view: Converter.View) =>
 *   Effect.gen(function* () {
 *     const converter = yield* Converter.Converter;
 *     const shape = { createdSeconds: 0, model: "m", includeUsage: false, answerOnly: false };
 *     return converter.fold({ ...shape, view, id: "chatcmpl-1" }, events).choices[0]?.message;
 *   }).pipe(Effect.provide(app.converter), Effect.runPromise);
 *
 * assert.equal((await shown("none"))?.content, "It printed hi.");
 * assert.match((await shown("text"))?.content ?? "", /bash\necho hi\n/);
 * assert.equal((await shown("tool_calls"))?.tool_calls?.[0]?.function.name, "execute_bash");
 * ```
 */
export class Converter extends Context.Service<Converter, ConverterService>()("caisson/services/Converter") {}
