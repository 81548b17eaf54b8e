/**
 * Chat Completions' wire format as builders: chunks of a streamed answer and its error bodies.
 */
import { type Reply, sse } from "./wireServer.ts";

type Json = Record<string, unknown>;

/** A chunk with one choice. */
export const chunk = (delta: Json, finish_reason: string | null = null, more: Json = {}): Json => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "test-model",
  choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  ...more,
});

export const text = (content: string): Json => chunk({ content });

/** A piece of a call; what is left out of `piece` is left out of the wire. */
export const fragment = (
  piece: { index?: number; id?: string; name?: string; arguments?: unknown } & Json,
): Json => {
  const { index, id, name, arguments: given, ...more } = piece;
  return {
    ...(index === undefined ? {} : { index }),
    ...(id === undefined ? {} : { id, type: "function" }),
    function: { ...(name === undefined ? {} : { name }), ...(given === undefined ? {} : { arguments: given }) },
    ...more,
  };
};
export const calls = (...fragments: ReadonlyArray<Json>): Json => chunk({ tool_calls: fragments });

export const finish = (finish_reason = "stop"): Json => chunk({}, finish_reason);

/** The chunk that comes last when usage was asked for. */
export const usage: Json = {
  ...chunk({}),
  choices: [],
  usage: {
    prompt_tokens: 20,
    completion_tokens: 10,
    total_tokens: 30,
    prompt_tokens_details: { cached_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 3 },
  },
};

/** A streamed turn, with its `[DONE]`. */
export const turn = (...chunks: ReadonlyArray<Json>): Reply => ({ body: [...sse(chunks), "data: [DONE]\n\n"] });

/** An HTTP error reply in OpenAI's envelope. */
export const failure = (
  status: number,
  error: { message: string; type?: string; code?: string | number | null },
  headers: Record<string, string> = {},
): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: [JSON.stringify({ error: { param: null, type: null, code: null, ...error } })],
});
