/**
 * `/v1/conversations`: what was said in them is added by clients here, and by responses that name them.
 *
 * A conversation is its owner's alone; another's id is answered 404 like any other that is not there.
 */
import { Clock, Effect } from "effect";
import { ConversationStore } from "../../../services/ConversationStore.ts";
import { ConversationNotFound } from "../../frame/errors.ts";
import { json } from "../../frame/respond.ts";
import { makeConversationId } from "../responses/ids.ts";
import { ConversationCreate, type ConversationDeleted, ConversationUpdate } from "./contract.ts";
import { makeItems } from "./items.ts";
import { makePlace, told, type UserQuery } from "./place.ts";

/** Builds the handlers of the endpoints. */
export const make = Effect.gen(function* () {
  const store = yield* ConversationStore;
  const { ownerOf, read, entryOf, found } = yield* makePlace;

  const create = Effect.fnUntraced(function* (query: UserQuery) {
    const { items, metadata } = yield* read(ConversationCreate);
    const entries = items === undefined || items === null || items.length === 0 ? [] : [yield* entryOf(items)];
    const createdAtMs = yield* Clock.currentTimeMillis;
    const conversation = { id: makeConversationId(), createdAtMs, metadata: metadata ?? {} };
    yield* store.create(yield* ownerOf(query), conversation, entries);
    return json(told(conversation));
  });

  const retrieve = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    return told(yield* found(yield* ownerOf(query), id));
  });

  const update = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const { metadata } = yield* read(ConversationUpdate);
    if (!(yield* store.describe(owner, id, metadata ?? {}))) return yield* new ConversationNotFound({ id });
    return json(told(yield* found(owner, id)));
  });

  const remove = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    if (!(yield* store.remove(yield* ownerOf(query), id))) return yield* new ConversationNotFound({ id });
    return { id, object: "conversation.deleted", deleted: true } satisfies typeof ConversationDeleted.Type;
  });

  return { create, retrieve, update, remove, ...(yield* makeItems) };
});
