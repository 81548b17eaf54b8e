/**
 * The events of a response as server-sent events, while its run goes on or after it.
 */
import { Cause, type Duration, Effect, Stream } from "effect";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { InternalError, type RunError } from "../../../runs/RunError.ts";
import type { RunHandle } from "../../../runs/RunHandle.ts";
import type { Tick } from "../../../runs/RunLog.ts";
import { keepAliveFrame, sse } from "../../../web/sse.ts";
import { keyOf } from "../../frame/errorTable.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import type { ResponseDialect, ResponseEvent } from "./dialect.ts";
import { tellError } from "./keep.ts";

/** Frames behind a number; the first event has the number 0. */
export const framesAfter = (events: ReadonlyArray<ResponseEvent>, after: number): string => {
  let frames = "";
  for (const event of events) {
    if (event.sequence_number > after) frames += `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }
  return frames;
};

/**
 * Streams a run as the events of its response, those numbered up to `after` left out.
 *
 * *Fails with* what the run fails with before its first event; what fails later is told by events.
 */
export const streamed = Effect.fnUntraced(function* (
  run: RunHandle,
  dialect: ResponseDialect,
  keepAlive: Duration.Duration,
  after = -1,
) {
  yield* run.begunWithin(keepAlive);
  yield* run.answered;
  const notes = yield* RequestNotes;
  const context = yield* Effect.context<never>();
  const frameOf = (heard: AgentEvent | Tick): string =>
    heard._tag === "Tick" ? keepAliveFrame : framesAfter(dialect.step(heard), after);
  const failed = (error: RunError): string => {
    notes.outcome = error._tag;
    notes.error = keyOf(error);
    return framesAfter(tellError(dialect, error), after);
  };
  const last = Effect.fnUntraced(function* (cause: Cause.Cause<RunError>) {
    const failure = cause.reasons.find(Cause.isFailReason);
    if (failure !== undefined) return failed(failure.error);
    if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt;
    yield* Effect.provideContext(Effect.logError("stream failed", cause), context);
    return failed(new InternalError());
  });
  return sse(
    Stream.concat(
      Stream.sync(() => framesAfter(dialect.begin(), after)),
      run.eventsAndTicks(keepAlive).pipe(
        Stream.mapArray((heard) => [heard.map(frameOf).join("")]),
        Stream.catchCause((cause) => Stream.fromEffect(last(cause))),
      ),
    ),
  );
});
