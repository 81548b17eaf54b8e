/**
 * Turns that may be tried again until they have begun.
 *
 * A turn has begun with its first text or call: what a client has read and what runs cannot be taken back.
 * A thought can: it is shown as it comes, and a turn that fails after no more than thoughts is replaced.
 */
import { Array as Arr, type Cause, Channel, Effect, Exit, Scope, Stream } from "effect";
import { type Pulling, readBy } from "../../services/opening.ts";
import type { ModelError, ModelEvent, ModelNotFound } from "../../services/Model.ts";

export type TurnFailure = ModelError | ModelNotFound;
export type Turn = Stream.Stream<ModelEvent, TurnFailure>;
/** Opens a turn; its scope is the turn's. */
export type OpenTurn = Effect.Effect<Turn, TurnFailure, Scope.Scope>;

type Read = Pulling<ModelEvent, TurnFailure>;

/** Ends the thoughts of a turn that failed; nobody's origin, so that no provider is ever given them back. */
const abandoned: ModelEvent = { _tag: "ReasoningDelta", text: "", origin: { provider: "abandoned", data: {} } };

/** What has been told of a turn that has not begun. */
class Thoughts {
  #held: Array<ModelEvent> = [];
  hasBegun = false;
  wereShown = false;

  /**
   * The events that may be told now: thoughts at once, but from the first that carries its provider's own
   * data on all of them wait, since that data belongs to the turn that is kept.
   */
  take(events: ReadonlyArray<ModelEvent>): ReadonlyArray<ModelEvent> {
    if (this.hasBegun) return events;
    if (events.some(({ _tag }) => _tag !== "ReasoningDelta")) {
      this.hasBegun = true;
      return [...this.#held.splice(0), ...events];
    }
    const told: Array<ModelEvent> = [];
    for (const event of events) {
      const waits = this.#held.length > 0 || (event._tag === "ReasoningDelta" && event.origin !== undefined);
      (waits ? this.#held : told).push(event);
    }
    if (told.length > 0) this.wereShown = true;
    return told;
  }

  /** Forgets the turn that failed; what has to be told of it. */
  forget(): ReadonlyArray<ModelEvent> {
    this.#held = [];
    const told = this.wereShown ? [abandoned] : [];
    this.wereShown = false;
    return told;
  }
}

/**
 * Streams a turn; while it has not begun, a failure is answered with what `again` opens instead.
 *
 * *Details*: a turn is released before the next is opened. `again` gives another while there
 * is one to be tried, and fails with what is to be told in the end.
 */
export const untilBegun = (
  first: OpenTurn,
  again: (failure: TurnFailure) => Effect.Effect<OpenTurn, TurnFailure>,
): Turn =>
  readBy(Effect.gen(function* () {
    const outer = yield* Effect.scope;
    const thoughts = new Thoughts();
    let scope = yield* Scope.fork(outer);

    const opened = (open: OpenTurn): Effect.Effect<Read, TurnFailure> =>
      Scope.provide(Effect.flatMap(open, (turn) => Channel.toPullScoped(Stream.toChannel(turn), scope)), scope);

    /** Events that are to be told before what comes next. */
    let due: ReadonlyArray<ModelEvent> = [];
    let read = yield* opened(first).pipe(Effect.catch((failure) => reopened(failure)));

    function reopened(failure: TurnFailure): Effect.Effect<Read, TurnFailure> {
      return Effect.gen(function* () {
        due = [...due, ...thoughts.forget()];
        yield* Scope.close(scope, Exit.fail(failure));
        scope = yield* Scope.fork(outer);
        return yield* Effect.catch(opened(yield* again(failure)), reopened);
      });
    }

    const next: Read = Effect.suspend(() => {
      if (thoughts.hasBegun) return read;
      return read.pipe(
        Effect.flatMap((events): Read => {
          const told = [...due, ...thoughts.take(events)];
          due = [];
          return Arr.isReadonlyArrayNonEmpty(told) ? Effect.succeed(told) : next;
        }),
        Effect.catchIf(
          isTurnFailure,
          (failure): Read =>
            thoughts.hasBegun ? Effect.fail(failure) : Effect.flatMap(reopened(failure), (fresh) => {
              read = fresh;
              return next;
            }),
        ),
      );
    });
    return next;
  }));

const isTurnFailure = (error: TurnFailure | Cause.Done): error is TurnFailure =>
  error._tag === "ModelError" || error._tag === "ModelNotFound";
