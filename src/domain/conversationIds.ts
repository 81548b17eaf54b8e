/**
 * The ids by which a conversation that names nobody is found again.
 *
 * Such a conversation is its own owner. The ids of its tool calls carry which one it is, and a signature over that and
 * the principal: who resends the history of a conversation shows an id that only this server can have made, and nobody
 * can make one for another conversation or use one under another principal. No table of ids has to be kept.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type Message, textOf, toolCallsOf } from "./Message.ts";
import type { Owner } from "./Owner.ts";
import { callIdsIn } from "./resentActivity.ts";

/** The keys made from one secret, a key for each purpose. */
export interface ConversationKeys {
  readonly call: Uint8Array;
  readonly owner: Uint8Array;
}

/**
 * Bytes of an id: the conversation, what tells its calls apart, and the signature.
 *
 * As base64 with its prefix that is 40 characters, the most that OpenAI takes of a call's id: a client may send a
 * history on to it. Nobody guesses 96 bits of a signature by asking a server.
 */
const conversationBytes = 10;
const callBytes = 4;
const tagBytes = 12;

const prefix = "call_";
const idLength = prefix.length + Math.ceil((conversationBytes + callBytes + tagBytes) * 8 / 6);
const idPattern = /^call_[\w-]{35}$/;

/** Ids of one history that are looked at; a conversation shows its own with its first call. */
const idsLookedAtMax = 1_000;

const hmac = (key: Uint8Array | string, ...parts: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  const mac = createHmac("sha256", key);
  // The length before each part: no two lists of parts are the same bytes.
  for (const part of parts) mac.update(`${part.length}:`).update(part);
  return mac.digest();
};

/** Derives the keys of a secret. */
export const conversationKeys = (secret: string): ConversationKeys => ({
  call: hmac(secret, "caisson conversation call"),
  owner: hmac(secret, "caisson conversation owner"),
});

/** Which conversation, within one principal; it is no secret, for without the keys it opens nothing. */
export type ConversationId = string;

/** Makes the id of a new conversation. */
export const newConversation = (): ConversationId => randomBytes(conversationBytes).toString("base64url");

/** The owner of everything that belongs to a conversation. */
export const conversationOwner = (
  keys: ConversationKeys,
  principal: string,
  conversation: ConversationId,
): Owner => ({
  principal,
  user: `conversation:${Buffer.from(hmac(keys.owner, principal, conversation)).toString("base64url")}`,
  ephemeral: false,
});

const tagOf = (keys: ConversationKeys, principal: string, named: Uint8Array): Uint8Array =>
  hmac(keys.call, principal, named).subarray(0, tagBytes);

/** Makes an id for a call of a conversation; every id is another. */
export const issueCallId = (keys: ConversationKeys, principal: string, conversation: ConversationId): string => {
  const named = Buffer.concat([Buffer.from(conversation, "base64url"), randomBytes(callBytes)]);
  return `${prefix}${Buffer.concat([named, tagOf(keys, principal, named)]).toString("base64url")}`;
};

/** The conversation of a call's id, undefined for an id that this server did not issue to this principal. */
const conversationOfCall = (
  keys: ConversationKeys,
  principal: string,
  callId: string,
): ConversationId | undefined => {
  if (callId.length !== idLength || !idPattern.test(callId)) return undefined;
  const bytes = Buffer.from(callId.slice(prefix.length), "base64url");
  const named = bytes.subarray(0, conversationBytes + callBytes);
  return timingSafeEqual(bytes.subarray(named.length), tagOf(keys, principal, named))
    ? named.subarray(0, conversationBytes).toString("base64url")
    : undefined;
};

/** The owner whose conversation the id of a call names, undefined for an id that was not issued to the principal. */
export const ownerOfCall = (keys: ConversationKeys, principal: string, callId: string): Owner | undefined => {
  const conversation = conversationOfCall(keys, principal, callId);
  return conversation === undefined ? undefined : conversationOwner(keys, principal, conversation);
};

const idsOf = (message: Message, idsMax: number): ReadonlyArray<string> => {
  switch (message.role) {
    case "user":
      return [];
    case "tool":
      return [message.callId];
    case "assistant":
      return [...toolCallsOf(message).map((call) => call.id), ...callIdsIn(textOf(message), idsMax)];
  }
};

/**
 * The conversation whose history these messages are, undefined when they show no id that was issued to the principal.
 *
 * *Details*: only what an assistant or a tool said counts, and the earliest id decides, so that an id that was quoted
 * later opens nothing. At most 1,000 ids are looked at.
 */
export const conversationOfHistory = (
  keys: ConversationKeys,
  principal: string,
  messages: ReadonlyArray<Message>,
): ConversationId | undefined => {
  let left = idsLookedAtMax;
  for (const message of messages) {
    for (const id of idsOf(message, left)) {
      if (left-- <= 0) return undefined;
      const conversation = conversationOfCall(keys, principal, id);
      if (conversation !== undefined) return conversation;
    }
  }
  return undefined;
};
