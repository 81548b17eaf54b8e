/**
 * One turn of a connection: a frame is read, its run is started, what happens is told as frames.
 */
import { Cause, Clock, Effect, Stream } from "effect";
import type { SocketError } from "effect/socket/Socket";
import { makeId } from "../../../../domain/ids.ts";
import { attachmentsOf, withoutContent } from "../../../../domain/Message.ts";
import { zero } from "../../../../domain/Usage.ts";
import { InternalError, type RunError } from "../../../../runs/RunError.ts";
import type { RunHandle } from "../../../../runs/RunHandle.ts";
import { Runs } from "../../../../runs/Runs.ts";
import { placeAttachments } from "../../../../runs/attachments.ts";
import { Sandbox } from "../../../../services/Sandbox.ts";
import { ResponseStore } from "../../../../services/ResponseStore.ts";
import type { HttpError } from "../../../frame/errors.ts";
import { keyOf } from "../../../frame/errorTable.ts";
import { toReply } from "../../../frame/reply.ts";
import { RequestNotes, runFields } from "../../../frame/RequestNotes.ts";
import { ResponseDialect } from "../dialect.ts";
import { responsesFieldNames } from "../fieldNames.ts";
import { type Asked, makeReadBody } from "../read.ts";
import { silenceMax } from "../stream.ts";
import type { JsonObject } from "../wire.ts";
import { ConnectionResponses } from "./ConnectionResponses.ts";
import { errorFrame, type Frame, readFrame } from "./frames.ts";

/** Sends frames, and waits while a slow peer has too many before it. */
export type Say = (frames: ReadonlyArray<JsonObject>) => Effect.Effect<void, SocketError>;

/**
 * What ended a turn: an error that its peer is told; where its peer is gone or it was interrupted, that again.
 *
 * *Fails with* `SocketError` when the line is broken.
 */
const endingOf = <E extends HttpError>(
  cause: Cause.Cause<E | SocketError>,
): Effect.Effect<E | InternalError, SocketError> => {
  const failed = cause.reasons.find(Cause.isFailReason)?.error;
  if (failed !== undefined) return failed._tag === "SocketError" ? Effect.fail(failed) : Effect.succeed(failed);
  return Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.succeed(new InternalError());
};

/** Notes how a turn failed; a bug is logged with its cause. */
const noted = Effect.fnUntraced(function* (error: HttpError, cause: Cause.Cause<unknown>) {
  const notes = yield* RequestNotes;
  notes.error = keyOf(error);
  if (error._tag === "InternalError") yield* Effect.logError("a turn died of a bug", cause);
});

/** Tells the events of a run that has begun, whatever becomes of it; says whether it failed. */
const tell = Effect.fnUntraced(function* (run: RunHandle, dialect: ResponseDialect, say: Say) {
  yield* run.answered;
  yield* say(dialect.begin());
  return yield* Stream.runForEachArray(
    run.eventsAndTicks(silenceMax),
    (heard) => say(heard.flatMap((event) => event._tag === "Tick" ? [dialect.waiting()] : dialect.step(event))),
  ).pipe(
    Effect.as(false),
    Effect.catchCause((cause: Cause.Cause<RunError | SocketError>) =>
      Effect.gen(function* () {
        const error = yield* endingOf(cause);
        yield* noted(error, cause);
        if (error._tag !== "RunCancelled") {
          yield* say(dialect.fail(toReply(error, { names: responsesFieldNames }).envelope.error, { once: true }));
          return true;
        }
        // No event says that a response was cancelled, but whoever waits for its end must hear one.
        dialect.cancel();
        yield* say([errorFrame(error)]);
        return false;
      })
    ),
  );
});

/** Logs a turn as the log tells a request. */
const logged = <A, E, R>(turn: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const notes: RequestNotes = { id: makeId("req") };
    const startedMs = yield* Clock.currentTimeMillis;
    return yield* turn.pipe(
      Effect.provideService(RequestNotes, notes),
      Effect.annotateLogs("request_id", notes.id),
      Effect.onExit((exit) =>
        Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
          Effect.annotateLogs(Effect.logInfo("turn"), {
            request_id: notes.id,
            duration_ms: nowMs - startedMs,
            ...(notes.user !== undefined && { user: notes.user }),
            ...(notes.model !== undefined && { model: notes.model }),
            ...runFields(notes.run),
            ...(notes.error !== undefined && { error: notes.error }),
            outcome: exit._tag === "Success" ? "sent" : "disconnected",
          }))
      ),
    );
  });

/**
 * Makes the turns of one connection, which remembers its responses for as long as it is open.
 *
 * *Details*: a turn ends with one frame that says so: `response.completed`, `.incomplete`, `.failed`, or an `error` for
 * a request that came to no response. One that failed is told and makes nothing fail. What a failed one went on from is
 * forgotten, as OpenAI's connections do.
 */
export const makeTurns = Effect.fnUntraced(function* (sayAll: Say) {
  const runs = yield* Runs;
  const sandbox = yield* Sandbox;
  const memory = new ConnectionResponses(yield* ResponseStore);
  const readBody = yield* Effect.provideService(makeReadBody({ keepsAll: true }), ResponseStore, memory);

  /** What is said, its files put where the next turn's container has them. */
  const placed = Effect.fnUntraced(function* ({ kit: equipped, run: { messages, storedFiles } }: Asked) {
    if (!messages.some((message) => attachmentsOf(message).length > 0)) return { said: messages, container: undefined };
    const kit = yield* equipped;
    if (kit === undefined) return { said: messages, container: undefined };
    yield* kit.held;
    const said = yield* placeAttachments(sandbox, kit.owner, messages, storedFiles);
    return { said: said.map(withoutContent), container: kit.container };
  }, Effect.scoped);

  /** Remembers what is said, without an answer to it. */
  const prepare = Effect.fnUntraced(function* (asked: Asked, say: Say) {
    const { said, container } = yield* placed(asked);
    const dialect = new ResponseDialect(asked.begun, asked.further);
    const events = [
      ...dialect.begin(),
      ...dialect.step({ _tag: "RunFinished", reason: "Stop", usage: zero, turns: 0 }),
    ];
    yield* memory.put(asked.keeper, asked.unanswered(dialect.response, said, container));
    yield* say(events);
    return false;
  });

  const answer = Effect.fnUntraced(function* ({ body, generates }: Frame, say: Say) {
    const asked = yield* readBody(body, generates);
    const notes = yield* RequestNotes;
    notes.user = asked.user;
    notes.model = asked.run.model;
    if (!generates) return yield* prepare(asked, say);
    const kit = yield* asked.kit;
    const run = yield* runs.start({
      ...asked.run,
      ...(kit !== undefined && { toolKit: kit }),
      ...(notes.id !== undefined && { requestId: notes.id }),
    });
    notes.run = run;
    yield* run.begunWithin(silenceMax);
    return yield* tell(run, new ResponseDialect(asked.begun, asked.further, asked.seal), say);
  });

  return Effect.fnUntraced(function* (data: string | Uint8Array) {
    const { lane, frame } = yield* readFrame(data);
    const say: Say = (frames) =>
      sayAll(lane === undefined ? frames : frames.map((event) => ({ ...event, stream_id: lane })));
    memory.begin();
    const hasFailed = yield* Effect.flatMap(frame, (asked) => answer(asked, say)).pipe(
      Effect.scoped,
      Effect.catchCause((cause) =>
        Effect.gen(function* () {
          const error = yield* endingOf(cause);
          yield* noted(error, cause);
          yield* say([errorFrame(error)]);
          return true;
        })
      ),
      logged,
    );
    if (hasFailed) memory.forget();
  });
});
