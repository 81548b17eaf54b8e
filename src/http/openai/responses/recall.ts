/**
 * What a request names of earlier responses, and whether its calls and their outputs fit together.
 */
import { Effect, Option, Schema } from "effect";
import { ownerKey } from "../../../domain/ids.ts";
import { type Message, toolCallsOf } from "../../../domain/Message.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { type Chain, noChain, type ResponseStoreService } from "../../../services/ResponseStore.ts";
import { quoted } from "../../../web/errors/Row.ts";
import type { ConversationStoreService } from "../../../services/ConversationStore.ts";
import { ConversationNotFound, InvalidRequest } from "../../frame/errors.ts";
import { responseOfItem } from "./ids.ts";
import { typeOfItem } from "./readInput.ts";
import { openText } from "../../../runs/sealedText.ts";
import { openThoughts, type Thoughts } from "./thoughts.ts";
import type { SessionsService } from "../../../services/Sessions.ts";
import { JsonObject } from "./wire.ts";

const isItem = Schema.is(JsonObject);

const invalid = (param: string, why: string, code: string | null) => new InvalidRequest({ param, why, code });

/** What stands before the words of a compaction. */
const handover = "What was said and done before, in short:";

/**
 * Each call has its output, and each output its call; the first that has not, as OpenAI refuses it.
 *
 * *Details*: a call of `waiting` is a person's to decide about, and no client has an output for it.
 */
export const unmatched = (
  { messages, openCalls }: Chain,
  fresh: ReadonlyArray<Message>,
  waiting: ReadonlySet<string> = new Set(),
): InvalidRequest | undefined => {
  const open = new Set(openCalls);
  const known = new Set(openCalls);
  for (const message of fresh) {
    for (const { id } of toolCallsOf(message)) {
      open.add(id);
      known.add(id);
    }
    if (message.role !== "tool") continue;
    const { callId } = message;
    open.delete(callId);
    const isOurs = waiting.has(callId);
    if (!isOurs && known.has(callId)) continue;
    if (!isOurs && messages.some((before) => toolCallsOf(before).some(({ id }) => id === callId))) continue;
    return invalid("input", `No tool call found for function call output with call_id ${quoted(callId)}.`, null);
  }
  for (const id of open) {
    if (!waiting.has(id)) return invalid("input", `No tool output found for function call ${quoted(id)}.`, null);
  }
  return undefined;
};

/** Finds what a request names, among the responses of its owner. */
export const recall = (
  store: ResponseStoreService,
  conversations: ConversationStoreService,
  secret: SessionsService["secret"],
) => {
  /** A compaction as what it came to; one that was not made here for its owner is passed over like what is foreign. */
  const opened = Effect.fnUntraced(function* (owner: Owner, item: JsonObject) {
    const text = openText(yield* secret, ownerKey(owner), String(item["encrypted_content"]));
    return Option.isNone(text) ? item : { type: "message", role: "user", content: `${handover}\n\n${text.value}` };
  });

  /** The items with those that are only named in their place. */
  const resolve = Effect.fnUntraced(function* (owner: Owner, items: ReadonlyArray<JsonObject>) {
    return yield* Effect.forEach(items, (item, index) =>
      Effect.gen(function* () {
        if (typeOfItem(item) === "compaction") return yield* opened(owner, item);
        if (typeOfItem(item) !== "item_reference") return item;
        const id = String(item["id"]);
        const response = responseOfItem(id);
        const found = response === undefined ? Option.none() : yield* store.find(ownerKey(owner), response);
        const output = Option.isSome(found) ? found.value.body["output"] : [];
        const among = [...(Array.isArray(output) ? output : []), ...(Option.isSome(found) ? found.value.input : [])];
        const named = among.filter(isItem).find((candidate) => candidate["id"] === id);
        if (named === undefined) {
          return yield* invalid(`input[${index}].id`, `Item with id '${quoted(id)}' not found.`, null);
        }
        return named;
      }));
  });

  /**
   * The thoughts that items carry, by their place; those of other servers are passed over.
   *
   * *Fails with* `InvalidRequest` for what was sealed here and is not what it was.
   */
  const thoughtsIn = Effect.fnUntraced(function* (owner: Owner, items: ReadonlyArray<JsonObject>) {
    const found = new Map<number, Thoughts>();
    for (const [index, item] of items.entries()) {
      const { encrypted_content: sealed } = item;
      if (typeOfItem(item) !== "reasoning" || typeof sealed !== "string") continue;
      const opened = openThoughts(yield* secret, ownerKey(owner), sealed);
      if (opened === undefined) continue;
      if (Option.isNone(opened)) {
        const why = `The encrypted content of item '${quoted(String(item["id"]))}' could not be verified: ` +
          "it was altered, or it is another user's.";
        return yield* invalid(`input[${index}].encrypted_content`, why, "invalid_encrypted_content");
      }
      found.set(index, opened.value);
    }
    return found;
  });

  /** What is remembered of the response or the conversation that a request goes on from. */
  const before = Effect.fnUntraced(function* (owner: Owner, previous: string | null, conversation: string | undefined) {
    if (conversation !== undefined) {
      const chain = yield* conversations.chain(ownerKey(owner), conversation);
      return Option.isSome(chain) ? chain.value : yield* new ConversationNotFound({ id: conversation });
    }
    if (previous === null) return noChain;
    const chain = yield* store.chain(ownerKey(owner), previous);
    if (Option.isSome(chain)) return chain.value;
    const why = `Previous response with id '${quoted(previous)}' not found.`;
    return yield* invalid("previous_response_id", why, "previous_response_not_found");
  });

  return { resolve, before, thoughtsIn };
};
