/**
 * Answers to client tools: each must belong to a call that was made.
 */
import type { Conversation } from "../agent/Conversation.ts";
import { toolCallsOf } from "../domain/Message.ts";
import { UnknownCallAnswered } from "./RunError.ts";

/** The refusal of a `tool` message that answers no call of the conversation; undefined when all do. */
export const unansweredCall = ({ history, fresh }: Conversation): UnknownCallAnswered | undefined => {
  // What was said before was looked at when it was new.
  if (!fresh.some(({ role }) => role === "tool")) return undefined;
  const calls = new Set(history.flatMap(toolCallsOf).map(({ id }) => id));
  for (const message of fresh) {
    for (const call of toolCallsOf(message)) calls.add(call.id);
    if (message.role === "tool" && !calls.has(message.callId)) {
      return new UnknownCallAnswered({ callId: message.callId });
    }
  }
  return undefined;
};
