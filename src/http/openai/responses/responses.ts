/**
 * `POST /v1/responses`: a request is read, its run is started, what happens is told as the events of a response.
 */
import { Duration, Effect, Stream } from "effect";
import { HttpServerResponse } from "effect/http";
import { Settings } from "../../../config.ts";
import type { RunHandle } from "../../../runs/RunHandle.ts";
import { Runs } from "../../../runs/Runs.ts";
import { rateHeaders } from "../../frame/rateHeaders.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { json, refused } from "../../frame/respond.ts";
import { enter } from "../entering.ts";
import { notAppliedHeaders } from "../notApplied.ts";
import { makeCompact } from "./compact.ts";
import { ResponseDialect } from "./dialect.ts";
import { type Asked, makeRead } from "./read.ts";
import { makeConnect } from "./socket/connect.ts";
import { makeStored } from "./stored.ts";
import { streamed } from "./stream.ts";
import type { JsonObject } from "./wire.ts";

/** Builds the handlers of the endpoints. */
export const make = Effect.gen(function* () {
  const stored = yield* makeStored;
  const read = yield* makeRead;
  const runs = yield* Runs;
  const entering = enter(runs);
  const keepAlive = Duration.seconds((yield* Settings).keepAliveSeconds);

  const whole = Effect.fnUntraced(function* (run: RunHandle, dialect: ResponseDialect) {
    yield* Stream.runForEachArray(run.events, (events) =>
      Effect.sync(() => {
        for (const event of events) dialect.step(event);
      }));
    yield* run.answered;
    return json(dialect.response);
  });

  const queued = Effect.fnUntraced(function* (run: RunHandle, begun: JsonObject) {
    yield* run.begun;
    return json({ ...begun, status: "queued" });
  });

  const respond = Effect.fnUntraced(function* (asked: Asked) {
    const notes = yield* RequestNotes;
    const kit = yield* asked.kit;
    const run = yield* runs.start({
      ...asked.run,
      ...(kit !== undefined && { toolKit: kit }),
      ...(notes.id !== undefined && { requestId: notes.id }),
    });
    notes.run = run;
    const dialect = new ResponseDialect(asked.begun, asked.further, asked.seal);
    const answer = asked.streams
      ? streamed(run, dialect, keepAlive)
      : asked.background
      ? queued(run, asked.begun)
      : whole(run, dialect);
    return yield* answer.pipe(
      Effect.map((response) =>
        HttpServerResponse.setHeaders(response, {
          ...rateHeaders(run.allowance),
          ...notAppliedHeaders(asked.notApplied),
        })
      ),
      Effect.catch((error) => refused(error, { toolsHaveRun: run.toolsHaveRun })),
    );
  });

  const create = Effect.gen(function* () {
    const notes = yield* RequestNotes;
    yield* entering;
    const asked = yield* read;
    notes.user = asked.user;
    notes.model = asked.run.model;
    return yield* Effect.annotateLogs(respond(asked), { user: notes.user, model: notes.model });
  });

  return { create, connect: yield* makeConnect, ...stored, ...(yield* makeCompact(read)) };
});
