/**
 * Trying again and giving up early, around any provider.
 *
 * A turn is repeated only until it has begun. What a client did wrong and what this process lacks are no
 * outage of a provider: only an outage opens its circuit.
 */
import { Cause, Duration, Effect, Exit, Option, Schedule, Schema, type Scope, Stream } from "effect";
import { CircuitBreaker } from "effect/persistence";
import { ModelError, type ModelEvent, Unavailable } from "../../services/Model.ts";
import { opened } from "./opened.ts";
import type { Provider } from "./Provider.ts";
import { type OpenTurn, type TurnFailure, untilBegun } from "./untilBegun.ts";

/** How often and how patiently a turn is tried. */
export interface Resilience {
  /** Requests for one turn in all; 1 never tries again. */
  readonly attemptsMax: number;
  /** Wait before the second attempt, doubled for each further one, ±20 %. */
  readonly backoffMs: number;
  /** A longer wait asked for by the upstream is the caller's to wait: the failure is handed on at once. */
  readonly retryAfterMsMax: number;
  /** Failures in a row of one model after which it is left alone for a while. */
  readonly breakerFailures: number;
  /** How long it is left alone before one request probes it. */
  readonly breakerOpenMs: number;
}

/** A model that nobody asks for any more needs no circuit. */
const breakerIdle = "10 minutes";

type Failure = TurnFailure;
type Rejection = CircuitBreaker.CircuitBreakerError;

/** The wait an upstream asked for, 0 for none. */
const askedWaitMs = (failure: Failure | Rejection): number =>
  failure._tag === "ModelError" && "retryAfterMs" in failure.reason ? failure.reason.retryAfterMs ?? 0 : 0;

/** Whether the same request may well succeed a moment later. */
const isTransient = (failure: Failure): boolean => {
  if (failure._tag !== "ModelError") return false;
  switch (failure.reason._tag) {
    case "RateLimited":
    case "Unavailable":
    case "ConnectionLost":
    case "BadOutput":
      return true;
    case "TimedOut":
      // A first event that did not come in minutes would cost minutes again.
      return failure.reason.phase === "connect";
    case "QuotaExhausted":
    case "ContextTooLong":
    case "PromptBlocked":
    case "BadCredentials":
    case "RequestRefused":
      return false;
  }
};

/** What a connection fails with when this machine, not the provider, is out of something. */
const ownLacks = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);
const decodeCode = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.String }));

const isOwnLack = (failure: ModelError): boolean =>
  Option.exists(decodeCode(failure.cause), ({ code }) => ownLacks.has(code));

/** Whether a failure says that the upstream is down, as opposed to busy or unwilling. */
const isOutage = (failure: Failure): boolean =>
  failure._tag === "ModelError" && !isOwnLack(failure) &&
  (failure.reason._tag === "Unavailable" || failure.reason._tag === "ConnectionLost" ||
    (failure.reason._tag === "TimedOut" && failure.reason.isOwnLag !== true));

const classify = (exit: Exit.Exit<unknown, Failure>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success;
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause));
  if (failure === undefined || !isOutage(failure)) return CircuitBreaker.ignored;
  return CircuitBreaker.failure({ retryAfter: askedWaitMs(failure) });
};

/** A rejection of the breaker as what the caller needs to know: not now, and when again. */
const rejected = (provider: string, model: string) => (rejection: Rejection): ModelError => {
  const { reason } = rejection;
  const retryAfterMs = reason._tag === "CircuitOpen" ? Duration.toMillis(reason.retryAfter) : undefined;
  return new ModelError({
    provider,
    model,
    reason: new Unavailable(retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }),
    detail: `not asked: ${reason._tag} after repeated failures`,
    cause: rejection,
  });
};

/**
 * Makes a provider that tries a failed turn again until it has begun, and answers at once while a model's
 * circuit is open.
 *
 * *Details*: each attempt passes the breaker, so a dead upstream opens it within one turn. A wait
 * asked for by the upstream is honoured up to `retryAfterMsMax`. An interruption ends the waiting too.
 */
export const resilient = Effect.fnUntraced(function* (
  provider: Provider,
  policy: Resilience,
): Effect.fn.Return<Provider, never, Scope.Scope> {
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(policy.breakerFailures),
    openDuration: policy.breakerOpenMs,
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory({ idleTimeToLive: breakerIdle })));

  const backoff = Schedule.exponential(policy.backoffMs).pipe(
    Schedule.jittered,
    Schedule.setInputType<Failure | Rejection>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(askedWaitMs(input))))
    ),
  );
  const isWorthAnother = (failure: Failure | Rejection): boolean =>
    (failure._tag === "ModelError" || failure._tag === "ModelNotFound") && isTransient(failure) &&
    askedWaitMs(failure) <= policy.retryAfterMsMax;

  const stream: Provider["stream"] = (request) =>
    Stream.suspend(() => {
      let left = policy.attemptsMax;
      const once: OpenTurn = Effect.suspend(() => {
        left -= 1;
        return Effect.tapError(
          opened(provider.stream(request)),
          (failure) => Effect.logWarning("a model turn failed before its first event", failure),
        );
      });
      const isRepeated = (failure: Failure | Rejection): boolean => left > 0 && isWorthAnother(failure);
      const open: OpenTurn = breaker.execute(once, { key: request.model, classify }).pipe(
        Effect.retry({ schedule: backoff, while: isRepeated }),
        Effect.catchTag(
          "CircuitBreakerError",
          (rejection) => Effect.fail(rejected(provider.name, request.model)(rejection)),
        ),
      );
      return untilBegun(open, (failure) => {
        // Failures before the first event have been repeated above; this one came after thoughts.
        if (isRepeated(failure)) return Effect.succeed(Effect.andThen(Effect.sleep(policy.backoffMs), open));
        const ended = emptyTurn(failure);
        return ended === undefined ? Effect.fail(failure) : Effect.succeed(Effect.succeed(Stream.make(ended)));
      });
    });
  return { ...provider, stream };
});

/** The end of a turn that said nothing however often it was asked: the agent has words for that. */
const emptyTurn = (failure: Failure): ModelEvent | undefined =>
  failure._tag === "ModelError" && failure.reason._tag === "BadOutput" && failure.reason.empty !== undefined
    ? { _tag: "Finished", reason: "Stop", usage: failure.reason.empty }
    : undefined;
