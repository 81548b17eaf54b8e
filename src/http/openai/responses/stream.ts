/**
 * The events of a response as server-sent events, while its run goes on or after it.
 */
import { Cause, Duration, Effect, Stream } from "effect";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { InternalError, type RunError } from "../../../runs/RunError.ts";
import type { RunHandle } from "../../../runs/RunHandle.ts";
import type { Tick } from "../../../runs/RunLog.ts";
import { keepAliveFrame, sse } from "../../../web/sse.ts";
import { keyOf } from "../../frame/errorTable.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { type ResponseDialect, type ResponseEvent, textDelta } from "./dialect.ts";
import { tellError } from "./keep.ts";

/**
 * Silence after which a stream says again that it goes on: Codex gives up after five minutes without an event, and
 * comments are none.
 */
export const silenceMax = Duration.minutes(1);

/**
 * An event as JSON.
 *
 * *Details*: most events are pieces of text, and all but the piece is known of them: written by hand, an
 * event of a stream costs a quarter less CPU.
 */
const jsonOf = (event: ResponseEvent): string => {
  const { type, sequence_number: number, item_id: item, output_index: index, delta } = event;
  return type === textDelta && typeof delta === "string"
    ? `{"type":"${textDelta}","sequence_number":${number},"item_id":"${item}","output_index":${index},` +
      `"content_index":0,"delta":${JSON.stringify(delta)},"logprobs":[]}`
    : JSON.stringify(event);
};

/** Frames behind a number; the first event has the number 0. */
export const framesAfter = (events: ReadonlyArray<ResponseEvent>, after: number): string => {
  let frames = "";
  for (const event of events) {
    if (event.sequence_number > after) frames += `event: ${event.type}\ndata: ${jsonOf(event)}\n\n`;
  }
  return frames;
};

/**
 * Streams a run as the events of its response, those numbered up to `after` left out.
 *
 * *Details*: in silence a comment comes after each `keepAlive`, and after each minute `response.in_progress` under the
 * number of the event before it, so that a client which goes on from that number misses nothing.
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
  const every = Duration.min(keepAlive, silenceMax);
  const silentTicksMax = Math.ceil(Duration.toMillis(silenceMax) / Duration.toMillis(every));
  let silentTicks = 0;
  const frameOf = (heard: AgentEvent | Tick): string => {
    if (heard._tag !== "Tick") {
      silentTicks = 0;
      return framesAfter(dialect.step(heard), after);
    }
    silentTicks++;
    return silentTicks % silentTicksMax === 0 ? framesAfter([dialect.waiting()], -1) : keepAliveFrame;
  };
  /** The frames of what is heard together, which are written together. */
  const framesOf = (heard: ReadonlyArray<AgentEvent | Tick>): string => {
    let frames = "";
    for (const event of heard) frames += frameOf(event);
    return frames;
  };
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
      run.eventsAndTicks(every).pipe(
        Stream.mapArray((heard) => [framesOf(heard)]),
        Stream.catchCause((cause) => Stream.fromEffect(last(cause))),
      ),
    ),
  );
});
