/**
 * The OpenAPI document, and as much of it as its page shows; loading this module makes it.
 */
import { Schema } from "effect";
import { OpenApi } from "effect/http-api";
import { Api } from "../api.ts";

const Parameter = Schema.Struct({
  name: Schema.String,
  in: Schema.String,
  required: Schema.optionalKey(Schema.Boolean),
  description: Schema.optionalKey(Schema.String),
  schema: Schema.optionalKey(Schema.Struct({ description: Schema.optionalKey(Schema.String) })),
});

const Media = Schema.Struct({ example: Schema.optionalKey(Schema.Unknown) });

const Operation = Schema.Struct({
  operationId: Schema.String,
  tags: Schema.Array(Schema.String),
  summary: Schema.String,
  description: Schema.optionalKey(Schema.String),
  security: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
  parameters: Schema.Array(Parameter),
  requestBody: Schema.optionalKey(Schema.Struct({ content: Schema.Record(Schema.String, Media) })),
  responses: Schema.Record(Schema.String, Schema.Struct({ description: Schema.String })),
});
export type Operation = typeof Operation.Type;

const Document = Schema.Struct({
  info: Schema.Struct({ title: Schema.String, version: Schema.String, description: Schema.String }),
  tags: Schema.Array(Schema.Struct({ name: Schema.String, description: Schema.optionalKey(Schema.String) })),
  paths: Schema.Record(Schema.String, Schema.Record(Schema.String, Operation)),
});
export type Document = typeof Document.Type;

const openApi = OpenApi.fromApi(Api);

/** The OpenAPI document as JSON. */
export const openApiJson: string = JSON.stringify(openApi);

/** The same, read for its page. */
export const document: Document = Schema.decodeUnknownSync(Document)(openApi);
