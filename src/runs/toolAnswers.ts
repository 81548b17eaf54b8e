/**
 * Answers to client tools: each must belong to a call that was made.
 */
import type { Conversation } from "../agent/Conversation.ts";
import { toolCallsOf } from "../domain/Message.ts";
import { InvalidRequest } from "../http/frame/errors.ts";

/** The refusal of a `tool` message that answers no call of the conversation; undefined when all do. */
export const unansweredCall = ({ history, fresh }: Conversation): InvalidRequest | undefined => {
  const calls = new Set<string>();
  for (const message of [...history, ...fresh]) {
    for (const call of toolCallsOf(message)) calls.add(call.id);
    if (message.role === "tool" && !calls.has(message.callId)) {
      return new InvalidRequest({
        param: "messages",
        why: `Messages with role 'tool' must answer a preceding call: there is no call '${
          message.callId.slice(0, 100)
        }'`,
        code: "invalid_value",
      });
    }
  }
  return undefined;
};
