/**
 * The conversation as the agent and every model adapter see it.
 *
 * Messages are plain data with schemas, because sessions store them. Nothing here knows a
 * provider's wire format: an adapter lowers messages to its own.
 */
import { Schema } from "effect";
import { Attachment, attachmentNote } from "./Attachment.ts";
import { ToolImage } from "./Tool.ts";

export { Attachment, attachment, AttachmentKind } from "./Attachment.ts";

/**
 * Data that only its own provider understands and that must be returned to it unchanged, such as a
 * Gemini thought signature.
 *
 * An adapter ignores an origin whose `provider` is not its own.
 */
export const Origin = Schema.Struct({
  provider: Schema.String,
  data: Schema.Record(Schema.String, Schema.Json),
});
export type Origin = typeof Origin.Type;

/** A call the model wants executed; `argumentsJson` is the model's own text and may be malformed. */
export const ToolCall = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  argumentsJson: Schema.String,
  origin: Schema.optionalKey(Origin),
});
export type ToolCall = typeof ToolCall.Type;

/** Words of either side. */
export const TextPart = Schema.TaggedStruct("Text", {
  text: Schema.String,
  origin: Schema.optionalKey(Origin),
});
export type TextPart = typeof TextPart.Type;

/** An image given to a model that sees, as base64 without a data-URL prefix. */
export const ImagePart = Schema.TaggedStruct("Image", {
  mediaType: Schema.String,
  base64: Schema.String,
});
export type ImagePart = typeof ImagePart.Type;

/** What the model thought before it answered; shown to people, returned to its own provider only. */
export const ReasoningPart = Schema.TaggedStruct("Reasoning", {
  text: Schema.String,
  origin: Schema.optionalKey(Origin),
});
export type ReasoningPart = typeof ReasoningPart.Type;

/** A call within an assistant message. */
export const ToolCallPart = Schema.TaggedStruct("ToolCall", { call: ToolCall });
export type ToolCallPart = typeof ToolCallPart.Type;

/** What a user message is made of. */
export const UserPart = Schema.Union([TextPart, ImagePart]);
export type UserPart = typeof UserPart.Type;

/** What an assistant message is made of. */
export const AssistantPart = Schema.Union([TextPart, ReasoningPart, ToolCallPart]);
export type AssistantPart = typeof AssistantPart.Type;

/** What the user said, its parts in the order they were sent. */
export const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  parts: Schema.Array(UserPart),
  /** Files that came with the message; a run puts them into the workspace. */
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  /** Nothing but a decision about calls that waited: no model reads it. */
  decides: Schema.optionalKey(Schema.Boolean),
});
export type UserMessage = typeof UserMessage.Type;

/** One model turn, its parts in the order the model gave them. */
export const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  parts: Schema.Array(AssistantPart),
});
export type AssistantMessage = typeof AssistantMessage.Type;

/** The result of one tool call, exactly as the model reads it. */
export const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  callId: Schema.String,
  name: Schema.String,
  content: Schema.String,
  isError: Schema.Boolean,
  /** What a model that sees is shown beside the text; of a call that we executed, as long as the run goes on. */
  images: Schema.optionalKey(Schema.Array(ToolImage)),
  /** Files that its client gave as what came of the call; a run puts them into the workspace. */
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  /** When we executed the call; absent for a call that its client answered, or that was cut. */
  execution: Schema.optionalKey(Schema.Struct({ startedAtMs: Schema.Number, durationMs: Schema.Number })),
});
export type ToolMessage = typeof ToolMessage.Type;

/**
 * One entry of a conversation; instructions are not messages, they travel as `system` text.
 *
 * *Example* (read messages that were stored as JSON):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Schema } from "effect";
 * import { Message } from "@caisson/caisson";
 *
 * const decode = Schema.decodeUnknownSync(Message.Message);
 * const stored = JSON.stringify(Message.user("Hello"));
 * assert.deepEqual(decode(JSON.parse(stored)), Message.user("Hello"));
 * assert.throws(() => decode({ role: "system", parts: [] }));
 * ```
 */
export const Message = Schema.Union([UserMessage, AssistantMessage, ToolMessage]);
export type Message = typeof Message.Type;

/**
 * Makes a user message of a single text.
 *
 * *Example* (start a conversation):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Message } from "@caisson/caisson";
 *
 * const message = Message.user("How large is data.csv?");
 * assert.equal(message.role, "user");
 * assert.deepEqual(message.parts, [{ _tag: "Text", text: "How large is data.csv?" }]);
 * ```
 */
export const user = (text: string): UserMessage => ({ role: "user", parts: [{ _tag: "Text", text }] });

/**
 * Makes an assistant message of a single text.
 *
 * *Example* (give the model a history it did not produce):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Message } from "@caisson/caisson";
 *
 * const history = [Message.user("Hello"), Message.assistant("Hello, how can I help?")];
 * assert.deepEqual(history.map(Message.textOf), ["Hello", "Hello, how can I help?"]);
 * ```
 */
export const assistant = (text: string): AssistantMessage => ({ role: "assistant", parts: [{ _tag: "Text", text }] });

/**
 * The visible text of a message: its text parts joined, reasoning and calls left out.
 *
 * *Example* (show only what was said):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Message } from "@caisson/caisson";
 *
 * const message: Message.AssistantMessage = {
 *   role: "assistant",
 *   parts: [{ _tag: "Reasoning", text: "They greet me." }, { _tag: "Text", text: "Hello." }],
 * };
 * assert.equal(Message.textOf(message), "Hello.");
 * ```
 */
export const textOf = (message: Message): string =>
  message.role === "tool"
    ? message.content
    : message.parts.map((part) => (part._tag === "Text" ? part.text : "")).join("");

/**
 * The tool calls of a message, in the order the model gave them.
 *
 * *Example* (list what a model turn wants executed):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Message } from "@caisson/caisson";
 *
 * const message: Message.Message = {
 *   role: "assistant",
 *   parts: [
 *     { _tag: "Text", text: "I look." },
 *     { _tag: "ToolCall", call: { id: "1", name: "execute_bash", argumentsJson: '{"command":"ls"}' } },
 *   ],
 * };
 * assert.deepEqual(Message.toolCallsOf(message).map(({ name }) => name), ["execute_bash"]);
 * assert.deepEqual(Message.toolCallsOf(Message.user("ls")), []);
 * ```
 */
export const toolCallsOf = (message: Message): ReadonlyArray<ToolCall> =>
  message.role === "assistant" ? message.parts.flatMap((part) => (part._tag === "ToolCall" ? [part.call] : [])) : [];

/** The files of a message, in the order they were sent. */
export const attachmentsOf = (message: Message): ReadonlyArray<Attachment> =>
  message.role === "assistant" ? [] : message.attachments ?? [];

/** The message as a model reads it: what is to be known of its files is said in words, behind what it says itself. */
export const inWords = (message: Message): Message => {
  if (message.role === "assistant" || message.attachments === undefined) return message;
  if (message.role === "tool") {
    const { attachments, content, ...rest } = message;
    const note = attachmentNote(attachments, "tool");
    return { ...rest, content: content === "" ? note : `${content}\n\n${note}` };
  }
  const note = attachmentNote(message.attachments);
  const text = message.parts.some((part) => part._tag === "Text") ? `\n\n${note}` : note;
  return { role: "user", parts: [...message.parts, { _tag: "Text", text }] };
};

/** Whether a message is nothing but a decision about calls that waited. */
export const isDecision = (message: Message): boolean => message.role === "user" && message.decides === true;

/**
 * The message as a session keeps it: without the bytes of its files and of what a tool of ours showed, which can be
 * looked at again; what a client's tool showed is nowhere else.
 */
export const withoutContent = (message: Message): Message => {
  if (message.role === "tool" && message.images !== undefined && message.execution !== undefined) {
    const { images: _, ...kept } = message;
    return kept;
  }
  return message.role === "assistant" || message.attachments === undefined
    ? message
    : { ...message, attachments: message.attachments.map(({ content: _, stored: __, ...kept }) => kept) };
};
