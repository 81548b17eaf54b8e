/**
 * What OpenAI's API has, as its own SDK's types say it: the table in `openai.json`.
 */
import { Schema } from "effect";

/** One field of a request, by its path: `tools[code_interpreter].container` is in the tools of that type. */
export const Field = Schema.Struct({
  path: Schema.String,
  in: Schema.Literals(["body", "query"]),
  /** The smallest value that the type allows. */
  sample: Schema.Json,
  /** The values of a field that has only some. */
  values: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The place where the same kind of value is told, field by field. */
  as: Schema.optionalKey(Schema.String),
});
export type Field = typeof Field.Type;

/** One operation. */
export const Operation = Schema.Struct({
  /** As the SDK calls it. */
  name: Schema.String,
  method: Schema.Literals(["GET", "POST", "DELETE"]),
  path: Schema.String,
  /** A file is sent as a form. */
  isMultipart: Schema.Boolean,
  fields: Schema.Array(Field),
});
export type Operation = typeof Operation.Type;

/** All of it, and the SDK that says so. */
export const Surface = Schema.Struct({
  sdk: Schema.String,
  operations: Schema.Array(Operation),
  /** The types of the frames that a client sends over a WebSocket. */
  clientEvents: Schema.Array(Schema.String),
});
export type Surface = typeof Surface.Type;

const url = new URL("./openai.json", import.meta.url);

/** The table. */
export const surface: Surface = Schema.decodeUnknownSync(Surface)(JSON.parse(Deno.readTextFileSync(url)));
