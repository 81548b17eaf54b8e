/**
 * The endpoints of OpenAI's Conversations API as data.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api";
import { Authorization } from "../../frame/Caller.ts";
import { failsWith, jsonFailures } from "../../frame/failures.ts";
import { pageQuery, userQuery } from "../listPage.ts";
import { ItemList } from "../responses/contract.ts";
import { JsonObject, Metadata } from "../responses/wire.ts";

/** OpenAI's bound of items that are added at once. */
const itemsMax = 20;

const Items = Schema.Array(JsonObject).check(Schema.isMaxLength(itemsMax));

/** What a conversation begins with. */
export const ConversationCreate = Schema.Struct({
  items: Schema.optionalKey(Schema.NullOr(Items)),
  metadata: Schema.optionalKey(Schema.NullOr(Metadata)),
}).annotate({ identifier: "CreateConversation" });

/** What can be changed of a conversation. */
export const ConversationUpdate = Schema.Struct({ metadata: Schema.NullOr(Metadata) })
  .annotate({ identifier: "UpdateConversation" });

/** Items that are added. */
export const ItemsCreate = Schema.Struct({ items: Items }).annotate({ identifier: "CreateConversationItems" });

/** A conversation. */
export const ConversationOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("conversation"),
  created_at: Schema.Number,
  metadata: Metadata,
}).annotate({ identifier: "Conversation" });

/** A conversation that is no more. */
export const ConversationDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("conversation.deleted"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeletedConversation" });

const ItemOut = JsonObject.annotate({ identifier: "ConversationItem" });

const params = { conversation: Schema.String };
const itemParams = { ...params, item: Schema.String };

const notThere = failsWith("ConversationNotFound", "SessionsUnavailable");
const itemNotThere = failsWith("ConversationNotFound", "ItemNotFound", "SessionsUnavailable");
const refused = failsWith(
  "ConversationNotFound",
  "FileNotFound",
  "FilesUnavailable",
  "SessionsUnavailable",
  ...jsonFailures,
);

/** Conversations and their items. */
export class ConversationsGroup extends HttpApiGroup.make("conversations")
  .add(
    HttpApiEndpoint.post("createConversation", "/conversations", {
      query: userQuery,
      payload: ConversationCreate,
      success: ConversationOut,
      error: refused,
    }).annotate(OpenApi.Summary, "Begin a conversation, with items or without"),
    HttpApiEndpoint.get("retrieveConversation", "/conversations/:conversation", {
      params,
      query: userQuery,
      success: ConversationOut,
      error: notThere,
    }).annotate(OpenApi.Summary, "Fetch a conversation"),
    HttpApiEndpoint.post("updateConversation", "/conversations/:conversation", {
      params,
      query: userQuery,
      payload: ConversationUpdate,
      success: ConversationOut,
      error: refused,
    }).annotate(OpenApi.Summary, "Change the metadata of a conversation"),
    HttpApiEndpoint.delete("deleteConversation", "/conversations/:conversation", {
      params,
      query: userQuery,
      success: ConversationDeleted,
      error: notThere,
    }).annotate(OpenApi.Summary, "Delete a conversation with its items"),
    HttpApiEndpoint.post("createItems", "/conversations/:conversation/items", {
      params,
      query: userQuery,
      payload: ItemsCreate,
      success: ItemList,
      error: refused,
    }).annotate(OpenApi.Summary, "Add items to a conversation"),
    HttpApiEndpoint.get("listItems", "/conversations/:conversation/items", {
      params,
      query: pageQuery,
      success: ItemList,
      error: failsWith("ConversationNotFound", "SessionsUnavailable", "InvalidRequest"),
    }).annotate(OpenApi.Summary, "List the items of a conversation"),
    HttpApiEndpoint.get("retrieveItem", "/conversations/:conversation/items/:item", {
      params: itemParams,
      query: userQuery,
      success: ItemOut,
      error: itemNotThere,
    }).annotate(OpenApi.Summary, "Fetch an item of a conversation"),
    HttpApiEndpoint.delete("deleteItem", "/conversations/:conversation/items/:item", {
      params: itemParams,
      query: userQuery,
      success: ConversationOut,
      error: failsWith(
        "ConversationNotFound",
        "ItemNotFound",
        "FileNotFound",
        "FilesUnavailable",
        "SessionsUnavailable",
        "InvalidRequest",
      ),
    }).annotate(OpenApi.Summary, "Delete an item of a conversation"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Conversations", description: "OpenAI's Conversations API." })) {}
