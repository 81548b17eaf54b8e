/**
 * The request of `POST /v1/responses` as OpenAI's published document defines it.
 *
 * Items and tools are read one by one in `readInput.ts` and `tools.ts`, because what is foreign among them is
 * tolerated.
 */
import { Schema } from "effect";

/** An optional field in which `null` means "not given", as OpenAI's clients send it. */
const optional = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

export const JsonObject = Schema.Record(Schema.String, Schema.Json);
export type JsonObject = typeof JsonObject.Type;

/** OpenAI's bounds of its own parameters. */
const metadataKeysMax = 16;
const metadataValueMax = 512;
const userMax = 512;
/** Some clients send -1 for a limit that they do not set. */
const tokens = Schema.Union([Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), Schema.Literal(-1)]);

/** What a client notes about an object. */
export const Metadata = Schema.Record(Schema.String, Schema.String.check(Schema.isMaxLength(metadataValueMax)))
  .check(Schema.isMaxProperties(metadataKeysMax));

const Format = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    name: Schema.String,
    description: optional(Schema.String),
    schema: JsonObject,
    strict: optional(Schema.Boolean),
  }),
]);
export type Format = typeof Format.Type;

const ToolChoiceIn = Schema.Union([Schema.Literals(["none", "auto", "required"]), JsonObject]);

/** What may be asked for beside the response; what does not exist here is not there to be included. */
const Include = Schema.Literals([
  "code_interpreter_call.outputs",
  "reasoning.encrypted_content",
  "message.output_text.logprobs",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
]);

export const ResponseRequest = Schema.Struct({
  model: optional(Schema.String).annotate({ description: "Absent: the server's default model." }),
  input: optional(Schema.Union([Schema.String, Schema.Array(JsonObject)])),
  instructions: optional(Schema.String),
  previous_response_id: optional(Schema.String),
  conversation: optional(Schema.Union([Schema.String, Schema.Struct({ id: Schema.String })])),
  store: optional(Schema.Boolean),
  stream: optional(Schema.Boolean),
  background: optional(Schema.Boolean),
  include: optional(Schema.Array(Include)),
  tools: optional(Schema.Array(JsonObject)),
  tool_choice: optional(ToolChoiceIn),
  parallel_tool_calls: optional(Schema.Boolean),
  max_output_tokens: optional(tokens),
  max_tool_calls: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))).annotate({
    description: "Calls to tools of the server that are carried out; further ones are left out.",
  }),
  reasoning: optional(Schema.Struct({
    effort: optional(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    summary: optional(Schema.String),
  })),
  text: optional(Schema.Struct({
    format: optional(Format),
    verbosity: optional(Schema.Literals(["low", "medium", "high"])),
  })),
  temperature: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  top_logprobs: optional(Schema.Literal(0)).annotate({ description: "No logprobs are given here." }),
  top_p: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  truncation: optional(Schema.Literals(["auto", "disabled"])).annotate({
    description: "With `auto` the oldest turns of a conversation that is too long are left out. Given as `disabled`, " +
      "nothing is; absent, old tool output may be.",
  }),
  metadata: optional(Metadata),
  user: optional(Schema.String.check(Schema.isMaxLength(userMax))),
  safety_identifier: optional(Schema.String.check(Schema.isMaxLength(userMax))),
  prompt_cache_key: optional(Schema.String),
}).annotate({ identifier: "CreateResponse" });
export type ResponseRequest = typeof ResponseRequest.Type;
