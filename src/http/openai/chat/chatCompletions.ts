/**
 * `POST /v1/chat/completions`: one request from the wire to the agent and back.
 */
import { Cause, Duration, Effect, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { Agent } from "../../../agent/Agent.ts";
import { announceArtifacts } from "../../../runs/changedArtifacts.ts";
import { placeAttachments } from "../../../runs/attachments.ts";
import * as Conversation from "../../../agent/Conversation.ts";
import { Settings } from "../../../config.ts";
import type { AgentEvent } from "../../../domain/AgentEvent.ts";
import { makeId } from "../../../domain/ids.ts";
import { textOf } from "../../../domain/Message.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { type ConversionOptions, Converter, type View } from "../../../services/Converter.ts";
import { type Allowance, Limits } from "../../../services/Limits.ts";
import { Model } from "../../../services/Model.ts";
import { RunLedger } from "../../../services/RunLedger.ts";
import { Sandbox } from "../../../services/Sandbox.ts";
import { Sessions } from "../../../services/Sessions.ts";
import { ArtifactLinks } from "../../caisson/ArtifactLinks.ts";
import { Caller } from "../../frame/Caller.ts";
import { isBackgroundTask, readChatUi } from "../../frame/chatUi.ts";
import { readAttempt } from "../attempt.ts";
import type { HttpError } from "../../frame/errors.ts";
import { toReply } from "../../frame/reply.ts";
import { countTokens, rateHeaders } from "../../frame/rateHeaders.ts";
import { decodeRequest, readBody } from "../decode.ts";
import { type Asked, toAgentRequest } from "./toRunRequest.ts";
import { unansweredCall } from "../../../runs/toolAnswers.ts";
import { RequestNotes } from "../../frame/RequestNotes.ts";
import { failed, json } from "../../frame/respond.ts";
import type { Tick } from "../../../runs/RunLog.ts";
import { InternalError, type RunError } from "../../../runs/RunError.ts";
import { type Listening, Runs } from "../../../runs/Registry.ts";
import { chooseSession, type SessionChoice } from "../sessionChoice.ts";
import { sharedRun } from "../../../runs/shared.ts";
import { dataFrame, doneFrame, keepAliveFrame, sse } from "../../../web/sse.ts";
import { notApplied, notAppliedHeader } from "./parameters.ts";
import { chooseView, splitModel, viewHeader } from "./views.ts";

const mebibyte = 1024 * 1024;

/** A request that is understood: what to run, for whom, and how to show it. */
interface Order {
  readonly asked: Asked;
  readonly owner: Owner;
  readonly model: string;
  readonly session: SessionChoice;
  readonly useTools: boolean;
  /** Where links to files lead. */
  readonly linkBase: string;
}

/** An owner that lives for one request, for work that must leave no trace in a user's session. */
const passing = (owner: Owner): Owner => ({ ...owner, user: makeId("task"), ephemeral: true });

/** Whether our own calls may be shown as `tool_calls`: not where the client must answer its own. */
const effectiveView = (view: View, asked: Asked): View =>
  view === "tool_calls" && asked.clientTools.length > 0 ? "text" : view;

/** Builds the handler of the endpoint. */
export const make = Effect.gen(function* () {
  const agent = yield* Agent;
  const converter = yield* Converter;
  const ledger = yield* RunLedger;
  const limits = yield* Limits;
  const models = yield* Model;
  const runs = yield* Runs;
  const sandbox = yield* Sandbox;
  const sessions = yield* Sessions;
  const settings = yield* Settings;
  const links = yield* ArtifactLinks;

  const bounds = {
    messagesMax: settings.messagesMax,
    attachmentBytesMax: settings.artifactMbMax * mebibyte,
  };
  const keepAlive = Duration.seconds(settings.keepAliveSeconds);

  /** The events of a new run, from the session it is placed in to the agent's last word. */
  const run = (
    order: Order,
    onAdmitted: (allowance: Allowance) => void,
  ): Stream.Stream<AgentEvent, RunError> =>
    Stream.unwrap(Effect.gen(function* () {
      onAdmitted(yield* limits.admit(order.owner));
      const { asked, owner, model, session, useTools } = order;
      const conversation = yield* Conversation.open({
        owner,
        messages: asked.messages,
        ...session,
      }).pipe(Effect.provideService(Sessions, sessions));
      const unanswered = unansweredCall(conversation);
      if (unanswered !== undefined) return yield* unanswered;
      const said = conversation.fresh.map(textOf).join("\n");
      yield* placeAttachments(owner, asked.attachments.filter(({ path }) => said.includes(path))).pipe(
        Effect.provideService(Sandbox, sandbox),
      );
      const events = agent.run({
        owner,
        conversation,
        model,
        instructions: asked.instructions,
        parameters: asked.parameters,
        clientTools: asked.clientTools,
        useTools,
      }).pipe(countTokens(limits, owner));
      return announceArtifacts(events, {
        sandbox,
        owner,
        describe: (file, imageType) => links.describe(order.linkBase, owner, file, imageType),
      });
    }));

  /** The streamed response: what fails from here on is told in the stream. */
  const stream = Effect.fnUntraced(function* (listening: Listening, options: ConversionOptions) {
    // Waiting for the first event keeps errors before it an HTTP status; silence is broken in time.
    yield* listening.begunWithin(keepAlive);
    yield* listening.answered;
    const notes = yield* RequestNotes;
    const context = yield* Effect.context<never>();
    const conversion = converter.start(options);
    const frameOf = (heard: AgentEvent | Tick): string =>
      heard._tag === "Tick" ? keepAliveFrame : conversion.step(heard).map(dataFrame).join("");
    const errorFrame = (error: HttpError): string => {
      notes.outcome = error._tag;
      return dataFrame(toReply(error).envelope);
    };
    const lastFrame = Effect.fnUntraced(function* (cause: Cause.Cause<HttpError>) {
      const failure = cause.reasons.find(Cause.isFailReason);
      if (failure !== undefined) return errorFrame(failure.error);
      if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt;
      yield* Effect.provideContext(Effect.logError("stream failed", cause), context);
      return errorFrame(new InternalError());
    });
    return sse(
      listening.eventsAndTicks(keepAlive).pipe(
        Stream.mapArray((heard) => [heard.map(frameOf).join("")]),
        Stream.concat(Stream.make(doneFrame)),
        Stream.catchCause((cause) => Stream.fromEffect(lastFrame(cause))),
      ),
    );
  });

  /** The whole response, folded from the same events. */
  const whole = Effect.fnUntraced(function* (listening: Listening, options: ConversionOptions) {
    const events = yield* Stream.runCollect(listening.events);
    yield* listening.answered;
    return json(converter.fold(options, events));
  });

  const complete = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { headers } = request;
    const notes = yield* RequestNotes;
    const caller = yield* Caller;

    // 1. Decode.
    const text = yield* readBody(request, settings.bodyBytesMax);
    const body = yield* decodeRequest(text);

    // 2. Wire to domain; what is not supported is refused here.
    const asked = yield* toAgentRequest(body, bounds);
    const named = body.model ?? (yield* models.defaultModel);
    const { model, view: suffix } = splitModel(named);
    const chosen = yield* chooseView({
      header: headers[viewHeader],
      metadata: body.metadata?.["view"],
      suffix,
      fallback: settings.toolView,
    });
    const ui = readChatUi(headers);
    const task = isBackgroundTask(ui, asked.messages);
    const user = caller.ownerOf(body);
    const order: Order = {
      asked,
      owner: task ? passing(user) : user,
      model,
      session: yield* chooseSession(headers, body.metadata, ui),
      useTools: !task,
      linkBase: links.baseOf(request),
    };
    notes.user = user.user === "" ? user.principal : `${user.principal}/${user.user}`;
    notes.model = model;

    const respond = Effect.gen(function* () {
      // 3 and 4. Open the session and run the agent: once, however often the request is tried.
      const attempt = yield* readAttempt(caller.identity.principal, headers, text);
      let allowance: Allowance = {};
      const work = sharedRun(ledger, attempt, run(order, (admitted) => void (allowance = admitted)));
      const listening = yield* runs.listen(attempt, work);

      const skipped = yield* notApplied(body, models.find(model));

      // 5 to 7. The first event, the conversion, the response.
      const options: ConversionOptions = {
        view: effectiveView(chosen, asked),
        id: listening.id,
        createdSeconds: listening.createdSeconds,
        model: named,
        includeUsage: body.stream_options?.include_usage ?? false,
        answerOnly: asked.answerOnly,
      };
      const answer = body.stream === true ? stream(listening, options) : whole(listening, options);
      return yield* answer.pipe(
        Effect.map((response) =>
          HttpServerResponse.setHeaders(response, {
            ...rateHeaders(allowance),
            ...(skipped.length > 0 && { [notAppliedHeader]: skipped.join(", ") }),
          })
        ),
        Effect.catch((error) => Effect.succeed(failed(error, { toolsHaveRun: listening.toolsHaveRun() }))),
      );
    });
    return yield* Effect.annotateLogs(respond, { user: notes.user, model });
  });

  return complete;
});
