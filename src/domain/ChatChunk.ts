/**
 * What a Chat Completions response is made of, as OpenAI's published document defines it.
 *
 * These schemas describe what we send; they feed the OpenAPI document and type the converter. They
 * are not run per chunk.
 *
 * *Source*: the schemas `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse` of
 * OpenAI's OpenAPI document. `reasoning_content` is not in it: it is the name that DeepSeek gave and
 * that clients read.
 */
import { Schema } from "effect";
import { WireRunEvent } from "./wireRunEvents.ts";

/** Why a response ends, in OpenAI's words. */
export const WireFinishReason = Schema.Literals(["stop", "length", "tool_calls", "content_filter"]);
export type WireFinishReason = typeof WireFinishReason.Type;

/** Token counts of a response; the details are parts of the counts above them. */
export const WireUsage = Schema.Struct({
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  total_tokens: Schema.Int,
  prompt_tokens_details: Schema.Struct({ cached_tokens: Schema.Int }),
  completion_tokens_details: Schema.Struct({ reasoning_tokens: Schema.Int }),
}).annotate({ identifier: "CompletionUsage" });
export type WireUsage = typeof WireUsage.Type;

/** A piece of a tool call: the first of an `index` has its id and name, arguments are concatenated. */
export const WireToolCallDelta = Schema.Struct({
  index: Schema.Int,
  id: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(Schema.Literal("function")),
  function: Schema.Struct({
    name: Schema.optionalKey(Schema.String),
    arguments: Schema.optionalKey(Schema.String),
  }),
});
export type WireToolCallDelta = typeof WireToolCallDelta.Type;

/** What a chunk adds to the message. */
export const WireDelta = Schema.Struct({
  role: Schema.optionalKey(Schema.Literal("assistant")),
  content: Schema.optionalKey(Schema.NullOr(Schema.String)),
  reasoning_content: Schema.optionalKey(Schema.String),
  tool_calls: Schema.optionalKey(Schema.Array(WireToolCallDelta)),
  refusal: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
export type WireDelta = typeof WireDelta.Type;

/** One `data:` line of a streamed response. */
export const ChatChunk = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion.chunk"),
  created: Schema.Int,
  model: Schema.String,
  system_fingerprint: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      delta: WireDelta,
      logprobs: Schema.Null,
      finish_reason: Schema.NullOr(WireFinishReason),
    }),
  ),
  usage: Schema.optionalKey(Schema.NullOr(WireUsage)),
  caisson: Schema.optionalKey(WireRunEvent).annotate({ description: "Only in the view `events`." }),
}).annotate({ identifier: "CreateChatCompletionStreamResponse" });
export type ChatChunk = typeof ChatChunk.Type;

/** A whole tool call; `arguments` is the model's JSON text. */
export const WireToolCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String }),
});
export type WireToolCall = typeof WireToolCall.Type;

/** A whole response, for requests that do not stream. */
export const ChatCompletion = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion"),
  created: Schema.Int,
  model: Schema.String,
  system_fingerprint: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      message: Schema.Struct({
        role: Schema.Literal("assistant"),
        content: Schema.NullOr(Schema.String),
        refusal: Schema.NullOr(Schema.String),
        reasoning_content: Schema.optionalKey(Schema.String),
        tool_calls: Schema.optionalKey(Schema.Array(WireToolCall)),
      }),
      logprobs: Schema.Null,
      finish_reason: WireFinishReason,
    }),
  ),
  usage: WireUsage,
}).annotate({ identifier: "CreateChatCompletionResponse" });
export type ChatCompletion = typeof ChatCompletion.Type;
