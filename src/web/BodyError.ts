/**
 * What can be wrong with the body of a request before anybody looks at what it says; both doors.
 */
import { Schema } from "effect";

/** The body is larger than a limit of this server. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", { bytesMax: Schema.Int }) {}

/** The client stopped sending, or what it sent is not HTTP. */
export class BodyUnreadable extends Schema.TaggedError<BodyUnreadable>()("BodyUnreadable", {}) {}

/** The body arrives so slowly that it holds memory for nothing. */
export class BodyTimedOut extends Schema.TaggedError<BodyTimedOut>()("BodyTimedOut", {
  bytesPerSecondMin: Schema.Int,
}) {}

/** Too many large bodies are on their way to this server at once. */
export class TooManyBodies extends Schema.TaggedError<TooManyBodies>()("TooManyBodies", {}) {}

/** The body is not of the type that the endpoint takes, by its own `content-type` or for want of one. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  contentType: Schema.String,
}) {}

/** The body is compressed, which no endpoint takes. */
export class UnsupportedEncoding extends Schema.TaggedError<UnsupportedEncoding>()("UnsupportedEncoding", {
  encoding: Schema.String,
}) {}

/** The text of the body is not UTF-8: read all the same, it would say something else than was written. */
export class BodyNotUtf8 extends Schema.TaggedError<BodyNotUtf8>()("BodyNotUtf8", {}) {}

/** The body is not JSON. */
export class MalformedJson extends Schema.TaggedError<MalformedJson>()("MalformedJson", {}) {}

/** The body is too intricate to be parsed within the time that other callers can wait. */
export class JsonTooComplex extends Schema.TaggedError<JsonTooComplex>()("JsonTooComplex", {
  bound: Schema.Literals(["depth", "values"]),
  limit: Schema.Int,
}) {}

/** Everything that reading a body can fail with. */
export type BodyError =
  | BodyTooLarge
  | BodyUnreadable
  | BodyTimedOut
  | TooManyBodies
  | UnsupportedMediaType
  | UnsupportedEncoding
  | BodyNotUtf8;

/** Everything that reading JSON can fail with. */
export type JsonError = MalformedJson | JsonTooComplex;
