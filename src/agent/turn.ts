/**
 * One turn of a run: stream the model, carry out the calls it makes, report both as they happen.
 */
import { Array as Arr, Cause, Clock, Effect, Stream } from "effect";
import type { AgentEvent, FinishReason } from "../domain/AgentEvent.ts";
import { faultsForModel, faultsForReader, type FileFault } from "../domain/FileFault.ts";
import { approvalId, type Asked, type HeldCall } from "../domain/Approval.ts";
import type { Message, ToolCall } from "../domain/Message.ts";
import type { TurnStatus } from "../domain/Session.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import { deniedText, unaskableText, type Verdict } from "../domain/toolPolicy.ts";
import {
  BadOutput,
  ModelError,
  type ModelEvent,
  type ModelParameters,
  type ModelService,
  type ToolChoice,
} from "../services/Model.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import type { ToolboxError, Tools } from "../services/Toolbox.ts";
import type { AgentError, AgentRequest } from "./AgentRequest.ts";
import { divide, type Pending, resume } from "./held.ts";
import { type LiveOutput, withLiveOutput } from "./liveOutput.ts";
import type { RunRecord } from "./RunRecord.ts";

/** What the turns of one run share. */
export interface Run {
  readonly request: AgentRequest;
  readonly model: ModelService;
  readonly tools: Tools;
  readonly system: string;
  /** What the model reads before what this run produces. */
  readonly before: ReadonlyArray<Message>;
  /** What the requests of one conversation share; absent where there will be no other. */
  readonly cacheKey: string | undefined;
  readonly record: RunRecord;
  readonly isClientTool: (name: string) => boolean;
  /** Says whether a call of ours may be carried out. */
  readonly judge: (call: ToolCall) => Verdict;
  /** How long an approval that this run asks for is good, in milliseconds. */
  readonly approvalMs: number;
  /** What a person is asked, once the run pauses for it. */
  asked: Asked | undefined;
  /** The model can be shown images. */
  readonly sees: boolean;
  /** What is wrong with the files of the answer as it was last looked at; undefined before anybody looked. */
  faults: ReadonlyArray<FileFault> | undefined;
  /** Set once the turn is in the session, so that no finalizer stores it twice. */
  stored: boolean;
  /** How the run finished, once it has. */
  ending: FinishReason | undefined;
}

/** What the reader of a cut run finds where a result should be. */
const cutCall = "Not completed: the run ended before this call did.";

/** What a model reads of a call of a client's tool beside calls that wait for a person. */
const notHandedOver =
  "Not made: another call of this turn waits for the user. Make it again afterwards if it is needed.";

/** What a model reads of a call that was one too many. */
const callTooMany = (most: number): string => `Not carried out: this request allows ${most} tool calls in all.`;

/** Stands in a result for what it shows, where the model cannot be shown it. */
export const blind = "(This model cannot be shown images.)";
/** What a model reads that was shown enough of them. */
const tooManyImages = "(It is not shown: the images of this run are as many as a model takes.)";

/** Stands for an answer that a model ended without giving: an empty reply reads as a failure. */
const emptyAnswer = "(The model ended its turn without an answer.)";

const statusOf: Readonly<Record<FinishReason, TurnStatus>> = {
  Stop: "completed",
  ClientTools: "awaiting-client",
  Approval: "awaiting-approval",
  ContentFilter: "limited",
  OutputLimit: "limited",
  TurnLimit: "limited",
  TimeLimit: "limited",
  RunOutputLimit: "limited",
  SpendingLimit: "limited",
};

/** Whether a call is one that a person is asked about. */
const waits = ({ asked }: Run, { id }: ToolCall): boolean => asked?.calls.some(({ callId }) => callId === id) ?? false;

/** Stores what the run has come to; the conversation sees to it that a second time changes nothing. */
export const store = (run: Run, status: TurnStatus): Effect.Effect<void, SessionsUnavailable> =>
  Effect.suspend(() =>
    run.request.conversation.store({
      produced: run.record.close(cutCall, (call) => run.isClientTool(call.name) || waits(run, call)),
      status,
      ...(run.asked !== undefined && { asked: run.asked }),
      model: run.request.model,
      usage: run.record.usage,
      ...(run.record.costUsd !== undefined && { costUsd: run.record.costUsd }),
    })
  ).pipe(
    Effect.andThen(Effect.sync(() => {
      run.stored = true;
    })),
  );

/** Whether there is anything to remember of a run that did not come to its end. */
export const hasProduced = (run: Run): boolean =>
  run.record.close(cutCall, ({ name }) => run.isClientTool(name)).length > 0;

/** Stores the turn, then says that the run has finished, after what is left to say of its last turn. */
export const finish = (
  run: Run,
  reason: FinishReason,
  before: ReadonlyArray<AgentEvent> = [],
): Stream.Stream<AgentEvent, SessionsUnavailable> =>
  Stream.fromIterableEffect(Effect.suspend(() => {
    const { faults = [], record } = run;
    const told = faults.length === 0 ? [] : [record.say(faultsForReader(faults))];
    return Effect.map(store(run, statusOf[reason]), () => {
      run.ending = reason;
      return [...told, ...before, record.finishedEvent(reason)];
    });
  }));

/**
 * Ends the run with an answer, after its files were looked at: what is wrong with them the model may mend once.
 *
 * *Details*: nobody looks when no tool ran, and none is left out of the answer's text: what stays wrong is said in it.
 */
const conclude = (
  run: Run,
  text: string,
  events: ReadonlyArray<AgentEvent>,
): Stream.Stream<AgentEvent, AgentError> => {
  const { record, request: { checkAnswer, parameters } } = run;
  const isFirstLook = run.faults === undefined;
  const ending: ReadonlyArray<AgentEvent> = text === "" && isFirstLook
    ? [{ _tag: "TextDelta", text: emptyAnswer }, ...events]
    : events;
  const isWords = parameters.responseFormat === undefined || parameters.responseFormat._tag === "Text";
  if (checkAnswer === undefined || !isWords || !record.hasExecuted) return finish(run, "Stop", ending);
  const answer = [text, ...run.faults?.map(({ path }) => `\`${path}\``) ?? []].join("\n");
  return Stream.unwrap(Effect.map(checkAnswer(answer, record.callArguments), (faults) => {
    run.faults = faults;
    if (!isFirstLook || faults.length === 0) return finish(run, "Stop", ending);
    const apart = record.say("\n\n");
    record.remark(faultsForModel(faults));
    return Stream.fromArray([apart, ...events]);
  }));
};

/**
 * A wish for JSON governs only the final answer: while tools are offered the model works freely, and
 * what it then says is a draft that a last turn, in which no tool may be called, puts into the wished form.
 */
const wantsFormattedAnswer = (run: Run): boolean => {
  const format = run.request.parameters.responseFormat;
  return format !== undefined && format._tag !== "Text" && hasTools(run);
};

const hasTools = ({ request, tools }: Run): boolean => tools.declarations.length + request.clientTools.length > 0;

/**
 * Whether a tool choice still governs a turn.
 *
 * *Details*: a choice that a tool of the client can meet holds until the client is called, which ends the run;
 * one that only our tools can meet governs the first turn, or no run would ever end.
 */
const isChoiceInForce = ({ request, record, isClientTool }: Run, choice: ToolChoice): boolean => {
  const isFirst = record.turns === 1 && request.conversation.pending === undefined;
  switch (choice._tag) {
    case "Auto":
    case "None":
      return true;
    case "Required":
      return isFirst || request.clientTools.length > 0;
    case "Named":
      return isFirst || isClientTool(choice.name);
  }
};

const parametersFor = (run: Run, phase: "work" | "format"): ModelParameters => {
  const { responseFormat, toolChoice, outputTokensMax, ...rest } = run.request.parameters;
  return {
    ...rest,
    ...(outputTokensMax !== undefined && {
      outputTokensMax: Math.max(1, outputTokensMax - run.record.usage.outputTokens),
    }),
    ...(toolChoice !== undefined && phase === "work" && isChoiceInForce(run, toolChoice) && { toolChoice }),
    ...(phase === "format" && hasTools(run) && { toolChoice: { _tag: "None" } }),
    ...(responseFormat !== undefined && phase === "format" && { responseFormat }),
  };
};

/** What the listener hears of a model turn; it ends where the answer has passed its bound. */
const accepted = <E>(
  pull: Effect.Effect<Arr.NonEmptyReadonlyArray<ModelEvent>, E | Cause.Done>,
  record: RunRecord,
): Effect.Effect<Arr.NonEmptyReadonlyArray<AgentEvent>, E | Cause.Done> => {
  const next: Effect.Effect<Arr.NonEmptyReadonlyArray<AgentEvent>, E | Cause.Done> = Effect.suspend(() =>
    record.isOverOutputLimit ? Cause.done() : Effect.flatMap(pull, (events) => {
      const heard = record.accept(events);
      return Arr.isReadonlyArrayNonEmpty(heard) ? Effect.succeed(heard) : next;
    })
  );
  return next;
};

const modelTurn = (run: Run, phase: "work" | "format", hideText: boolean): Stream.Stream<AgentEvent, AgentError> =>
  Stream.suspend(() => {
    const { request, record } = run;
    record.beginTurn();
    // A turn for the format keeps them: they stand at the beginning of what the provider has in its cache.
    const tools: ReadonlyArray<ToolDeclaration> = [...run.tools.declarations, ...request.clientTools];
    return run.model.stream({
      model: request.model,
      system: run.system,
      messages: [...run.before, ...record.read],
      tools,
      parameters: parametersFor(run, phase),
      ...(request.truncation !== undefined && { truncation: request.truncation }),
      principal: request.owner.principal,
      ...(run.cacheKey !== undefined && { cacheKey: run.cacheKey }),
    }).pipe(
      // Whole arrays at a time: a burst of the model stays a burst on the wire.
      (events) => Stream.transformPull(events, (pull) => Effect.succeed(accepted(pull, record))),
      (events) => hideText ? Stream.filter(events, (event) => event._tag !== "TextDelta") : events,
    );
  });

/** Runs a call; while it runs, what it prints is told live. */
const execute = (run: Run, call: ToolCall, approved: boolean): Stream.Stream<AgentEvent, ToolboxError> => {
  const started: AgentEvent = { _tag: "ToolCallStarted", call };
  const finished = (onOutput: LiveOutput["take"]) =>
    Effect.gen(function* () {
      const startedAtMs = yield* Clock.currentTimeMillis;
      const result = yield* run.tools.call(call, {
        onOutput,
        ...(run.cacheKey !== undefined && { kernel: run.cacheKey }),
        ...(approved && { approved }),
      });
      const durationMs = (yield* Clock.currentTimeMillis) - startedAtMs;
      // The images are for the model; people see the files.
      const { images = [], ...told } = result;
      const shown = run.sees && run.record.takesImages(images);
      run.record.addResult({
        role: "tool",
        callId: call.id,
        name: call.name,
        content: images.length === 0 || shown ? result.text : `${result.text}\n${run.sees ? tooManyImages : blind}`,
        isError: result.isError,
        ...(shown && { images }),
        execution: { startedAtMs, durationMs },
      });
      return { _tag: "ToolCallFinished", call, result: told, durationMs } satisfies AgentEvent;
    });
  return Stream.concat(Stream.make(started), withLiveOutput(call.id, finished));
};

/** Tells a call that is not carried out, and why. */
const refuse = (run: Run, call: ToolCall, why: string): Stream.Stream<AgentEvent> => {
  const result = { text: why, isError: true };
  run.record.addResult({ role: "tool", callId: call.id, name: call.name, content: result.text, isError: true });
  return Stream.make<Array<AgentEvent>>(
    { _tag: "ToolCallStarted", call },
    { _tag: "ToolCallFinished", call, result, durationMs: 0 },
  );
};

/** Runs a call that may be carried out, or where it is one too many leaves it out and tells the model. */
const executeWithin = (run: Run, call: ToolCall, approved: boolean): Stream.Stream<AgentEvent, ToolboxError> =>
  Stream.suspend(() => {
    const { ownCallsMax = Number.POSITIVE_INFINITY } = run.request;
    if (run.record.executed < ownCallsMax) return execute(run, call, approved);
    const { id: callId, name } = call;
    run.record.addResult({ role: "tool", callId, name, content: callTooMany(ownCallsMax), isError: true });
    return Stream.empty;
  });

/** Runs a call, or refuses it where a rule denies it, or asks for it and nobody can be asked. */
const judged = (run: Run, call: ToolCall): Stream.Stream<AgentEvent, ToolboxError> =>
  Stream.suspend(() => {
    const verdict = run.judge(call);
    if (verdict._tag === "Allow") return executeWithin(run, call, verdict.approved === true);
    return refuse(run, call, verdict._tag === "Deny" ? deniedText(verdict.rule) : unaskableText(verdict.rule));
  });

/** Pauses the run: a person is asked about calls, and calls of the client's tools in the same turn are not made. */
const ask = (
  run: Run,
  held: ReadonlyArray<HeldCall>,
  theirs: ReadonlyArray<ToolCall>,
): Stream.Stream<AgentEvent, SessionsUnavailable> =>
  Stream.unwrap(Effect.map(Clock.currentTimeMillis, (nowMs) => {
    for (const { id: callId, name } of theirs) {
      run.record.addResult({ role: "tool", callId, name, content: notHandedOver, isError: true });
    }
    const expiresAtMs = nowMs + run.approvalMs;
    run.asked = { expiresAtMs, calls: held.map(({ call, ...why }) => ({ callId: call.id, ...why })) };
    const id = approvalId(run.request.conversation.turn);
    return finish(run, "Approval", [{ _tag: "ApprovalRequested", id, calls: held, expiresAtMs }]);
  }));

/** Carries out what this request approves of the calls that waited; then the model reads what came of them. */
export const carryOn = (run: Run, pending: Pending): Stream.Stream<AgentEvent, AgentError> => {
  const { record } = run;
  return Stream.concat(
    resume(pending, {
      judge: run.judge,
      execute: (call, approved) => executeWithin(run, call, approved),
      refuse: (call, rule) => refuse(run, call, deniedText(rule)),
      addResult: (message) => record.addResult(message),
      resultOf: ({ id }) => record.resultOf(id),
    }),
    Stream.fromEffectDrain(Effect.sync(() => record.settleOwed())),
  );
};

const noEnding = (model: string) =>
  new ModelError({
    provider: "unknown",
    model,
    reason: new BadOutput({ why: "the turn ended without saying how" }),
    detail: "the adapter's stream ended without a Finished event",
  });

/** What follows a model turn: an ending, or the calls it made. */
const afterModel = (run: Run, formatting: boolean): Stream.Stream<AgentEvent, AgentError> =>
  Stream.suspend(() => {
    const { record, request } = run;
    if (record.isOverOutputLimit) return finish(run, "RunOutputLimit");
    const { finished, calls, text, events } = record.endTurn();
    if (finished === undefined) return Stream.fail(noEnding(request.model));
    if (finished.reason === "OutputLimit" || finished.reason === "ContentFilter") {
      return finish(run, finished.reason, events);
    }
    if (calls.length === 0) {
      if (formatting && text !== "") {
        record.retractTurn();
        return Stream.fromArray(events).pipe(
          Stream.concat(modelTurn(run, "format", false)),
          Stream.concat(afterModel(run, false)),
        );
      }
      return conclude(run, text, events);
    }
    const ours = calls.filter((call) => !run.isClientTool(call.name));
    const theirs = calls.filter((call) => run.isClientTool(call.name));
    const { now, held } = request.conversation.canAsk ? divide(ours, run.judge) : { now: ours, held: [] };
    const executed = Stream.concat(
      Stream.fromArray(events),
      Stream.flatMap(Stream.fromIterable(now), (call) => judged(run, call)),
    );
    if (held.length > 0) return Stream.concat(executed, ask(run, held, theirs));
    if (theirs.length === 0) return executed;
    const handedOver = Stream.fromIterable(theirs.map((call): AgentEvent => ({ _tag: "ClientToolCalled", call })));
    return executed.pipe(Stream.concat(handedOver), Stream.concat(finish(run, "ClientTools")));
  });

/** One turn: what the model says, then what follows it, whose last event is `RunFinished` when the run is over. */
export const turn = (
  run: Run,
): readonly [Stream.Stream<AgentEvent, AgentError>, Stream.Stream<AgentEvent, AgentError>] => {
  const formatting = wantsFormattedAnswer(run);
  // Without tools there is nothing to do but answer, so the wish holds from the start.
  const phase = formatting || hasTools(run) ? "work" : "format";
  return [modelTurn(run, phase, formatting), afterModel(run, formatting)];
};
