/**
 * One request to a provider that is made here, and its answer.
 *
 * The body of a good one is read the same way for every provider; a request that a vendor's SDK makes is
 * `sdkExchange.ts`.
 */
import type * as http from "node:http";
import { Clock, DateTime, Effect, Option, Schema, type Scope } from "effect";
import type { Arrivals } from "./Arrivals.ts";
import {
  type Agents,
  boundedText,
  connect,
  type Connection,
  direct,
  isFault,
  isRedirect,
  isSuccess,
  lost,
  type Outgoing,
  redirected,
} from "./connection.ts";
import type { Cut } from "./Cut.ts";
import type { Fault } from "./fault.ts";

/** An answer with a status that is no success. */
export interface HttpFailure {
  readonly status: number;
  /** The first part of the body. */
  readonly text: string;
  /** What `retry-after-ms` or `retry-after` asked for. */
  readonly retryAfterMs: number | undefined;
}

const decodeSeconds = Schema.decodeUnknownOption(Schema.FiniteFromString);

/** Reads how long to wait; a date counts from now, and a past one asks for nothing. */
const retryAfter = Effect.fnUntraced(function* (headers: http.IncomingHttpHeaders) {
  const exact = Option.getOrUndefined(decodeSeconds(headers["retry-after-ms"]));
  if (exact !== undefined && exact >= 0) return exact;
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const seconds = Option.getOrUndefined(decodeSeconds(value));
  if (seconds !== undefined) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Option.getOrUndefined(DateTime.make(value));
  return date === undefined ? undefined : Math.max(0, DateTime.toEpochMillis(date) - (yield* Clock.currentTimeMillis));
});

/** What is answered to a request: what arrives of a good answer, else why it is none. */
const answerTo = async (
  connection: Connection,
  outgoing: Outgoing,
  explain: (failure: HttpFailure) => Fault,
): Promise<Effect.Effect<Arrivals, Fault>> => {
  const incoming = await connection.send(outgoing);
  const status = incoming.statusCode ?? 0;
  if (isSuccess(status)) return Effect.succeed(connection.read(incoming));
  if (isRedirect(status)) return Effect.fail(redirected(status));
  const text = await boundedText(incoming);
  return Effect.flatMap(
    retryAfter(incoming.headers),
    (retryAfterMs) => Effect.fail(explain({ status, text, retryAfterMs })),
  );
};

/**
 * Sends a request and succeeds with what arrives once the headers of a good answer are there; closing
 * the scope lets the provider go.
 *
 * *Fails with* what `explain` makes of a status that is no success, `BadOutput` for a redirect,
 * `ConnectionLost` without a connection, and what it is cut with.
 */
export const exchange = (
  outgoing: Outgoing,
  explain: (failure: HttpFailure) => Fault,
  cut: Cut,
  agents: Agents = direct,
): Effect.Effect<Arrivals, Fault, Scope.Scope> =>
  Effect.flatMap(connect(agents), (connection) =>
    Effect.callback<Arrivals, Fault>((resume) => {
      cut.whenCut((failure) => resume(Effect.fail(failure)));
      answerTo(connection, outgoing, explain).then(
        resume,
        (thrown) => resume(Effect.fail(isFault(thrown) ? thrown : lost(thrown))),
      );
    }));
