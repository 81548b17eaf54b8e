/**
 * `POST /v1/chat/completions`: a request is read, its run is started, what happens is shown in the chosen
 * view and written out.
 */
import { Duration, Effect } from "effect";
import { HttpServerResponse } from "effect/http";
import { Settings } from "../../../config.ts";
import { Runs } from "../../../runs/Runs.ts";
import { type ConversionOptions, Converter } from "../../../services/Converter.ts";
import { rateHeaders } from "../../frame/rateHeaders.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { refused } from "../../frame/respond.ts";
import { enter } from "../entering.ts";
import { notAppliedHeaders } from "../notApplied.ts";
import { streamed, whole } from "./answer.ts";
import { type Chat, makeReadChat } from "./readChat.ts";

/** Builds the handler of the endpoint. */
export const make = Effect.gen(function* () {
  const converter = yield* Converter;
  const readChat = yield* makeReadChat;
  const runs = yield* Runs;
  const entering = enter(runs);
  const keepAlive = Duration.seconds((yield* Settings).keepAliveSeconds);

  const respond = Effect.fnUntraced(function* (chat: Chat) {
    const notes = yield* RequestNotes;
    const run = yield* runs.start({ ...chat.run, ...(notes.id !== undefined && { requestId: notes.id }) });
    notes.run = run;
    const { id, createdSeconds } = run;
    const options: ConversionOptions = { ...chat.shown, id: `chatcmpl-${id}`, createdSeconds };
    const answer = chat.streams ? streamed(run, converter, options, keepAlive) : whole(run, converter, options);
    return yield* answer.pipe(
      Effect.map((response) =>
        HttpServerResponse.setHeaders(response, {
          ...rateHeaders(run.allowance),
          ...notAppliedHeaders(chat.notApplied),
        })
      ),
      Effect.catch((error) => refused(error, { toolsHaveRun: run.toolsHaveRun })),
    );
  });

  const complete = Effect.gen(function* () {
    const notes = yield* RequestNotes;
    yield* entering;
    const chat = yield* readChat;
    notes.user = chat.user;
    notes.model = chat.run.model;
    return yield* Effect.annotateLogs(respond(chat), { user: notes.user, model: notes.model });
  });

  return complete;
});
