/**
 * Anthropic's wire format as builders: the named events of a Messages stream and its error bodies.
 */
import type { Reply } from "./wireServer.ts";

type Json = Record<string, unknown> & { readonly type: string };

/** Events as they go over the wire, each named after its type. */
export const named = (events: ReadonlyArray<Json>): ReadonlyArray<string> =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

export const start: Json = {
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-test",
    content: [],
    stop_reason: null,
    usage: { input_tokens: 12, cache_read_input_tokens: 5, cache_creation_input_tokens: 3, output_tokens: 1 },
  },
};

/** A whole content block: its start, its deltas and its stop. */
export const block = (index: number, content_block: Json, ...deltas: ReadonlyArray<Json>): ReadonlyArray<Json> => [
  { type: "content_block_start", index, content_block },
  ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
  { type: "content_block_stop", index },
];

export const text = (index: number, ...texts: ReadonlyArray<string>): ReadonlyArray<Json> =>
  block(index, { type: "text", text: "" }, ...texts.map((value) => ({ type: "text_delta", text: value })));

export const thinking = (index: number, signature: string, ...texts: ReadonlyArray<string>): ReadonlyArray<Json> =>
  block(
    index,
    { type: "thinking", thinking: "", signature: "" },
    ...texts.map((value) => ({ type: "thinking_delta", thinking: value })),
    { type: "signature_delta", signature },
  );

export const toolUse = (
  index: number,
  id: string,
  name: string,
  ...fragments: ReadonlyArray<string>
): ReadonlyArray<Json> =>
  block(
    index,
    { type: "tool_use", id, name, input: {} },
    ...fragments.map((partial_json) => ({ type: "input_json_delta", partial_json })),
  );

export const stop = (stop_reason = "end_turn"): ReadonlyArray<Json> => [
  {
    type: "message_delta",
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 10, output_tokens_details: { thinking_tokens: 3 } },
  },
  { type: "message_stop" },
];

/** A streamed turn. */
export const turn = (...events: ReadonlyArray<Json>): Reply => ({ body: named([start, ...events]) });

export const errorBody = (type: string, message: string): Json => ({ type: "error", error: { type, message } });

/** An HTTP error reply. */
export const failure = (
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: [JSON.stringify(errorBody(type, message))],
});
