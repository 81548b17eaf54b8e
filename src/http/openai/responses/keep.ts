/**
 * Keeping a response: what its run says is gathered on the way, and what it came to is kept before anybody hears its
 * end, so that a client can go on from it at once.
 */
import { Array as Arr, Cause, Clock, Duration, Effect, Exit, Option, Schedule, Schema, Stream } from "effect";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { Gathered, joinedEvents } from "../../../domain/keptEvents.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { InternalError, RunCancelled, type RunError, ShuttingDown } from "../../../runs/RunError.ts";
import type { ResponseStoreService, ResponseTurn, StoredResponse } from "../../../services/ResponseStore.ts";
import { toReply } from "../../frame/reply.ts";
import { responsesFieldNames } from "./fieldNames.ts";
import { ResponseDialect } from "./dialect.ts";
import type { SessionsUnavailable } from "../../../services/Sessions.ts";
import type { WebhookOutboxService } from "../../../services/WebhookOutbox.ts";
import { makeEventId } from "./ids.ts";
import type { SealThoughts } from "./thoughts.ts";
import { JsonObject } from "./wire.ts";

/** How long an instance's word that it is at work is believed, in milliseconds, and how often it is renewed. */
const leaseMs = 30_000;
const renewEvery = Duration.seconds(10);

/** Time that keeping what was cut may take. */
const keepDeadline = Duration.seconds(5);

/** Characters of what a run said that are kept to be told again. */
const eventCharactersMax = 4 * 1024 * 1024;

/** A response that is to be kept. */
export interface Keeping {
  readonly store: Pick<ResponseStoreService, "find" | "put" | "renew">;
  readonly owner: OwnerKey;
  /** The response in progress. */
  readonly begun: JsonObject;
  readonly further: ReadonlyArray<JsonObject>;
  readonly previous: string | null;
  readonly input: ReadonlyArray<JsonObject>;
  /** Seals the thoughts that its items carry. */
  readonly seal?: SealThoughts | undefined;
  /** It is kept from its beginning. */
  readonly background: boolean;
  /** What the run remembers of itself, once it has come to its end. */
  readonly turn: () => ResponseTurn;
  readonly draining: Effect.Effect<boolean>;
  /** Ends the run, where another instance has ended or deleted its response. */
  readonly stop: Effect.Effect<void>;
  /** Where it is written that somebody is to be told of it; absent, nobody is. */
  readonly outbox?: WebhookOutboxService;
  /** Adds a response that was answered, in whole or in part, to the conversation it belongs to. */
  readonly join?: (output: ReadonlyArray<JsonObject>, turn: ResponseTurn) => Effect.Effect<void, SessionsUnavailable>;
}

/** Keeps nothing: for responses that are not to be stored, but belong to a conversation. */
export const nowhere: Keeping["store"] = {
  find: () => Effect.succeed(Option.none()),
  put: () => Effect.void,
  renew: () => Effect.void,
};

const isObject = Schema.is(JsonObject);

/** What a response came to where it was answered, in whole or in part. */
const answeredIn = ({ status, output }: JsonObject): ReadonlyArray<JsonObject> | undefined =>
  (status === "completed" || status === "incomplete") && Array.isArray(output) ? output.filter(isObject) : undefined;

/** How a run that did not finish is told: as an error, or not at all when it was cancelled. */
const errorOf = (exit: Exit.Failure<unknown, RunError>, draining: boolean): RunError => {
  const failure = exit.cause.reasons.find(Cause.isFailReason);
  if (failure !== undefined) return failure.error;
  if (!Cause.hasInterruptsOnly(exit.cause)) return new InternalError();
  return draining ? new ShuttingDown() : new RunCancelled();
};

/** Tells an error of the run to a dialect. */
export const tellError = (dialect: ResponseDialect, error: RunError) => {
  if (error._tag !== "RunCancelled") return dialect.fail(toReply(error, { names: responsesFieldNames }).envelope.error);
  dialect.cancel();
  return [];
};

/** Lets somebody be told of a response now; where that fails, it is found when its word of being at work is over. */
const soon = (outbox: WebhookOutboxService, id: string) =>
  Clock.currentTimeMillis.pipe(
    Effect.flatMap((nowMs) => outbox.due(id, nowMs)),
    Effect.catch((error) => Effect.logWarning("a webhook will be late", error)),
  );

/** Passes the events of a run on, and keeps the response that they come to. */
export const keeping =
  (keep: Keeping) => (events: Stream.Stream<AgentEvent, RunError>): Stream.Stream<AgentEvent, RunError> =>
    Stream.unwrap(Effect.gen(function* () {
      const { store, owner, begun, further, previous, input, background, outbox, seal } = keep;
      const id = String(begun["id"]);
      const clock = yield* Clock.Clock;
      const startedAtMs = clock.currentTimeMillisUnsafe();
      const said = new Gathered();
      let kept = false;
      const recordOf = (body: JsonObject, aliveUntilMs: number): StoredResponse => {
        const { events, characters } = said.whole;
        return {
          id,
          previous,
          body,
          input,
          events: characters > eventCharactersMax || aliveUntilMs > 0 ? null : events,
          turn: keep.turn(),
          aliveUntilMs,
          ...(seal !== undefined && { isSealed: true }),
        };
      };
      /** Another instance has ended or deleted it: what it was ended as stays, and nothing brings it back. */
      const endedElsewhere = Effect.map(
        store.find(owner, id),
        (found) => Option.isNone(found) || found.value.aliveUntilMs === 0,
      );
      const write = (error?: RunError) =>
        Effect.suspend(() => {
          const dialect = new ResponseDialect(begun, further, seal);
          for (const event of joinedEvents(said.whole.events)) dialect.step(event);
          if (error !== undefined) tellError(dialect, error);
          kept = true;
          const output = keep.join === undefined ? undefined : answeredIn(dialect.response);
          const joining = output === undefined ? undefined : keep.join?.(output, keep.turn());
          const stored = store.put(owner, recordOf(dialect.response, 0));
          const told = outbox === undefined ? stored : Effect.andThen(stored, soon(outbox, id));
          return joining === undefined ? told : Effect.andThen(joining, told);
        });
      const put = (error?: RunError) =>
        background
          ? Effect.flatMap(endedElsewhere, (isEnded) => {
            kept ||= isEnded;
            return !isEnded ? write(error) : outbox === undefined ? Effect.void : soon(outbox, id);
          })
          : write(error);
      if (background) {
        const notice = { id: makeEventId(), owner, response: id, createdAtMs: startedAtMs, attempts: 0 };
        if (outbox !== undefined) yield* outbox.put(notice, startedAtMs + leaseMs);
        yield* store.put(owner, recordOf(begun, startedAtMs + leaseMs));
        const renewed = Effect.flatMap(
          Clock.currentTimeMillis,
          (nowMs) => store.renew(owner, id, nowMs + leaseMs),
        );
        yield* endedElsewhere.pipe(
          // Apart from the run, which it ends.
          Effect.flatMap((isEnded) => isEnded ? Effect.asVoid(Effect.forkDetach(keep.stop)) : renewed),
          Effect.catch((error) => Effect.logWarning("a response could not be kept alive", error)),
          Effect.schedule(Schedule.spaced(renewEvery)),
          Effect.forkScoped,
        );
      }
      const timed = (event: AgentEvent): AgentEvent =>
        event._tag === "RunFinished" ? { ...event, atMs: clock.currentTimeMillisUnsafe() - startedAtMs } : event;
      return events.pipe(
        Stream.mapArrayEffect((batch) => {
          const isLast = batch.some(({ _tag }) => _tag === "RunFinished");
          const heard = isLast ? Arr.map(batch, timed) : batch;
          for (const event of heard) said.add(event);
          return isLast ? Effect.as(put(), heard) : Effect.succeed(heard);
        }),
        Stream.onExit((exit) =>
          kept || Exit.isSuccess(exit) || (said.isEmpty && !background)
            ? Effect.void
            : Effect.flatMap(keep.draining, (draining) => put(errorOf(exit, draining))).pipe(
              Effect.timeout(keepDeadline),
              Effect.catchCause((cause) => Effect.logError("a cut response could not be kept", cause)),
            )
        ),
      );
    }));
