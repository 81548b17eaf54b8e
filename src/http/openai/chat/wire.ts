/**
 * The Chat Completions request as OpenAI's published document defines it.
 *
 * These schemas decode requests and are what the OpenAPI document is generated from. Parameters that
 * are only accepted with a harmless value stand in `parameters.ts`.
 */
import { Schema } from "effect";

/** OpenAI's limits of what names may look like. */
const nameMax = 64;
const Name = Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]+$/), Schema.isMaxLength(nameMax));

/** An optional field in which `null` means "not given", as OpenAI's clients send it. */
const optional = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

// Content ----------------------------------------------------------------------------------------

const TextContent = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String });
const RefusalContent = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String });
const ImageContent = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Struct({
    url: Schema.String.annotate({ description: "A data: URL; the server fetches nothing." }),
    detail: optional(Schema.Literals(["auto", "low", "high", "original"])),
  }),
});
const AudioContent = Schema.Struct({
  type: Schema.Literal("input_audio"),
  input_audio: Schema.Struct({ data: Schema.String, format: Schema.Literals(["wav", "mp3"]) }),
});
const FileContent = Schema.Struct({
  type: Schema.Literal("file"),
  file: Schema.Struct({
    filename: optional(Schema.String),
    file_data: optional(Schema.String),
    file_id: optional(Schema.String),
  }),
});

export const UserContent = Schema.Union([TextContent, ImageContent, AudioContent, FileContent]);
export type UserContent = typeof UserContent.Type;
const AssistantContent = Schema.Union([TextContent, RefusalContent]);

const text = Schema.Union([Schema.String, Schema.Array(TextContent)]);

// Messages ---------------------------------------------------------------------------------------

const ToolCallIn = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String }),
});

// One literal per message: a union tells its members apart by it, so an error names the right field.
const SystemMessageIn = Schema.Struct({
  role: Schema.Literal("system"),
  content: text,
  name: optional(Schema.String),
}).annotate({ identifier: "ChatCompletionRequestSystemMessage" });

const DeveloperMessageIn = Schema.Struct({
  role: Schema.Literal("developer"),
  content: text,
  name: optional(Schema.String),
}).annotate({ identifier: "ChatCompletionRequestDeveloperMessage" });

export const UserMessageIn = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Union([Schema.String, Schema.Array(UserContent)]),
  name: optional(Schema.String),
}).annotate({ identifier: "ChatCompletionRequestUserMessage" });
export type UserMessageIn = typeof UserMessageIn.Type;

export const AssistantMessageIn = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: optional(Schema.Union([Schema.String, Schema.Array(AssistantContent)])),
  refusal: optional(Schema.String),
  tool_calls: optional(Schema.Array(ToolCallIn)),
  name: optional(Schema.String),
}).annotate({ identifier: "ChatCompletionRequestAssistantMessage" });
export type AssistantMessageIn = typeof AssistantMessageIn.Type;

export const ToolMessageIn = Schema.Struct({
  role: Schema.Literal("tool"),
  content: text,
  tool_call_id: Schema.String,
}).annotate({ identifier: "ChatCompletionRequestToolMessage" });
export type ToolMessageIn = typeof ToolMessageIn.Type;

export const MessageIn = Schema.Union([
  SystemMessageIn,
  DeveloperMessageIn,
  UserMessageIn,
  AssistantMessageIn,
  ToolMessageIn,
]).annotate({
  identifier: "ChatCompletionRequestMessage",
});
export type MessageIn = typeof MessageIn.Type;

// Tools ------------------------------------------------------------------------------------------

const ToolIn = Schema.Struct({
  type: Schema.Literal("function"),
  function: Schema.Struct({
    name: Name,
    description: optional(Schema.String),
    parameters: optional(Schema.Record(Schema.String, Schema.Json)),
    strict: optional(Schema.Boolean),
  }),
}).annotate({ identifier: "ChatCompletionTool" });

const ToolChoiceIn = Schema.Union([
  Schema.Literals(["none", "auto", "required"]),
  Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) }),
]).annotate({ identifier: "ChatCompletionToolChoiceOption" });

const ResponseFormatIn = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    json_schema: Schema.Struct({
      name: Name,
      description: optional(Schema.String),
      schema: optional(Schema.Record(Schema.String, Schema.Json)),
      strict: optional(Schema.Boolean),
    }),
  }),
]).annotate({ identifier: "ResponseFormat" });

// Request ----------------------------------------------------------------------------------------

/** OpenAI's bounds of its own parameters. */
const stopMax = 4;
const metadataKeysMax = 16;
export const userMax = 512;
/** Some clients send -1 for a limit that they do not set. */
const tokens = Schema.Union([Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), Schema.Literal(-1)]);
const penalty = Schema.Finite.check(Schema.isBetween({ minimum: -2, maximum: 2 }));

/** A whole number of 64 bits, as far as JSON's numbers reach. */
const seed = Schema.Finite.check(Schema.isMultipleOf(1), Schema.isBetween({ minimum: -(2 ** 63), maximum: 2 ** 63 }));

export const ChatRequest = Schema.Struct({
  messages: Schema.Array(MessageIn).check(Schema.isMinLength(1)),
  model: optional(Schema.String).annotate({ description: "Absent: the server's default model." }),
  stream: optional(Schema.Boolean),
  stream_options: optional(
    Schema.Struct({
      include_usage: optional(Schema.Boolean),
      include_obfuscation: optional(Schema.Literal(false)),
    }),
  ),
  max_completion_tokens: optional(tokens),
  max_tokens: optional(tokens),
  temperature: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  top_p: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  top_k: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(-1))),
  min_p: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  frequency_penalty: optional(penalty),
  presence_penalty: optional(penalty),
  repetition_penalty: optional(Schema.Finite.check(Schema.isGreaterThan(0))),
  chat_template_kwargs: optional(Schema.Record(Schema.String, Schema.Json)),
  verbosity: optional(Schema.Literals(["low", "medium", "high"])),
  store: optional(Schema.Boolean),
  stop: optional(
    Schema.Union([Schema.String, Schema.Array(Schema.String).check(Schema.isMaxLength(stopMax))]),
  ),
  seed: optional(seed),
  reasoning_effort: optional(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  response_format: optional(ResponseFormatIn),
  tools: optional(Schema.Array(ToolIn)),
  tool_choice: optional(ToolChoiceIn),
  parallel_tool_calls: optional(Schema.Boolean),
  metadata: optional(
    Schema.Record(Schema.String, Schema.String).check(Schema.isMaxProperties(metadataKeysMax)),
  ),
  user: optional(Schema.String.check(Schema.isMaxLength(userMax))),
  safety_identifier: optional(Schema.String.check(Schema.isMaxLength(userMax))),
}).annotate({ identifier: "CreateChatCompletionRequest" });
export type ChatRequest = typeof ChatRequest.Type;
