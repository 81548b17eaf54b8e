/**
 * What every request about a conversation needs: whose it is, what its body says, and the conversation itself.
 */
import { Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../../config.ts";
import { ownerKey } from "../../../domain/ids.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import {
  type ConversationEntry,
  ConversationStore,
  type StoredConversation,
} from "../../../services/ConversationStore.ts";
import { Bodies, parseJson } from "../../../web/body.ts";
import { Caller } from "../../frame/Caller.ts";
import { ConversationNotFound } from "../../frame/errors.ts";
import { invalidPart } from "../../frame/failures.ts";
import { makeResponseId } from "../responses/ids.ts";
import { keeperOf } from "../responses/read.ts";
import { listed, readInput } from "../responses/readInput.ts";
import type { JsonObject } from "../responses/wire.ts";
import type { ConversationOut } from "./contract.ts";

/** The user that a query names. */
export interface UserQuery {
  readonly user?: string;
}

const mebibyte = 1024 * 1024;

/** A conversation as clients read it. */
export const told = ({ id, createdAtMs, metadata }: StoredConversation): typeof ConversationOut.Type => ({
  id,
  object: "conversation",
  created_at: Math.floor(createdAtMs / 1000),
  metadata,
});

/** Builds what the handlers share. */
export const makePlace = Effect.gen(function* () {
  const bodies = yield* Bodies;
  const store = yield* ConversationStore;
  const { artifactMbMax, bodyBytesMax } = yield* Settings;

  const ownerOf = (query: UserQuery) => Effect.map(Caller, (caller) => ownerKey(keeperOf(caller, query)));

  /** The body of the request. */
  const read = <S extends Schema.Codec<unknown, unknown>>(schema: S) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest;
      const typed = (yield* Caller).identity.principal.kind === "anonymous";
      const text = yield* bodies.text(request, { bytesMax: bodyBytesMax, typed });
      const body = yield* parseJson(text);
      return yield* Effect.mapError(Schema.decodeUnknownEffect(schema)(body), ({ issue }) => invalidPart(issue));
    });

  /** Items as one entry, under an id of its own or the one that it has. */
  const entryOf = Effect.fnUntraced(function* (items: ReadonlyArray<JsonObject>, id = makeResponseId()) {
    const { messages, instructions } = yield* readInput(items, {
      bytesMax: artifactMbMax * mebibyte,
      keepsFiles: false,
      field: "items",
    });
    const entry: ConversationEntry = { id, items: listed(items, id), turn: { messages, instructions } };
    return entry;
  });

  const found = Effect.fnUntraced(function* (owner: OwnerKey, id: string) {
    const conversation = yield* store.find(owner, id);
    return Option.isNone(conversation) ? yield* new ConversationNotFound({ id }) : conversation.value;
  });

  return { ownerOf, read, entryOf, found };
});
