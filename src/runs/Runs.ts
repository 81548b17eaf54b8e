/**
 * The use case below every door: one request becomes one run.
 *
 * Admitted by the limits, placed in its session, with the files of its new messages in the workspace, run
 * by the agent, counted, its changed files told, and found again by a try that repeats it.
 */
import { Clock, Context, type Duration, Effect, Layer, Option, type Scope, Stream } from "effect";
import { Agent } from "../agent/Agent.ts";
import type { OwnConversation } from "../agent/OwnConversation.ts";
import * as Conversation from "../agent/Conversation.ts";
import { Settings } from "../config.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { headOf } from "../domain/cutText.ts";
import { ownerKey } from "../domain/ids.ts";
import { type Message, textOf } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { RunHistory } from "../domain/RunHistory.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import type { ToolRule } from "../domain/ToolRule.ts";
import type { ToolKit } from "../services/Toolbox.ts";
import { type Applicant, Limits, type TooManyRequests } from "../services/Limits.ts";
import { openedBy } from "../services/opening.ts";
import type { ModelParameters, Truncation } from "../services/Model.ts";
import { OpeningGate } from "../services/OpeningGate.ts";
import { RunLedger } from "../services/RunLedger.ts";
import { RunStore, type RunStoreService } from "../services/RunStore.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Sessions } from "../services/Sessions.ts";
import { type Attempt, single } from "./Attempt.ts";
import { announceArtifacts, type Describe, describeByPath } from "./changedArtifacts.ts";
import { countTokens } from "./countTokens.ts";
import { placeAttachments, type ReadStored } from "./attachments.ts";
import { makeDeliverables } from "./deliverables.ts";
import { Registry } from "./Registry.ts";
import { historyOf, knownOf, type KnownRun } from "./KnownRun.ts";
import type { RunAbout, RunEntry } from "./RunEntry.ts";
import { handleOf, type RunHandle } from "./RunHandle.ts";
import type { IdempotencyKeyReused, RunError, ShuttingDown } from "./RunError.ts";
import { doneElsewhere, recorded } from "./shared.ts";
import { noteOf, undoReplaced } from "./snapshots/replaced.ts";
import { Snapshots } from "./snapshots/Snapshots.ts";
import { watched } from "./snapshots/watched.ts";
import { unansweredCall } from "./toolAnswers.ts";

export type { KnownRun } from "./KnownRun.ts";
export type { RunHandle } from "./RunHandle.ts";

/** One request, as a door or a program asks for it. */
export interface RunRequest {
  readonly owner: Owner;
  /** Public model name. */
  readonly model: string;
  /** The client's messages in order, without its instructions; user messages may carry files. */
  readonly messages: ReadonlyArray<Message>;
  /** The session the client named; absent, the owner's one default session. */
  readonly sessionId?: string;
  /** The client is known to send the whole conversation every time. */
  readonly sendsWholeHistory?: boolean;
  /** The owner is the conversation itself, because the request named nobody. */
  readonly ownConversation?: OwnConversation;
  /** The bytes of stored files that user messages carry by their ids. */
  readonly storedFiles?: ReadStored;
  /** The client's system and developer texts, in order; they stand after our own prompt. */
  readonly instructions?: ReadonlyArray<string>;
  readonly parameters?: ModelParameters;
  /** Tools the client will answer itself; their names differ from ours. */
  readonly clientTools?: ReadonlyArray<ToolDeclaration>;
  /** Tools that are offered in the place of ours, with the sandbox that they work in. */
  readonly toolKit?: ToolKit;
  /** False for requests that must not touch the tools; absent, they may be used. */
  readonly useTools?: boolean;
  /** Calls to our tools that are carried out; absent, all that the bounds of a run allow. */
  readonly ownCallsMax?: number;
  /** Calls that are to be asked for, beside those of the settings. */
  readonly ask?: ReadonlyArray<ToolRule>;
  /** What may be left out of a conversation that is too long for the model; absent, old tool output. */
  readonly truncation?: Truncation;
  /** Which try of which request this is; absent, the only one. */
  readonly attempt?: Attempt;
  /** How a changed file is told; absent, by its path in the sandbox. */
  readonly describe?: Describe;
  /** The turn that this one follows, by the client's own word; absent, its messages are aligned with the session. */
  readonly parent?: NonNullable<Conversation.OpenRequest["parent"]>;
  /** A place outside every session, which whoever asks keeps. */
  readonly place?: Conversation.OwnPlace;
  /** Passes the events on as they are, and keeps of them what whoever asks wants to keep. */
  readonly recorded?: (events: Stream.Stream<AgentEvent, RunError>) => Stream.Stream<AgentEvent, RunError>;
  /**
   * The run goes on to its end when its listeners leave, and is kept a while for those who come back; it counts as
   * begun as soon as it has its place. Absent, `CAISSON_ON_DISCONNECT` says what becomes of it.
   */
  readonly detached?: boolean;
  /** The id of the request, under which the run can be found again. */
  readonly requestId?: string;
}

/** What runs offer. */
export interface RunsService {
  /**
   * Refuses a request whose run could not begin now, before anything of its body is read.
   *
   * *Details*: it only looks, and a try that may join a run needs no place: it is not to be asked for one.
   *
   * *Fails with* `TooManyRequests` as {@link start} would.
   */
  readonly room: (applicant: Applicant) => Effect.Effect<void, TooManyRequests>;
  /**
   * Waits until one more request of this principal may be read and its run started.
   *
   * *Details*: nearly always that is at once. Of a crowd only some begin in each turn of the event loop, and principals
   * take turns.
   */
  readonly turn: (principal: string) => Effect.Effect<void>;
  /**
   * Starts a run, or joins the one that this request repeats.
   *
   * *Details*: it returns at once; what fails later fails `begun` and `events`. Closing the scope leaves
   * the run, which ends when nobody is left, as `CAISSON_ON_DISCONNECT` says and after a moment where its
   * client may come back; then the upstream request is cancelled, the command killed, its place free, and
   * what was completed is in the session.
   *
   * *Fails with* `IdempotencyKeyReused` when the key of the attempt came with another request before, with
   * `TooManyRequests` where no more runs may go on at once, and with `ShuttingDown` once {@link drain} has begun.
   */
  readonly start: (
    request: RunRequest,
  ) => Effect.Effect<RunHandle, IdempotencyKeyReused | TooManyRequests | ShuttingDown, Scope.Scope>;
  /**
   * Listens to a run of this owner by its id, from its first event; closing the scope stops listening.
   *
   * *Details*: none when there is no such run here, when its result is not kept any more, or when it is another's.
   */
  readonly listen: (owner: Owner, id: string) => Effect.Effect<Option.Option<RunHandle>, never, Scope.Scope>;
  /** Ends a run of this owner and waits until its command is dead; what is known of it then, none as for `listen`. */
  readonly cancel: (owner: Owner, id: string) => Effect.Effect<Option.Option<KnownRun>>;
  /** A run of this owner by its id; none as for `listen`. */
  readonly find: (owner: Owner, id: string) => Effect.Effect<Option.Option<KnownRun>>;
  /** What happened so far in a run of this owner that goes on or is kept, by its id or its request's. */
  readonly history: (owner: Owner, id: string) => Effect.Effect<Option.Option<RunHistory>>;
  /** The runs of this owner that go on or are kept, in the order they were started. */
  readonly list: (owner: Owner) => Effect.Effect<ReadonlyArray<KnownRun>>;
  /** Runs that have not come to their end. */
  readonly running: Effect.Effect<number>;
  /**
   * Begins no more runs, waits for those there are, and ends what is left when the time has passed.
   *
   * *Details*: whoever listens to an ended run has heard `ShuttingDown` when this returns, so that a door can
   * tell its clients before it closes.
   */
  readonly drain: (grace: Duration.Duration) => Effect.Effect<void>;
  /** Whether draining has begun. */
  readonly draining: Effect.Effect<boolean>;
}

/**
 * The runs of one process.
 *
 * *Example* (answer a message):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { app, Message, Runs, Sandbox, Scripted, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const runs = yield* Runs.Runs;
 *   const owner = { principal: "example", user: "ada", ephemeral: true };
 *   const run = yield* runs.start({ owner, model: "scripted", messages: [Message.user("Hello")] });
 *   return yield* Stream.runCollect(run.events);
 * });
 * const model = Scripted.layer([Scripted.answers("Hello, ", "Ada.")]);
 * const sandbox = Layer.mock(Sandbox.Sandbox, { info: { kind: "scripted", why: "example", controls: [], notes: [] } });
 * const layers = app.runs.pipe(
 *   Layer.provide([model, sandbox]), // in earnest `app.model` and `app.sandbox`
 *   Layer.provide(Settings.layerWith({ sessions: "memory" })),
 * );
 * const events = await Effect.runPromise(Effect.scoped(Effect.provide(program, layers)));
 * assert.equal(events.map((event) => event._tag === "TextDelta" ? event.text : "").join(""), "Hello, Ada.");
 * ```
 */
export class Runs extends Context.Service<Runs, RunsService>()("caisson/runs/Runs") {}

/** Requests that are read and whose runs are started in one turn of the event loop: a few milliseconds of work. */
const begunPerLoopTurn = 3;

/** Characters of what was said that are kept for people who look at what goes on. */
const inputMax = 4_000;

const aboutOf = (request: RunRequest): RunAbout => {
  const { owner, ownConversation, sessionId, place, model, messages, detached = false, requestId } = request;
  const said = messages.findLast((message) => message.role === "user");
  return {
    owner: ownerKey(owner),
    session: place?.session ?? sessionId,
    model,
    input: said === undefined ? "" : headOf(textOf(said), inputMax),
    detached,
    requestId,
    isRemembered: !owner.ephemeral && ownConversation === undefined,
  };
};

/** Keeps what happened in a run; a run that cannot be remembered has ended all the same. */
const remember = (store: RunStoreService) => (entry: RunEntry): Effect.Effect<void> =>
  Effect.catch(
    store.put(entry.about.owner, historyOf(entry)),
    (error) => Effect.logWarning("a run is not remembered", error),
  );

const startOf = (
  { key, turn, parent }: Conversation.Conversation,
  model: string,
  kit: ToolKit | undefined,
): AgentEvent => ({
  _tag: "RunStarted",
  session: key.id,
  turn,
  parent,
  model,
  ...(kit !== undefined && { container: kit.container }),
});

/** What can be asked of runs by those who own them. */
const known = (registry: Registry): Pick<RunsService, "listen" | "cancel" | "find" | "history" | "list"> => ({
  listen: (owner, id) =>
    Effect.map(registry.listen(ownerKey(owner), id), Option.map((entry) => handleOf(registry, entry))),
  cancel: Effect.fnUntraced(function* (owner: Owner, id: string) {
    const entry = registry.find(ownerKey(owner), id);
    if (entry === undefined) return Option.none<KnownRun>();
    yield* registry.cancel(entry);
    return Option.some(knownOf(entry));
  }),
  find: (owner, id) =>
    Effect.sync(() => Option.map(Option.fromUndefinedOr(registry.find(ownerKey(owner), id)), knownOf)),
  history: (owner, id) =>
    Effect.sync(() => Option.map(Option.fromUndefinedOr(registry.named(ownerKey(owner), id)), historyOf)),
  list: (owner) => Effect.sync(() => registry.ofOwner(ownerKey(owner)).map(knownOf)),
});

/** The runs of this process over the ports; when its scope closes every run is interrupted. */
export const layer: Layer.Layer<Runs, never, Agent | Limits | RunLedger | Sandbox | Sessions | Settings> = Layer.effect(
  Runs,
  Effect.gen(function* () {
    const agent = yield* Agent;
    const ledger = yield* RunLedger;
    const limits = yield* Limits;
    const sandbox = yield* Sandbox;
    const sessions = yield* Sessions;
    const snapshots = yield* Snapshots;
    const { onDisconnect } = yield* Settings;
    const gate = new OpeningGate(begunPerLoopTurn);
    const registry = new Registry(yield* Effect.scope, onDisconnect, remember(yield* RunStore));

    /** The events of a run that is admitted, from the session it is placed in to the agent's last word. */
    const work = (request: RunRequest): Stream.Stream<AgentEvent, RunError> =>
      openedBy(Effect.gen(function* () {
        const { owner, model, useTools = true, describe = describeByPath, toolKit: kit } = request;
        const workplace = kit?.owner ?? owner;
        const opened = yield* Effect.provideService(Conversation.open(request), Sessions, sessions);
        const unanswered = unansweredCall(opened);
        if (unanswered !== undefined) return yield* unanswered;
        const placed = startOf(opened, model, kit);
        const restored = yield* undoReplaced({ snapshots, sessions }, request, opened);
        const deliverables = makeDeliverables(sandbox, owner, yield* Clock.currentTimeMillis);
        const answered = agent.run({
          owner,
          conversation: opened.saying(yield* placeAttachments(sandbox, workplace, opened.fresh, request.storedFiles)),
          model,
          instructions: [...request.instructions ?? [], ...noteOf(restored)],
          parameters: request.parameters ?? {},
          clientTools: request.clientTools ?? [],
          useTools,
          ...(kit === undefined ? { checkAnswer: deliverables.check } : { toolKit: kit }),
          ...(request.ownCallsMax !== undefined && { ownCallsMax: request.ownCallsMax }),
          ...(request.ask !== undefined && { ask: request.ask }),
          ...(request.truncation !== undefined && { truncation: request.truncation }),
          ...(request.ownConversation !== undefined && { ownConversation: request.ownConversation }),
        });
        // Whoever brings a kit looks after the files of its place.
        const events = kit === undefined ? watched(snapshots, owner, opened, answered) : answered;
        return events.pipe(
          countTokens(limits, owner),
          (counted) =>
            kit === undefined
              ? announceArtifacts(counted, { sandbox, owner, describe, isFaulty: deliverables.isFaulty })
              : counted,
          (told) => Stream.concat(Stream.make(placed), told),
        );
      }));

    const start = Effect.fnUntraced(function* (request: RunRequest) {
      const { attempt = single, owner } = request;
      // What is refused costs no more than the look; a try that joins a run needs no place.
      if (!attempt.joins) yield* limits.room({ principal: owner.principal, owner });
      const entry = yield* registry.enter(attempt, {
        about: aboutOf(request),
        elsewhere: doneElsewhere(ledger, attempt),
        admit: limits.admit(owner),
        work: recorded(ledger, attempt, request.recorded?.(work(request)) ?? work(request)),
      });
      return handleOf(registry, entry);
    });

    return Runs.of({
      room: limits.room,
      turn: (principal) => gate.pass(principal),
      start,
      ...known(registry),
      running: Effect.sync(() => registry.running),
      drain: (grace) => registry.drain(grace),
      draining: Effect.sync(() => registry.draining),
    });
  }),
);
