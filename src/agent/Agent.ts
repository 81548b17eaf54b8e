/**
 * The agent: a run is a stream of events, from the first model turn to the last.
 *
 * The loop is model turn → tool calls → next turn, bounded by turns, wall time and output. It depends
 * on ports only and knows neither HTTP nor MCP.
 */
import { Cause, Context, Duration, Effect, Exit, Layer, Stream } from "effect";
import { Settings } from "../config.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { requestAccess } from "../domain/accessRequest.ts";
import { viewImage } from "../domain/agentTools.ts";
import { sessionDigest } from "../domain/ids.ts";
import { inWords, isDecision, type Message } from "../domain/Message.ts";
import { judge, policyOf, type PolicySettings } from "../domain/toolPolicy.ts";
import { Model } from "../services/Model.ts";
import { onClose } from "../services/onClose.ts";
import { oneByOne, openedBy } from "../services/opening.ts";
import { Toolbox, type ToolboxService, type Tools } from "../services/Toolbox.ts";
import { UsageLedger } from "../services/UsageLedger.ts";
import type { AgentError, AgentRequest } from "./AgentRequest.ts";
import { endAfter } from "./endAfter.ts";
import { withIssuedIds } from "./issuedCalls.ts";
import { type Owed, RunRecord } from "./RunRecord.ts";
import { Spending } from "./Spending.ts";
import { blind, carryOn, finish, hasProduced, type Run, store, turn } from "./turn.ts";

export type { AgentError, AgentRequest } from "./AgentRequest.ts";

/** What the agent offers. */
export interface AgentService {
  /**
   * Runs a request to its end.
   *
   * *Details*: events come as they happen; exactly one `RunFinished` is the last of a run that did
   * not fail, and the turn is in the session before it is emitted. Tool calls of one model turn run in
   * the order given. Reaching a bound is an ending, not an error. Closing the stream early cancels the
   * upstream request and kills the command that runs; what was completed is stored.
   *
   * *Fails with* `ModelNotFound` and `SpendingLimitReached` before the first event; `ModelError`, `SandboxError`,
   * `ToolServerUnavailable` and `SessionsUnavailable` at any point, after storing what was completed.
   */
  readonly run: (request: AgentRequest) => Stream.Stream<AgentEvent, AgentError>;
}

/** The agent. */
export class Agent extends Context.Service<Agent, AgentService>()("caisson/agent/Agent") {}

/** Time a cut run has to remember what it completed; a store that takes longer is given up on. */
const storeDeadline = Duration.seconds(5);

/** The tools of a run that must not use any. */
const noTools: Tools = {
  declarations: [],
  call: (call) => Effect.succeed({ text: `Error: there is no tool named '${call.name}' here`, isError: true }),
};

/** Our prompt, and what the client says after it under a heading, so that a model can tell them apart. */
const systemOf = (prompt: string, instructions: ReadonlyArray<string>): string => {
  const said = instructions.filter((part) => part !== "");
  const heading = prompt === "" || said.length === 0 ? [] : ["# From the application"];
  return [...(prompt === "" ? [] : [prompt]), ...heading, ...said].join("\n\n");
};

/** The message as a model that may not see reads it: of what a tool showed it is told in words. */
const asRead = (message: Message, vision: boolean): Message => {
  const read = inWords(message);
  if (vision || read.role !== "tool" || read.images === undefined) return read;
  const { images: _, ...rest } = read;
  return { ...rest, content: `${rest.content}\n${blind}` };
};

/** Messages as a model reads them: decisions about calls are none of its words. */
const readBy = (vision: boolean, messages: ReadonlyArray<Message>): ReadonlyArray<Message> =>
  messages.filter((message) => !isDecision(message)).map((message) => asRead(message, vision));

/** The tools that are of use to a model: one that cannot see is not offered to look, and a client's own come first. */
const offeredTo = (vision: boolean, tools: Tools, clientToolNames: ReadonlySet<string>): Tools =>
  vision && clientToolNames.size === 0 ? tools : {
    ...tools,
    declarations: tools.declarations.filter(({ name }) =>
      (vision || name !== viewImage.name) && !clientToolNames.has(name)
    ),
  };

/** What a run may call, and what its model is told of it. */
const equipped = Effect.fnUntraced(function* (
  toolbox: ToolboxService,
  request: AgentRequest,
  vision: boolean,
  clientToolNames: ReadonlySet<string>,
) {
  const { toolKit: kit, owner, useTools } = request;
  if (kit !== undefined) {
    yield* kit.held;
    const inner = yield* toolbox.open(kit.owner);
    const tools: Tools = {
      declarations: kit.declarations,
      call: (call, options = {}) => kit.call(call, inner, options),
    };
    return { tools, prompt: kit.prompt };
  }
  if (!useTools) return { tools: noTools, prompt: "" };
  const tools = offeredTo(vision, yield* toolbox.open(owner), clientToolNames);
  return { tools, prompt: yield* toolbox.systemPrompt(owner) };
});

/** Says what the rules say of calls: of each by itself, and of what it comes to. */
const judgeOf = (
  settings: PolicySettings,
  { ask, conversation, toolKit }: AgentRequest,
  { declarations }: Tools,
): Run["judge"] => {
  const policy = policyOf(settings, ask, declarations.some(({ name }) => name === requestAccess.name));
  const { pending, grants } = conversation;
  const granted = pending === undefined ? grants : new Set([...grants, ...pending.grants]);
  return (call) => judge(policy, toolKit === undefined ? [call] : [call, ...toolKit.comesTo(call)], granted);
};

/** What a run that replies to a question owes first. */
const owedBy = ({ conversation: { fresh, pending } }: AgentRequest): Owed | undefined =>
  pending === undefined
    ? undefined
    : { calls: pending.calls.map(({ call }) => call), said: fresh.slice(pending.before) };

/** Remembers what a run completed before it was cancelled or failed. */
const storeUnfinished = (run: Run, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  if (run.stored || !hasProduced(run)) return Effect.void;
  const status = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? "failed" : "cancelled";
  return store(run, status).pipe(
    Effect.timeout(storeDeadline),
    Effect.catchCause((cause) => Effect.logError("a cut run could not be stored", cause)),
  );
};

/**
 * The agent over the Model and Toolbox ports, with the bounds of the settings.
 *
 * *Example* (bound a run):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { Agent, app, Conversation, Message, Scripted, Settings, Toolbox } from "@caisson/caisson";
 *
 * const clock = Layer.mock(Toolbox.Toolbox, {
 *   open: () => Effect.succeed({ declarations: [], call: () => Effect.succeed({ text: "noon", isError: false }) }),
 *   systemPrompt: () => Effect.succeed("You tell the time."),
 * });
 * const restless = Scripted.layer([Scripted.calls(Scripted.toolCall("1", "time", {}))]);
 *
 * const program = Effect.gen(function* () {
 *   const owner = { principal: "example", user: "ada", ephemeral: true };
 *   const conversation = yield* Conversation.open({ owner, messages: [Message.user("What time is it?")] });
 *   const request = { owner, conversation, model: "scripted", instructions: [], parameters: {}, clientTools: [] };
 *   return yield* Stream.runCollect((yield* Agent.Agent).run({ ...request, useTools: true }));
 * });
 * const layers = Agent.layer.pipe(
 *   Layer.provide([restless, clock]),
 *   Layer.merge(app.sessions),
 *   Layer.provide(Settings.layerWith({ sessions: "memory", turnsMax: 1 })),
 * );
 * const last = (await Effect.runPromise(Effect.provide(program, layers))).at(-1);
 * assert.equal(last?._tag === "RunFinished" && last.reason, "TurnLimit");
 * ```
 */
export const layer: Layer.Layer<Agent, never, Model | Toolbox | Settings> = Layer.effect(
  Agent,
  Effect.gen(function* () {
    const model = yield* Model;
    const toolbox = yield* Toolbox;
    const settings = yield* Settings;
    const ledger = yield* UsageLedger;

    const open = Effect.fnUntraced(function* (request: AgentRequest) {
      const { price, vision } = yield* model.find(request.model);
      const spending = new Spending(ledger, settings, request.owner, price);
      yield* spending.admit;
      const clientToolNames = new Set(request.clientTools.map(({ name }) => name));
      const { tools, prompt } = yield* equipped(toolbox, request, vision, clientToolNames);
      const { conversation: { fresh, history, pending } } = request;
      const run: Run = {
        request,
        model: request.ownConversation === undefined
          ? model
          : withIssuedIds(model, request.ownConversation.issueCallId),
        tools,
        system: systemOf(prompt, request.instructions),
        before: readBy(vision, [...history, ...fresh.slice(0, pending?.before)]),
        cacheKey: request.owner.ephemeral ? undefined : sessionDigest(request.conversation.key),
        record: new RunRecord(settings.runOutputBytesMax, price, owedBy(request)),
        sees: vision,
        isClientTool: (name) => clientToolNames.has(name),
        judge: judgeOf(settings, request, tools),
        approvalMs: settings.approvalSeconds * 1000,
        asked: undefined,
        stored: false,
        faults: undefined,
        ending: undefined,
      };
      yield* onClose((exit) => storeUnfinished(run, exit));
      yield* onClose((exit) =>
        run.record.turns === 0 ? Effect.void : spending.close({
          model: request.model,
          turns: run.record.turns,
          usage: run.record.usage,
          end: run.ending ?? (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? "cancelled" : "failed"),
        })
      );
      return { run, spending };
    });

    /** What a run consists of, until it has finished: what is owed, then turns without end. */
    const stages = function* ({ run, spending }: { readonly run: Run; readonly spending: Spending }) {
      const { pending } = run.request.conversation;
      if (pending !== undefined) yield carryOn(run, pending);
      for (let number = 1;; number++) {
        const [said, following] = turn(run);
        yield openedBy(
          Effect.map(
            spending.isOver(run.record.usage),
            (over) =>
              over ? finish(run, "SpendingLimit") : number > settings.turnsMax ? finish(run, "TurnLimit") : said,
          ),
        );
        yield following;
      }
    };

    const turns = (opened: { readonly run: Run; readonly spending: Spending }) => {
      const { run } = opened;
      return oneByOne(() => stages(opened)).pipe(
        Stream.takeUntil((event) => event._tag === "RunFinished"),
        endAfter(Duration.seconds(settings.runSecondsMax)),
        Stream.concat(Stream.suspend(() => run.stored ? Stream.empty : finish(run, "TimeLimit"))),
      );
    };

    return Agent.of({ run: (request) => openedBy(Effect.map(open(request), turns)) });
  }),
);
