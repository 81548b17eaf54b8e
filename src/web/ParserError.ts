/**
 * What is refused before a request is one: by the parser of HTTP, which knows no routes; both doors.
 */
import { Schema } from "effect";

/** What came is not HTTP, or breaks its rules. */
export class RequestMalformed extends Schema.TaggedError<RequestMalformed>()("RequestMalformed", {}) {}

/** The first line and the headers are larger than the parser reads. */
export class HeadersTooLarge extends Schema.TaggedError<HeadersTooLarge>()("HeadersTooLarge", {
  bytesMax: Schema.Int,
}) {}

/** The request was not there in its time: its headers, or the whole of it. */
export class RequestTimedOut extends Schema.TaggedError<RequestTimedOut>()("RequestTimedOut", {}) {}

/** The header `Expect` asks for something that nobody does here. */
export class ExpectationRefused extends Schema.TaggedError<ExpectationRefused>()("ExpectationRefused", {}) {}

/** Everything that is refused before a request is one. */
export type ParserError = RequestMalformed | HeadersTooLarge | RequestTimedOut | ExpectationRefused;
