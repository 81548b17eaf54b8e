/**
 * Answers of Redis as its stores read them: what it refuses, and what it holds that is not theirs, is one failure.
 */
import { Effect, Schema } from "effect";
import { Redis } from "effect/persistence";
import { SessionsUnavailable } from "../../services/Sessions.ts";

/** Waits for an answer and reads it. *Fails with* `SessionsUnavailable`, also when reading throws. */
export type ReadAnswer = <A>(
  operation: string,
  answer: Effect.Effect<unknown, Redis.RedisError>,
  read: (answer: unknown) => A,
) => Effect.Effect<A, SessionsUnavailable>;

/** Makes the reader of one store's answers; `area` stands before its operations, `held` is what Redis holds for it. */
export const readerOf = ({ area, held }: { readonly area?: string; readonly held: string }): ReadAnswer => {
  const unavailable = (operation: string) => (cause: unknown) =>
    new SessionsUnavailable({
      store: "redis",
      operation: area === undefined ? operation : `${area}: ${operation}`,
      detail: Schema.is(Redis.RedisError)(cause) ? String(cause.cause) : `Redis holds what is not ${held}`,
      cause,
    });
  return (operation, answer, read) =>
    Effect.flatMap(
      Effect.mapError(answer, unavailable(operation)),
      (value) => Effect.try({ try: () => read(value), catch: unavailable(operation) }),
    );
};
