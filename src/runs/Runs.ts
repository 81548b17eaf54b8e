/**
 * The use case below every door: one request becomes one run.
 *
 * Admitted by the limits, placed in its session, with the files of its new messages in the workspace, run
 * by the agent, counted, its changed files told, and found again by a try that repeats it.
 */
import { Context, type Duration, Effect, Layer, type Scope, Stream } from "effect";
import { Agent } from "../agent/Agent.ts";
import type { OwnConversation } from "../agent/OwnConversation.ts";
import * as Conversation from "../agent/Conversation.ts";
import { Settings } from "../config.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { Message } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolDeclaration } from "../domain/Tool.ts";
import { type Allowance, Limits } from "../services/Limits.ts";
import type { ModelParameters } from "../services/Model.ts";
import { RunLedger } from "../services/RunLedger.ts";
import { Sandbox } from "../services/Sandbox.ts";
import { Sessions } from "../services/Sessions.ts";
import { type Attempt, single } from "./Attempt.ts";
import { announceArtifacts, type Describe, describeByPath } from "./changedArtifacts.ts";
import { countTokens } from "./countTokens.ts";
import { placeAttachments } from "./attachments.ts";
import { Registry } from "./Registry.ts";
import type { IdempotencyKeyReused, RunError, ShuttingDown } from "./RunError.ts";
import type { Tick } from "./RunLog.ts";
import { doneElsewhere, recorded } from "./shared.ts";
import { unansweredCall } from "./toolAnswers.ts";

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
  /** The client's system and developer texts, in order; they stand after our own prompt. */
  readonly instructions?: ReadonlyArray<string>;
  readonly parameters?: ModelParameters;
  /** Tools the client will answer itself; their names differ from ours. */
  readonly clientTools?: ReadonlyArray<ToolDeclaration>;
  /** False for requests that must not touch the tools; absent, they may be used. */
  readonly useTools?: boolean;
  /** Which try of which request this is; absent, the only one. */
  readonly attempt?: Attempt;
  /** How a changed file is told; absent, by its path in the sandbox. */
  readonly describe?: Describe;
}

/** A request's ear and hand on its run, valid while the scope that started it is open. */
export interface RunHandle {
  /** Unguessable, and the same for every try that joins the run. */
  readonly id: string;
  readonly createdSeconds: number;
  /** What was left of the limits when the run was admitted; empty before it has begun, or where none is set. */
  readonly allowance: Allowance;
  /** Waits for the first event; a failure before it fails this. */
  readonly begun: Effect.Effect<void, RunError>;
  /** Waits for the first event, but not longer than the given time; a failure before it fails this. */
  readonly begunWithin: (time: Duration.Duration) => Effect.Effect<void, RunError>;
  /** Every event of the run, from the first. */
  readonly events: Stream.Stream<AgentEvent, RunError>;
  /** The same, with a `Tick` among them whenever the given time has passed. */
  readonly eventsAndTicks: (every: Duration.Duration) => Stream.Stream<AgentEvent | Tick, RunError>;
  /** A tool has run: what this run does cannot be undone by trying again. */
  readonly toolsHaveRun: boolean;
  /** Notes that the client has been answered: from here on it will not retry by itself. */
  readonly answered: Effect.Effect<void>;
  /** Ends the run and waits until its command is dead; whoever listens hears `RunCancelled`. */
  readonly cancel: Effect.Effect<void>;
}

/** What runs offer. */
export interface RunsService {
  /**
   * Starts a run, or joins the one that this request repeats.
   *
   * *Details*: it returns at once; what fails later fails `begun` and `events`. Closing the scope leaves
   * the run, which ends when nobody is left, as `CAISSON_ON_DISCONNECT` says and after a moment where its
   * client may come back; then the upstream request is cancelled, the command killed, its place free, and
   * what was completed is in the session.
   *
   * *Fails with* `IdempotencyKeyReused` when the key of the attempt came with another request before, and with
   * `ShuttingDown` once {@link drain} has begun.
   */
  readonly start: (
    request: RunRequest,
  ) => Effect.Effect<RunHandle, IdempotencyKeyReused | ShuttingDown, Scope.Scope>;
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

/** The runs of this process over the ports; when its scope closes every run is interrupted. */
export const layer: Layer.Layer<Runs, never, Agent | Limits | RunLedger | Sandbox | Sessions | Settings> = Layer.effect(
  Runs,
  Effect.gen(function* () {
    const agent = yield* Agent;
    const ledger = yield* RunLedger;
    const limits = yield* Limits;
    const sandbox = yield* Sandbox;
    const sessions = yield* Sessions;
    const { onDisconnect } = yield* Settings;
    const registry = new Registry(yield* Effect.scope, onDisconnect);

    /** The events of a run that is admitted, from the session it is placed in to the agent's last word. */
    const work = (request: RunRequest): Stream.Stream<AgentEvent, RunError> =>
      Stream.unwrap(Effect.gen(function* () {
        const { owner, model, useTools = true, describe = describeByPath } = request;
        const opened = yield* Effect.provideService(Conversation.open(request), Sessions, sessions);
        const unanswered = unansweredCall(opened);
        if (unanswered !== undefined) return yield* unanswered;
        const events = agent.run({
          owner,
          conversation: opened.saying(yield* placeAttachments(sandbox, owner, opened.fresh)),
          model,
          instructions: request.instructions ?? [],
          parameters: request.parameters ?? {},
          clientTools: request.clientTools ?? [],
          useTools,
          ...(request.ownConversation !== undefined && { ownConversation: request.ownConversation }),
        });
        return events.pipe(
          countTokens(limits, owner),
          (counted) => announceArtifacts(counted, { sandbox, owner, describe }),
        );
      }));

    const start = Effect.fnUntraced(function* (request: RunRequest) {
      const { attempt = single, owner } = request;
      const entry = yield* registry.enter(attempt, {
        elsewhere: doneElsewhere(ledger, attempt),
        admit: limits.admit(owner),
        work: recorded(ledger, attempt, work(request)),
      });
      const { id, log } = entry;
      return {
        id,
        createdSeconds: Math.floor(entry.createdMs / 1000),
        get allowance() {
          return entry.allowance;
        },
        begun: log.begun,
        begunWithin: (time) => log.begunWithin(time),
        events: log.events,
        eventsAndTicks: (every) => log.eventsAndTicks(every),
        get toolsHaveRun() {
          return log.toolsHaveRun;
        },
        answered: Effect.sync(() => {
          entry.answered = true;
        }),
        cancel: registry.cancel(entry),
      } satisfies RunHandle;
    });

    return Runs.of({
      start,
      running: Effect.sync(() => registry.running),
      drain: (grace) => registry.drain(grace),
      draining: Effect.sync(() => registry.draining),
    });
  }),
);
