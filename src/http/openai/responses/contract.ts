/**
 * The endpoints of OpenAI's Responses API as data.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { Authorization } from "../../frame/Caller.ts";
import { containerRunFailures } from "../runFailures.ts";
import { failsWith } from "../../frame/failures.ts";
import { listOf, pageQuery, userQuery } from "../listPage.ts";
import { JsonObject, ResponseRequest } from "./wire.ts";

/** A response: every key of OpenAI's is always there. */
const ResponseOut = JsonObject.annotate({ identifier: "Response" });

/** One event of a stream. */
const ResponseEventOut = JsonObject.annotate({ identifier: "ResponseStreamEvent" });

/** How long an input is. */
const InputTokens = Schema.Struct({
  object: Schema.Literal("response.input_tokens"),
  input_tokens: Schema.Int,
}).annotate({ identifier: "TokenCounts" });

/** A conversation that was made shorter. */
const CompactedOut = JsonObject.annotate({ identifier: "CompactedResponse" });

/** A response that is no more. */
export const ResponseDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("response"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteResponse" });

/** Items of responses and conversations. */
export const ItemList = listOf(JsonObject, "ResponseItemList");

const params = { response: Schema.String };

const notThere = failsWith("ResponseNotFound", "SessionsUnavailable");

/** Responses, to make, fetch, hear again, cancel and delete. */
export class ResponsesGroup extends HttpApiGroup.make("responses")
  .add(
    HttpApiEndpoint.post("createResponse", "/responses", {
      payload: ResponseRequest,
      success: [ResponseOut, HttpApiSchema.StreamSse({ data: ResponseEventOut })],
      error: containerRunFailures,
    }).annotateMerge(OpenApi.annotations({
      summary: "Make a response with the tools that the request names",
      description: "One JSON object, or server-sent events with `stream: true`.",
    })),
    HttpApiEndpoint.get("connectResponses", "/responses", {
      success: HttpApiSchema.Empty(101),
      error: failsWith("UpgradeRequired", "TooManyConnections"),
    }).annotateMerge(OpenApi.annotations({
      summary: "Connect a WebSocket on which responses are made",
      description: "Each `response.create` frame is a request; the events of its response are frames.",
    })),
    HttpApiEndpoint.post("countInputTokens", "/responses/input_tokens", {
      payload: ResponseRequest,
      success: InputTokens,
      error: containerRunFailures,
    }).annotateMerge(OpenApi.annotations({
      summary: "Estimate the tokens of an input",
      description: "Of everything that the model would read: input, what it goes on from, instructions and tools.",
    })),
    HttpApiEndpoint.post("compactResponse", "/responses/compact", {
      payload: ResponseRequest,
      success: CompactedOut,
      error: containerRunFailures,
    }).annotateMerge(OpenApi.annotations({
      summary: "Make a conversation shorter",
      description: "The user's messages, and in a sealed item what the model says of the rest; to be sent as input.",
    })),
    HttpApiEndpoint.get("retrieveResponse", "/responses/:response", {
      params,
      query: {
        ...userQuery,
        stream: Schema.optionalKey(Schema.Literals(["true", "false"])),
        starting_after: Schema.optionalKey(Schema.FiniteFromString),
      },
      success: [ResponseOut, HttpApiSchema.StreamSse({ data: ResponseEventOut })],
      error: notThere,
    }).annotate(OpenApi.Summary, "Fetch a stored response, or hear its events again"),
    HttpApiEndpoint.delete("deleteResponse", "/responses/:response", {
      params,
      query: userQuery,
      success: ResponseDeleted,
      error: notThere,
    }).annotate(OpenApi.Summary, "Delete a stored response"),
    HttpApiEndpoint.post("cancelResponse", "/responses/:response/cancel", {
      params,
      query: userQuery,
      success: ResponseOut,
      error: failsWith("ResponseNotFound", "SessionsUnavailable", "InvalidRequest"),
    }).annotate(OpenApi.Summary, "Cancel a response that is made in the background"),
    HttpApiEndpoint.get("listInputItems", "/responses/:response/input_items", {
      params,
      query: pageQuery,
      success: ItemList,
      error: failsWith("ResponseNotFound", "SessionsUnavailable", "InvalidRequest"),
    }).annotate(OpenApi.Summary, "List the items that a response was asked with"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Responses", description: "OpenAI's Responses API." })) {}
