/**
 * OpenAI's endpoints as data.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { ChatChunk, ChatCompletion } from "../../domain/ChatChunk.ts";
import { Authorization } from "../frame/Caller.ts";
import { failsWith } from "../frame/failures.ts";
import { ChatRequest } from "./chat/wire.ts";
import { runFailures } from "./runFailures.ts";
import { ModelList, ModelOut, ModelsQuery } from "./models.ts";

/** Completions, and the models that answer them. */
export class V1Group extends HttpApiGroup.make("v1")
  .add(
    HttpApiEndpoint.post("chatCompletions", "/chat/completions", {
      payload: ChatRequest,
      success: [ChatCompletion, HttpApiSchema.StreamSse({ data: ChatChunk })],
      error: runFailures,
    }).annotateMerge(OpenApi.annotations({
      summary: "Have the agent answer, with code that it runs",
      description: "One JSON object, or server-sent events with `stream: true`.",
    })),
    HttpApiEndpoint.get("models", "/models", { query: ModelsQuery, success: ModelList })
      .annotate(OpenApi.Summary, "List the models that can be chosen now"),
    HttpApiEndpoint.get("model", "/models/:model", {
      params: { model: Schema.String },
      success: ModelOut,
      error: failsWith("ModelNotFound"),
    }).annotate(OpenApi.Summary, "Look a model up by its name"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Chat", description: "OpenAI's own endpoints." })) {}
