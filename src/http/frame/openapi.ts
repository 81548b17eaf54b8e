/**
 * What the generated OpenAPI document needs beside the schemas: the parameters that are accepted with
 * one value only, and the form of the stream.
 */
import { Schema } from "effect";
import { parameterTable } from "../openai/chat/parameters.ts";

type Json = Readonly<Record<string, unknown>>;

const isObject = Schema.is(Schema.Record(Schema.String, Schema.Unknown));

/** Changes what stands at a path of a document, leaving the rest as it is; a missing path is made. */
const edit = (document: Json, [head, ...rest]: ReadonlyArray<string>, change: (at: Json) => Json): Json => {
  if (head === undefined) return change(document);
  const below = document[head];
  return { ...document, [head]: edit(isObject(below) ? below : {}, rest, change) };
};

/** The properties of parameters that are accepted only with values that change nothing. */
const harmlessProperties = (): Json =>
  Object.fromEntries(
    Object.entries(parameterTable).flatMap(([name, treatment]) =>
      treatment._tag !== "Harmless" ? [] : [[
        name,
        treatment.values === "any"
          ? { description: "Accepted as a hint; it changes nothing here." }
          : { enum: [...treatment.values, null], description: "Accepted with a value that changes nothing." },
      ]]
    ),
  );

/** A frame's `data` is a chunk, an error, or the literal `[DONE]`; OpenAPI 3.1 describes the data only. */
const streamSchema: Json = {
  anyOf: [
    { $ref: "#/components/schemas/CreateChatCompletionStreamResponse" },
    { $ref: "#/components/schemas/ErrorResponse" },
  ],
  description: "The data of each server-sent event; `[DONE]` ends the stream, comments keep it alive.",
};

/** A frame's `data` is an event; its name stands before it. */
const responseStreamSchema: Json = {
  type: "object",
  description:
    "The data of each server-sent event, by its `type` and `sequence_number`; comments keep the stream alive.",
};

const chat = ["paths", "/v1/chat/completions", "post"] as const;
const schemas = ["components", "schemas"] as const;

/** A request that works as it stands, whatever models there are. */
const example: Json = {
  messages: [{ role: "user", content: "Execute: print(6 * 7)" }],
};

/** What conversations begin with, are noted with, and are added. */
const conversationExamples: Readonly<Record<string, Json>> = {
  "/v1/conversations": { metadata: { topic: "sales" } },
  "/v1/conversations/{conversation}": { metadata: { topic: "sales of the year" } },
  "/v1/conversations/{conversation}/items": { items: [{ type: "message", role: "user", content: "Hello" }] },
};

const edits: ReadonlyArray<readonly [ReadonlyArray<string>, (at: Json) => Json]> = [
  [[...chat, "responses", "200", "content", "text/event-stream"], () => ({ schema: streamSchema })],
  [["paths", "/v1/runs/{run}/events", "get", "responses", "200", "content", "text/event-stream"], () => ({
    schema: streamSchema,
  })],
  ...[["/v1/responses", "post"], ["/v1/responses/{response}", "get"]].map((
    [path = "", method = ""],
  ) =>
    [["paths", path, method, "responses", "200", "content", "text/event-stream"], () => ({
      schema: responseStreamSchema,
    })] as const
  ),
  [[...chat, "requestBody", "content", "application/json"], (media) => ({ ...media, example })],
  [["paths", "/v1/responses", "post", "requestBody", "content", "application/json"], (media) => ({
    ...media,
    example: { input: "What is 6 times 7?" },
  })],
  ...["input_tokens", "compact"].map((name) =>
    [["paths", `/v1/responses/${name}`, "post", "requestBody", "content", "application/json"], (media: Json) => ({
      ...media,
      example: { model: "caisson-offline", input: "What is 6 times 7?" },
    })] as const
  ),
  ...Object.entries(conversationExamples).map(([path, example]) =>
    [["paths", path, "post", "requestBody", "content", "application/json"], (media: Json) => ({
      ...media,
      example,
    })] as const
  ),
  [[...schemas, "CreateChatCompletionRequest", "properties"], (known) => ({ ...known, ...harmlessProperties() })],
  [
    schemas,
    ({ CreateChatCompletionStreamResponseEncoded: _chunk, ResponseStreamEventEncoded: _event, ...others }) => others,
  ],
];

/** Finishes the document that is generated from the API's declarations. */
export const finishDocument = (document: Json): Record<string, unknown> => ({
  ...edits.reduce((edited, [path, change]) => edit(edited, path, change), document),
});
