/**
 * The response of a run: streamed as it happens, or whole when it has ended.
 */
import { Array as Arr, Cause, type Duration, Effect, Pull, Result, Stream } from "effect";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { InternalError, type RunError } from "../../../runs/RunError.ts";
import type { Tick } from "../../../runs/RunLog.ts";
import type { RunHandle } from "../../../runs/RunHandle.ts";
import type { ConversionOptions, ConverterService } from "../../../services/Converter.ts";
import { dataFrame, doneFrame, keepAliveFrame, numberedFrame, sse } from "../../../web/sse.ts";
import { keyOf } from "../../frame/errorTable.ts";
import { toReply } from "../../frame/reply.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { json } from "../../frame/respond.ts";

/** A stream as frames, one array at a time; its last frame says how it ended. */
const framed = <A, E>(
  heard: Stream.Stream<A, E>,
  framesOf: (heard: ReadonlyArray<A>) => string,
  lastFrame: (cause: Cause.Cause<E>) => Effect.Effect<string>,
): Stream.Stream<string> =>
  Stream.transformPull(heard, (pull) => {
    let isOver = false;
    const next = Effect.matchCauseEffect(pull, {
      onSuccess: (events) => Effect.succeed(Arr.of(framesOf(events))),
      onFailure: (cause) => {
        isOver = true;
        const failure = Pull.filterNoDone(cause);
        return Result.isFailure(failure)
          ? Effect.succeed(Arr.of(doneFrame))
          : Effect.map(lastFrame(failure.success), Arr.of);
      },
    });
    return Effect.succeed(Effect.suspend(() => isOver ? Cause.done() : next));
  });

/**
 * Streams a run as server-sent events, with a comment whenever it was silent for the given time.
 *
 * *Details*: frames of the view `events` are numbered from 1, and those up to `after` are left out.
 *
 * *Fails with* what the run fails with before its first event; what fails later is the stream's last frame.
 */
export const streamed = Effect.fnUntraced(function* (
  run: RunHandle,
  converter: ConverterService,
  options: ConversionOptions,
  keepAlive: Duration.Duration,
  after = 0,
) {
  // Waiting for the first event keeps errors before it an HTTP status; silence is broken in time.
  yield* run.begunWithin(keepAlive);
  yield* run.answered;
  const notes = yield* RequestNotes;
  const context = yield* Effect.context<never>();
  const conversion = converter.start(options);
  let count = 0;
  const numbered = (json: string): string => ++count > after ? numberedFrame(count, json) : "";
  const chunkFrame = options.view === "events" ? numbered : dataFrame;
  /** The frames of what is heard together, which are written together. */
  const framesOf = (heard: ReadonlyArray<AgentEvent | Tick>): string => {
    let frames = "";
    for (const event of heard) {
      if (event._tag === "Tick") frames += keepAliveFrame;
      else for (const json of conversion.step(event)) frames += chunkFrame(json);
    }
    return frames;
  };
  const errorFrame = (error: RunError): string => {
    notes.outcome = error._tag;
    notes.error = keyOf(error);
    return dataFrame(JSON.stringify(toReply(error, { names: notes.names }).envelope));
  };
  const lastFrame = Effect.fnUntraced(function* (cause: Cause.Cause<RunError>) {
    const failure = cause.reasons.find(Cause.isFailReason);
    if (failure !== undefined) return errorFrame(failure.error);
    if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt;
    yield* Effect.provideContext(Effect.logError("stream failed", cause), context);
    return errorFrame(new InternalError());
  });
  return sse(framed(run.eventsAndTicks(keepAlive), framesOf, lastFrame));
});

/** Answers with the whole response, folded from the same events. *Fails with* what the run fails with. */
export const whole = Effect.fnUntraced(function* (
  run: RunHandle,
  converter: ConverterService,
  options: ConversionOptions,
) {
  const events = yield* Stream.runCollect(run.events);
  yield* run.answered;
  return json(converter.fold(options, events));
});
