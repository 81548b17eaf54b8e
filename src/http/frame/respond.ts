/**
 * Responses that every endpoint makes the same way.
 */
import { HttpServerResponse } from "effect/http";
import type { HttpError } from "./errors.ts";
import { type ReplyOptions, toReply } from "./reply.ts";

/** A JSON response. */
export const json = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.jsonUnsafe(body, { headers });

/** The response of a failed request. */
export const failed = (error: HttpError, options: ReplyOptions = {}): HttpServerResponse.HttpServerResponse => {
  const { status, envelope, headers } = toReply(error, options);
  return HttpServerResponse.jsonUnsafe(envelope, { status, headers });
};
