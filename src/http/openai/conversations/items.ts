/**
 * The items of conversations, one by one.
 */
import { Effect, Option } from "effect";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { ConversationStore } from "../../../services/ConversationStore.ts";
import { ConversationNotFound, ItemNotFound } from "../../frame/errors.ts";
import { json } from "../../frame/respond.ts";
import { pageOf, type PageQuery, wholePage } from "../listPage.ts";
import { ItemsCreate } from "./contract.ts";
import { makePlace, told, type UserQuery } from "./place.ts";

/** Builds the handlers of the endpoints of items. */
export const makeItems = Effect.gen(function* () {
  const store = yield* ConversationStore;
  const { ownerOf, read, entryOf, found } = yield* makePlace;

  const entriesOf = Effect.fnUntraced(function* (owner: OwnerKey, id: string) {
    const entries = yield* store.entries(owner, id);
    return Option.isNone(entries) ? yield* new ConversationNotFound({ id }) : entries.value;
  });

  /** The entry of an item, and the item. */
  const itemIn = Effect.fnUntraced(function* (owner: OwnerKey, id: string, item: string) {
    for (const entry of yield* entriesOf(owner, id)) {
      const named = entry.items.find((candidate) => candidate["id"] === item);
      if (named !== undefined) return { entry, named };
    }
    return yield* new ItemNotFound({ id: item });
  });

  const addItems = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const { items } = yield* read(ItemsCreate);
    const entry = yield* entryOf(items);
    if (!(yield* store.append(owner, id, entry))) return yield* new ConversationNotFound({ id });
    return json(wholePage(entry.items));
  });

  const listItems = Effect.fnUntraced(function* (id: string, query: PageQuery) {
    const entries = yield* entriesOf(yield* ownerOf(query), id);
    return yield* pageOf(entries.flatMap(({ items }) => items), query);
  });

  const retrieveItem = Effect.fnUntraced(function* (id: string, item: string, query: UserQuery) {
    return (yield* itemIn(yield* ownerOf(query), id, item)).named;
  });

  /** What is left of the item's entry is read anew: what a model said of it beside its items is gone with the item. */
  const removeItem = Effect.fnUntraced(function* (id: string, item: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const { entry, named } = yield* itemIn(owner, id, item);
    const items = entry.items.filter((each) => each !== named);
    yield* store.replace(owner, id, yield* entryOf(items, entry.id));
    return told(yield* found(owner, id));
  });

  return { addItems, listItems, retrieveItem, removeItem };
});
