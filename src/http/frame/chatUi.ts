/**
 * What chat UIs tell about themselves, Open WebUI first of all.
 *
 * Open WebUI sends these headers when an administrator adds them to the connection, or forwards user
 * information. Its background tasks (titles, tags, follow-ups) use the same model as the chat and
 * must not start a sandbox or enter the chat's session.
 */
import type { Headers } from "effect/http";
import { type Message, textOf } from "../../domain/Message.ts";

/** What a chat UI says beside the request. */
export interface ChatUi {
  /** The chat this request belongs to. */
  readonly chatId: string | undefined;
  /** The person who uses the chat UI. */
  readonly userId: string | undefined;
  /** A background task of the chat UI. */
  readonly task: string | undefined;
}

const named = (headers: Headers.Headers, name: string): string | undefined => {
  const value = headers[name]?.trim();
  // A header template that the UI did not fill stands there literally.
  return value === undefined || value === "" || value.startsWith("{{") ? undefined : value;
};

/** Reads the headers of a chat UI. */
export const readChatUi = (headers: Headers.Headers): ChatUi => ({
  chatId: named(headers, "x-openwebui-chat-id"),
  userId: named(headers, "x-openwebui-user-id"),
  task: named(headers, "x-openwebui-task"),
});

/** How the default prompts of Open WebUI's background tasks begin, and what they quote the chat in. */
const taskPrompt = { opening: "### Task:", quote: "<chat_history>" } as const;

/**
 * Whether a request is a chat UI's background task.
 *
 * *Details*: the task header says so; without it, a lone user message in the form of Open WebUI's
 * default task prompts does.
 */
export const isBackgroundTask = (ui: ChatUi, messages: ReadonlyArray<Message>): boolean => {
  if (ui.task !== undefined) return true;
  const [only, ...others] = messages;
  if (only === undefined || others.length > 0 || only.role !== "user") return false;
  const text = textOf(only).trimStart();
  return text.startsWith(taskPrompt.opening) && text.includes(taskPrompt.quote);
};
