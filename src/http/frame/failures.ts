/**
 * Errors as the contract declares them: by their names, under the statuses of the table.
 */
import { Effect, Layer, Schema, SchemaIssue, SchemaTransformation } from "effect";
import { HttpApiError, HttpApiMiddleware, HttpApiSchema } from "effect/http-api";
import { errorTable, isHttpError } from "./errorTable.ts";
import { type HttpError, InvalidRequest } from "./errors.ts";
import { firstWrong } from "./firstWrong.ts";
import { ErrorEnvelope, toReply } from "./reply.ts";
import { refused } from "./respond.ts";

type Tag = HttpError["_tag"];
type ErrorOf<T extends Tag> = Extract<HttpError, { readonly _tag: T }>;

/** One status of an endpoint: which errors have it, and the envelope that tells them. */
const failure = <T extends Tag>(
  tags: ReadonlyArray<T>,
  status: number,
  when: string,
): Schema.Codec<ErrorOf<T>, ErrorEnvelope> => {
  const names: ReadonlySet<string> = new Set(tags);
  const errors = Schema.declare((value): value is ErrorOf<T> => isHttpError(value) && names.has(value._tag));
  return ErrorEnvelope.pipe(
    Schema.decodeTo(
      errors,
      SchemaTransformation.transformEffect<ErrorOf<T>, ErrorEnvelope>({
        decode: (_envelope, options) =>
          Effect.fail(new SchemaIssue.Forbidden({ message: "An answer is only written" }, _envelope, options)),
        encode: (error) => Effect.succeed(toReply(error).envelope),
      }),
    ),
    Schema.annotate({ description: when }),
    HttpApiSchema.status(status),
  );
};

/**
 * Declares what an endpoint can fail with.
 *
 * *Details*: a schema for each status of the named errors' rows; its handler can fail with nothing else.
 */
export const failsWith = <const T extends Tag>(
  ...tags: ReadonlyArray<T>
): ReadonlyArray<Schema.Codec<ErrorOf<T>, ErrorEnvelope>> => {
  const rows = Object.entries(errorTable).filter(([key]) =>
    tags.some((tag) => key === tag || key.startsWith(`${tag}.`))
  );
  return [...new Set(rows.map(([, { status }]) => status))].map((status) =>
    failure(tags, status, rows.filter(([, row]) => row.status === status).map(([, { when }]) => when).join(" "))
  );
};

/** What any request with a body can fail with. */
export const bodyFailures = [
  "InvalidRequest",
  "BodyTooLarge",
  "BodyUnreadable",
  "BodyTimedOut",
  "TooManyBodies",
  "UnsupportedMediaType",
  "UnsupportedEncoding",
  "BodyNotUtf8",
] as const;

/** What one can fail with whose body is JSON read by us. */
export const jsonFailures = [...bodyFailures, "MalformedJson", "JsonTooComplex"] as const;

// Answering --------------------------------------------------------------------------------------

/** A part of a request that does not fit its declaration, by the name of the first wrong field. */
export const invalidPart = (issue: SchemaIssue.Issue): InvalidRequest => {
  const { param, why } = firstWrong(issue);
  return new InvalidRequest({
    param,
    why: `Invalid ${param === null ? "request" : `'${param}'`}: ${why}`,
    code: "invalid_value",
  });
};

/** Parts of a request; what does not fit in an answer is a bug of ours. */
const sentByTheCaller: ReadonlySet<string> = new Set(["Params", "Headers", "Query", "Payload"]);

/** Answers whatever an endpoint, or what stands between it and the socket, failed with. */
export class Failures extends HttpApiMiddleware.Service<Failures>()("caisson/http/Failures") {}

/** The response of a failed request: its sentence to the caller, its detail to the log. */
const answerFailure = Effect.fnUntraced(function* (error: HttpError) {
  const response = yield* refused(error);
  if (response.status >= 500) yield* Effect.logWarning("request failed", error);
  return response;
});

/** The one place where an endpoint's failure becomes a response. */
export const layer: Layer.Layer<Failures> = Layer.succeed(
  Failures,
  Failures.of((app) =>
    Effect.catch(
      app,
      (error) =>
        HttpApiError.HttpApiSchemaError.is(error) && sentByTheCaller.has(error.kind)
          ? answerFailure(invalidPart(error.cause.issue))
          : isHttpError(error)
          ? answerFailure(error)
          : Effect.fail(error),
    )
  ),
);
