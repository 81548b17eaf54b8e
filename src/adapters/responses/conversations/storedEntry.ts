/**
 * Entries of conversations as they are written into a store.
 */
import { Schema } from "effect";
import { type ConversationEntry, StoredConversation } from "../../../services/ConversationStore.ts";
import { ResponseTurn } from "../../../services/ResponseStore.ts";

/** Reads back what was said, as a model reads it; throws where the store holds something else. */
export const decodeTurn = Schema.decodeUnknownSync(Schema.fromJsonString(ResponseTurn));

/** Reads back what was said, as clients read it; throws where the store holds something else. */
export const decodeItems = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Array(Schema.Record(Schema.String, Schema.Json))),
);

/** Reads back metadata; throws where the store holds something else. */
export const decodeMetadata = Schema.decodeUnknownSync(Schema.fromJsonString(StoredConversation.fields.metadata));

/** An entry as two texts: what a model reads, and what clients read. */
export const textsOf = ({ items, turn }: ConversationEntry) => ({
  items: JSON.stringify(items),
  turn: JSON.stringify(turn),
});
