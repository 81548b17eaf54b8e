/**
 * Responses that every endpoint makes the same way.
 */
import { Effect } from "effect";
import { HttpServerResponse } from "effect/http";
import { keyOf } from "./errorTable.ts";
import type { HttpError } from "./errors.ts";
import { type ReplyOptions, toReply } from "./reply.ts";
import { RequestNotes } from "./RequestNotes.ts";

/** A JSON response. */
export const json = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.jsonUnsafe(body, { headers });

/** The response of a failed request. */
export const failed = (error: HttpError, options: ReplyOptions = {}): HttpServerResponse.HttpServerResponse => {
  const { status, envelope, headers } = toReply(error, options);
  return HttpServerResponse.jsonUnsafe(envelope, { status, headers });
};

/** The same in the words of the request, and its access line names the error. */
export const refused = (
  error: HttpError,
  options?: ReplyOptions,
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(RequestNotes, (notes) => {
    notes.error = keyOf(error);
    return failed(error, { names: notes.names, ...options });
  });
