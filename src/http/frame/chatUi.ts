/**
 * What chat UIs tell about themselves, Open WebUI first of all.
 *
 * Open WebUI sends these headers when an administrator adds them to the connection, or forwards user
 * information. Its background tasks (titles, tags, follow-ups) use the same model as the chat and
 * must not start a sandbox or enter the chat's session.
 */
import type { Headers } from "effect/http";
import type { Message } from "../../domain/Message.ts";
import { headerText } from "../../web/headerText.ts";
import { isBackgroundRequest } from "./backgroundRequests.ts";

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
  const value = headerText(headers[name] ?? "").trim();
  // A header template that the UI did not fill stands there literally.
  return value === "" || value.startsWith("{{") ? undefined : value;
};

/** Reads the headers of a chat UI. */
export const readChatUi = (headers: Headers.Headers): ChatUi => ({
  chatId: named(headers, "x-openwebui-chat-id"),
  userId: named(headers, "x-openwebui-user-id"),
  task: named(headers, "x-openwebui-task"),
});

/**
 * Whether a request is a client's background task: its header says so, or the request as a whole is one that a client
 * makes for itself.
 */
export const isBackgroundTask = (
  ui: ChatUi,
  messages: ReadonlyArray<Message>,
  instructions: ReadonlyArray<string>,
): boolean => ui.task !== undefined || isBackgroundRequest(messages, instructions);
