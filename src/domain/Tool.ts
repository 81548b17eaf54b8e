/**
 * Tools as a model sees them and results as a model reads them.
 */
import type { JsonSchema } from "effect";
import { Schema } from "effect";
import { EgressSummary } from "./EgressRecord.ts";
import { ExecutionOutcome } from "./Execution.ts";

/** A tool offered to a model: a name, a description and a JSON Schema of its arguments. */
export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonSchema.JsonSchema;
  /** Arguments must be exactly of the schema; a wish for providers that can hold their models to it. */
  readonly strict?: boolean;
}

/** A file operation that was refused, for programs that work through tools; `reason` is one of `FileError`'s. */
export const RefusedFile = Schema.Struct({ path: Schema.String, reason: Schema.String, why: Schema.String });
export type RefusedFile = typeof RefusedFile.Type;

/** An image that a tool shows, as base64 without a data-URL prefix; the path is that of its file in the sandbox. */
export const ToolImage = Schema.Struct({
  path: Schema.optionalKey(Schema.String),
  mediaType: Schema.String,
  base64: Schema.String,
});
export type ToolImage = typeof ToolImage.Type;

/** Bytes of one image that a tool shows: what the strictest of the providers takes as base64 (5 MB), before it is. */
export const shownImageBytesMax = 3_750_000;

/** What a tool call came to: the text the model reads and, for a command, the outcome behind it. */
export const ToolResult = Schema.Struct({
  text: Schema.String,
  isError: Schema.Boolean,
  /** The same result as data, for callers that read structures; fits the tool's output schema. */
  structured: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  outcome: Schema.optionalKey(ExecutionOutcome),
  refusedFile: Schema.optionalKey(RefusedFile),
  /** What models that see, and MCP clients, are shown beside the text. */
  images: Schema.optionalKey(Schema.Array(ToolImage)),
  /** What the code asked of the network, for the record and not for the model; absent when nothing. */
  egress: Schema.optionalKey(EgressSummary),
});
export type ToolResult = typeof ToolResult.Type;
