/**
 * Chat requests of the plainest shape, which nearly all are: words, and a few parameters beside them.
 *
 * Decoding changes nothing in them and takes nothing out, so that one which is seen to be of this shape may be read as
 * it is; what is not, or not seen at a glance, is the schema's to decode, and to say why.
 */
import { userMax } from "./wire.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** A message of words. */
export interface PlainMessage {
  readonly role: "system" | "developer" | "user" | "assistant";
  readonly content: string;
}

/** A request that holds nothing else. */
export interface PlainChat {
  readonly messages: ReadonlyArray<PlainMessage>;
  readonly model?: string;
  readonly stream?: boolean;
  readonly user?: string;
}

const isPlainMessage = (message: unknown): boolean => {
  if (typeof message !== "object" || message === null) return false;
  let fields = 0;
  for (const _ in message) fields++;
  if (fields !== 2 || !("role" in message) || !("content" in message)) return false;
  const { role, content } = message;
  return typeof content === "string" &&
    (role === "user" || role === "assistant" || role === "system" || role === "developer");
};

const isPlainField = (name: string, value: unknown): boolean => {
  switch (name) {
    case "messages":
      return Array.isArray(value) && value.length > 0 && value.every(isPlainMessage);
    case "model":
      return typeof value === "string";
    case "stream":
      return typeof value === "boolean";
    case "user":
      return typeof value === "string" && value.length <= userMax;
    default:
      return false;
  }
};

/** Whether a request is plain: the schema decodes such a one to what it is, and nothing of it is left out. */
export const isPlain = (body: JsonObject): body is JsonObject & PlainChat => {
  for (const name in body) if (!isPlainField(name, body[name])) return false;
  return "messages" in body;
};
