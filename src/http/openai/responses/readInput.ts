/**
 * The input of a response: items as messages of the conversation; foreign items are passed over.
 */
import { Effect, Result, Schema } from "effect";
import type { AssistantPart, Message } from "../../../domain/Message.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { firstWrong } from "../../frame/firstWrong.ts";
import type { NamedFileError } from "../namedFiles.ts";
import { inputPlace, itemId } from "./ids.ts";
import { type HostedInput, readHostedItem } from "./hostedInput.ts";
import { Content, type ContentOptions, Part, readOutput, readUser, textOf } from "./inputContent.ts";
import type { Thoughts } from "./thoughts.ts";
import { flatName } from "./tools.ts";
import { JsonObject } from "./wire.ts";

/** What an input comes to. */
export interface Input {
  readonly messages: ReadonlyArray<Message>;
  /** Texts of system and developer messages. */
  readonly instructions: ReadonlyArray<string>;
  /** Tools that stand among the items. */
  readonly tools: ReadonlyArray<JsonObject>;
  /** Where each of them stands. */
  readonly toolPlaces: ReadonlyArray<string>;
}

const Item = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  role: Schema.optionalKey(Schema.Literals(["user", "assistant", "system", "developer"])),
  content: Schema.optionalKey(Schema.NullOr(Content)),
  call_id: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  namespace: Schema.optionalKey(Schema.NullOr(Schema.String)),
  arguments: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Content),
  summary: Schema.optionalKey(Schema.Array(Part)),
  tools: Schema.optionalKey(Schema.Array(JsonObject)),
});
type Item = typeof Item.Type;
const decodeItem = Schema.decodeUnknownResult(Item);

/** Types of items that are read; every other is foreign. */
const readTypes: ReadonlySet<string> = new Set([
  "message",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "reasoning",
  "additional_tools",
]);

/** The item's type; a message may leave it out. */
export const typeOfItem = (item: Readonly<Record<string, unknown>>): string =>
  typeof item["type"] === "string" ? item["type"] : item["role"] === undefined ? "" : "message";

const prefixes: Readonly<Record<string, string>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  custom_tool_call: "ctc",
  custom_tool_call_output: "ctco",
  reasoning: "rs",
  code_interpreter_call: "ci",
  shell_call: "sh",
  shell_call_output: "sho",
  mcp_approval_request: "mcpr",
  mcp_approval_response: "mcpa",
};

/** The items as they are listed: each with its id, and a message with its type and parts. */
export const listed = (items: ReadonlyArray<JsonObject>, responseId: string): ReadonlyArray<JsonObject> =>
  items.map((item, index) => {
    const type = typeOfItem(item);
    const id = typeof item["id"] === "string" && item["id"] !== ""
      ? item["id"]
      : itemId(prefixes[type] ?? "it", responseId, inputPlace + index);
    const content = item["content"];
    const part = item["role"] === "assistant" ? { type: "output_text", annotations: [] } : { type: "input_text" };
    return {
      ...item,
      id,
      type,
      ...(type === "message" && { status: "completed" }),
      ...(type === "message" && typeof content === "string" && { content: [{ ...part, text: content }] }),
    };
  });

const invalid = (param: string, why: string, code = "invalid_value") => new InvalidRequest({ param, why, code });

const callOf = (item: Item): AssistantPart => ({
  _tag: "ToolCall",
  call: {
    id: item.call_id ?? "",
    name: flatName(item.name ?? "", item.namespace),
    argumentsJson: item.type === "custom_tool_call"
      ? JSON.stringify({ input: item.input ?? "" })
      : item.arguments ?? "",
  },
});

/** What an item adds to what the assistant says; parts that follow one another are one message. */
const assistantParts = (item: Item): ReadonlyArray<AssistantPart> => {
  switch (item.type) {
    case "function_call":
    case "custom_tool_call":
      return [callOf(item)];
    case "reasoning": {
      const text = textOf(item.summary) || textOf(item.content);
      return text === "" ? [] : [{ _tag: "Reasoning", text }];
    }
    default: {
      const text = textOf(item.content);
      return text === "" ? [] : [{ _tag: "Text", text }];
    }
  }
};

/** Gives calls back what their provider wants with them. */
const withOrigins = (
  messages: ReadonlyArray<Message>,
  thoughts: InputOptions["thoughts"] = new Map(),
): ReadonlyArray<Message> => {
  const origins = new Map([...thoughts.values()].flatMap(({ calls }) => calls.map(({ id, origin }) => [id, origin])));
  if (origins.size === 0) return messages;
  return messages.map((message) => {
    if (message.role !== "assistant") return message;
    return {
      ...message,
      parts: message.parts.map((part): AssistantPart => {
        const origin = part._tag === "ToolCall" ? origins.get(part.call.id) : undefined;
        return part._tag === "ToolCall" && origin !== undefined ? { ...part, call: { ...part.call, origin } } : part;
      }),
    };
  });
};

/** How an input is read. */
export interface InputOptions extends ContentOptions {
  /** The field that the items stand in; `input` when absent. */
  readonly field?: string;
  /** What its items of thoughts carry, by their place. */
  readonly thoughts?: ReadonlyMap<number, Thoughts>;
  /** What its requests for approval are read as, by their place. */
  readonly asked?: ReadonlyMap<number, HostedInput>;
}

/** The items of an input; a string is what the user says. */
export const itemsOf = (input: string | ReadonlyArray<JsonObject>): ReadonlyArray<JsonObject> =>
  typeof input === "string" ? [{ type: "message", role: "user", content: input }] : input;

/**
 * Reads items as messages.
 *
 * *Fails with* `InvalidRequest`, naming the item, for one that is malformed and for content that cannot be read.
 */
export const readInput = Effect.fnUntraced(function* (
  items: ReadonlyArray<JsonObject>,
  options: InputOptions,
): Effect.fn.Return<Input, NamedFileError> {
  const messages: Array<Message> = [];
  const instructions: Array<string> = [];
  const tools: Array<JsonObject> = [];
  const toolPlaces: Array<string> = [];
  const { field = "input" } = options;
  let said: Array<AssistantPart> | undefined;
  for (const [index, raw] of items.entries()) {
    const type = typeOfItem(raw);
    const hosted = options.asked?.get(index) ?? readHostedItem(raw);
    if (hosted?.call !== undefined) {
      if (said === undefined) messages.push({ role: "assistant", parts: said = [] });
      said.push({ _tag: "ToolCall", call: hosted.call });
    }
    if (hosted?.result !== undefined) {
      said = undefined;
      messages.push(hosted.result);
    }
    if (!readTypes.has(type)) continue;
    const param = `${field}[${index}]`;
    const decoded = decodeItem(raw);
    if (Result.isFailure(decoded)) {
      const { param: below, why } = firstWrong(decoded.failure.issue);
      return yield* invalid(below === null ? param : `${param}.${below}`, `Invalid item of type '${type}': ${why}`);
    }
    const item = { ...decoded.success, type };
    if (type === "additional_tools") {
      for (const [place, tool] of (item.tools ?? []).entries()) {
        tools.push(tool);
        toolPlaces.push(`${param}.tools[${place}]`);
      }
      continue;
    }
    if (type === "message" && item.role !== "assistant") {
      said = undefined;
      if (item.role === "user") messages.push(yield* readUser(item.content ?? "", `${param}.content`, options));
      else instructions.push(textOf(item.content));
      continue;
    }
    if (type === "function_call_output" || type === "custom_tool_call_output") {
      said = undefined;
      if (item.call_id === undefined) return yield* invalid(`${param}.call_id`, "Expected the id of a call");
      messages.push(yield* readOutput(item.call_id, item.output ?? "", `${param}.output`, options));
      continue;
    }
    const parts = options.thoughts?.get(index)?.parts ?? assistantParts(item);
    if (said === undefined) messages.push({ role: "assistant", parts: said = [] });
    said.push(...parts);
  }
  return {
    messages: withOrigins(messages, options.thoughts).filter((message) =>
      message.role !== "assistant" || message.parts.length > 0
    ),
    instructions,
    tools,
    toolPlaces,
  };
});
