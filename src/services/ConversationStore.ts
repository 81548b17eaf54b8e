/**
 * The ConversationStore port: where conversations of OpenAI's Conversations API are kept, with what was said in them.
 *
 * A conversation is a list of entries: what one response took in and gave out, or what a client added by itself.
 */
import { Context, type Effect, type Option, Schema } from "effect";
import type { OwnerKey } from "../domain/Owner.ts";
import { type Chain, ResponseTurn } from "./ResponseStore.ts";
import type { SessionsUnavailable } from "./Sessions.ts";

/** A conversation without what was said in it. */
export const StoredConversation = Schema.Struct({
  id: Schema.String,
  createdAtMs: Schema.Number,
  metadata: Schema.Record(Schema.String, Schema.String),
});
export type StoredConversation = typeof StoredConversation.Type;

/** What was said at once. */
export const ConversationEntry = Schema.Struct({
  /** Unique in its conversation. */
  id: Schema.String,
  /** As clients read it, ids included. */
  items: Schema.Array(Schema.Record(Schema.String, Schema.Json)),
  /** The same, as a model reads it. */
  turn: ResponseTurn,
});
export type ConversationEntry = typeof ConversationEntry.Type;

/**
 * What a store of conversations offers. Every operation *fails with* `SessionsUnavailable` when the store does not
 * answer.
 *
 * *Details*: a conversation expires the retention after it was changed last, and one of another owner is not there.
 * Two entries that are appended at once are both kept.
 */
export interface ConversationStoreService {
  readonly create: (
    owner: OwnerKey,
    conversation: StoredConversation,
    entries: ReadonlyArray<ConversationEntry>,
  ) => Effect.Effect<void, SessionsUnavailable>;
  readonly find: (
    owner: OwnerKey,
    id: string,
  ) => Effect.Effect<Option.Option<StoredConversation>, SessionsUnavailable>;
  /** Puts metadata in the place of what there was, and says whether there is such a conversation. */
  readonly describe: (
    owner: OwnerKey,
    id: string,
    metadata: StoredConversation["metadata"],
  ) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Everything that was said, in order; none when there is no such conversation. */
  readonly entries: (
    owner: OwnerKey,
    id: string,
  ) => Effect.Effect<Option.Option<ReadonlyArray<ConversationEntry>>, SessionsUnavailable>;
  /**
   * What a model reads of it; none when there is no such conversation.
   *
   * *Details*: what it costs does not grow with the entries where it was read in this process before.
   */
  readonly chain: (owner: OwnerKey, id: string) => Effect.Effect<Option.Option<Chain>, SessionsUnavailable>;
  /** Appends an entry, and says whether there is such a conversation. */
  readonly append: (
    owner: OwnerKey,
    id: string,
    entry: ConversationEntry,
  ) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Puts an entry in its own place, or takes it out when it has no items; says whether there was one. */
  readonly replace: (
    owner: OwnerKey,
    id: string,
    entry: ConversationEntry,
  ) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Removes a conversation and says whether there was one. */
  readonly remove: (owner: OwnerKey, id: string) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Removes every conversation of an owner. */
  readonly erase: (owner: OwnerKey) => Effect.Effect<void, SessionsUnavailable>;
}

/** The ConversationStore port. */
export class ConversationStore
  extends Context.Service<ConversationStore, ConversationStoreService>()("caisson/services/ConversationStore") {}
