/**
 * A conversation: what a request says, placed in its session's history.
 *
 * Opening reads the session and aligns the client's messages with it; storing appends one turn. The
 * agent run in between works on plain messages.
 */
import { Clock, Effect, Schema } from "effect";
import { align, type Alignment, closeOpenCalls } from "../domain/alignment.ts";
import { makeId, ownerKey } from "../domain/ids.ts";
import type { Asked } from "../domain/Approval.ts";
import { type Message, toolCallsOf, withoutContent } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import { pathTo, type SessionKey, type Turn, type TurnParent, type TurnStatus } from "../domain/Session.ts";
import type { Usage } from "../domain/Usage.ts";
import { type OwnWaiting, type Pending, pendingThere, type Reply, replyTo } from "./held.ts";
import type { OwnConversation } from "./OwnConversation.ts";
import { Sessions, type SessionsService, type SessionsUnavailable } from "../services/Sessions.ts";
import { defaultSession, findSession, resendsHistory, type SessionPlace } from "./unnamedSession.ts";

/** How a run ended, as its session remembers it. */
export interface TurnOutcome {
  readonly produced: ReadonlyArray<Message>;
  readonly status: TurnStatus;
  readonly model: string;
  readonly usage: Usage;
  /** What it cost, in US dollars; absent where the model has no price. */
  readonly costUsd?: number;
  /** What a person is asked. */
  readonly asked?: Asked;
}

/** A request's place in its session. */
export interface Conversation {
  readonly key: SessionKey;
  /** The id under which the turn is stored. */
  readonly turn: string;
  /** The turn before it as the session was opened, null for the first; another may come between until it is stored. */
  readonly parent: string | null;
  /** The kept turns in their rich form, tool calls and results included. */
  readonly history: ReadonlyArray<Message>;
  /** What the client newly said. */
  readonly fresh: ReadonlyArray<Message>;
  /** Calls of the turn before that waited for a person, and what is said about them here; absent, none waited. */
  readonly pending?: Pending;
  /** Rules that were granted in this session before. */
  readonly grants: ReadonlySet<string>;
  /** There will be a next request in which a person can answer. */
  readonly canAsk: boolean;
  /** The same place, with what is newly said in the form in which it is to be read and stored. */
  readonly saying: (fresh: ReadonlyArray<Message>) => Conversation;
  /**
   * Stores the turn: what was fresh and what the run produced, without the bytes of files and images.
   *
   * Storing again changes nothing: the turn's id is fixed when the conversation opens.
   *
   * *Fails with* `SessionsUnavailable` when the store does not answer.
   */
  readonly store: (outcome: TurnOutcome) => Effect.Effect<Turn, SessionsUnavailable>;
}

/** A place that whoever asks keeps by itself, instead of a session. */
export interface OwnPlace {
  /** The name of the conversation it is in, and of the turn that will be made. */
  readonly session: string;
  readonly turn: string;
  readonly parent: string | null;
  /** What was said before, in full. */
  readonly history: ReadonlyArray<Message>;
  /** A person can be asked there; absent, nobody is. */
  readonly canAsk?: boolean;
  /** Calls that wait for a person there; absent, none do. */
  readonly waiting?: OwnWaiting;
  /** Takes the turn when the run has come to its end, or was cut. */
  readonly keep: (turn: Turn) => Effect.Effect<void, SessionsUnavailable>;
}

/** Where a request wants to speak, and what it says. */
export interface OpenRequest {
  readonly owner: Owner;
  /** The session the client named; absent, the owner's one default session. */
  readonly sessionId?: string;
  /** The client is known to send the whole conversation every time. */
  readonly sendsWholeHistory?: boolean;
  /**
   * The owner is this conversation and begins with it: a turn without a call is not stored, because nothing would ever
   * lead to it again.
   */
  readonly ownConversation?: Pick<OwnConversation, "isNew">;
  /**
   * The turn that what is said follows, by the client's own word; absent, its messages are aligned with the session.
   * The messages are then all new.
   */
  readonly parent?: Exclude<TurnParent, { readonly _tag: "Newest" }>;
  /** A place outside every session; what names a session is then not looked at. */
  readonly place?: OwnPlace;
  /** The client's messages in order, without its instructions. */
  readonly messages: ReadonlyArray<Message>;
}

/** The session has no turn of the id that a request says it follows. */
export class TurnNotFound extends Schema.TaggedError<TurnNotFound>()("TurnNotFound", { turn: Schema.String }) {}

/** The place that a client names itself. */
const placeAt = (
  turns: ReadonlyArray<Turn>,
  parent: NonNullable<OpenRequest["parent"]>,
  messages: ReadonlyArray<Message>,
): Effect.Effect<Alignment, TurnNotFound> => {
  if (parent._tag === "Root") return Effect.succeed({ parent, history: [], fresh: messages });
  const path = pathTo(turns, parent.turn);
  return path.length === 0 ? Effect.fail(new TurnNotFound({ turn: parent.turn })) : Effect.succeed({
    parent,
    history: closeOpenCalls(path.flatMap((turn) => turn.messages), messages),
    fresh: messages,
  });
};

/** The session of a request, and the place of its messages in it. */
const placeOf = Effect.fnUntraced(function* (
  sessions: SessionsService,
  owner: Owner,
  sessionId: string | undefined,
  sendsWholeHistory: boolean,
  messages: ReadonlyArray<Message>,
): Effect.fn.Return<SessionPlace, SessionsUnavailable> {
  if (sessionId === undefined && !owner.ephemeral) return yield* findSession(sessions, owner, messages);
  const key: SessionKey = { owner: ownerKey(owner), id: sessionId ?? defaultSession };
  const turns = owner.ephemeral ? [] : (yield* sessions.load(key)).turns;
  return { key, turns, alignment: align(turns, messages, { sendsWholeHistory }) };
});

/** The place of a reply: behind the turn that asked, whose calls get their results from this run. */
const replying = ({ history }: Alignment, { turn, pending, said }: Reply): Alignment => {
  const waiting = new Set(pending.calls.map(({ call }) => call.id));
  return {
    parent: { _tag: "After", turn },
    // What stands there says that nobody answered them.
    history: history.filter((message) => message.role !== "tool" || !waiting.has(message.callId)),
    fresh: said,
  };
};

/** The turn before, as the session was opened; null for the first. */
const parentIn = (turns: ReadonlyArray<Turn>, parent: TurnParent): string | null =>
  parent._tag === "After" ? parent.turn : parent._tag === "Root" ? null : turns.at(-1)?.id ?? null;

/** What a turn remembers of being a reply. */
const decidedIn = ({ turn, pending: { grants } }: Reply): Pick<Turn, "decides" | "grants"> => ({
  decides: turn,
  ...(grants.length > 0 && { grants }),
});

/** A conversation in a place that whoever asks keeps: nothing is loaded, aligned or appended. */
const openOwn = Effect.fnUntraced(function* (owner: Owner, place: OwnPlace, said: ReadonlyArray<Message>) {
  const startedAtMs = yield* Clock.currentTimeMillis;
  const { session, turn: id, parent, history, keep, canAsk = false, waiting } = place;
  const pending = waiting === undefined ? undefined : pendingThere(waiting, startedAtMs);
  const saying = (fresh: ReadonlyArray<Message>): Conversation => ({
    key: { owner: ownerKey(owner), id: session },
    turn: id,
    parent,
    history,
    fresh,
    ...(pending !== undefined && { pending }),
    grants: new Set(),
    canAsk,
    saying,
    store: Effect.fnUntraced(function* ({ produced, ...outcome }: TurnOutcome) {
      // What was said in reply stands among what was produced, behind the results of the calls.
      const before = pending === undefined ? fresh : fresh.slice(0, pending.before);
      const messages = [
        ...before.map(withoutContent),
        ...produced.map((message) => message.role === "user" ? withoutContent(message) : message),
      ];
      const finishedAtMs = yield* Clock.currentTimeMillis;
      const turn: Turn = { ...outcome, id, parent, messages, startedAtMs, finishedAtMs };
      yield* keep(turn);
      return turn;
    }),
  });
  return saying(nameAnswers(history, said));
});

/** Gives answers to calls the names of the calls; a client that sends only its answer cannot know them. */
const nameAnswers = (history: ReadonlyArray<Message>, fresh: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  if (!fresh.some((message) => message.role === "tool" && message.name === "")) return fresh;
  const names = new Map([...history, ...fresh].flatMap(toolCallsOf).map((call) => [call.id, call.name]));
  return fresh.map((message) =>
    message.role === "tool" && message.name === "" ? { ...message, name: names.get(message.callId) ?? "" } : message
  );
};

/**
 * Opens a session for a client's messages.
 *
 * *Details*: an ephemeral owner's session exists for this request only and is never stored.
 *
 * *Fails with* `SessionsUnavailable` when the store does not answer, `TurnNotFound` when there is no turn of the id
 * that the request says it follows.
 *
 * *Example* (continue a session):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Conversation, Message, Settings, Usage } from "@caisson/caisson";
 *
 * const at = { owner: { principal: "example", user: "ada", ephemeral: false }, sessionId: "trip" };
 * const program = Effect.gen(function* () {
 *   const first = yield* Conversation.open({ ...at, messages: [Message.user("I am in Rome.")] });
 *   const produced = [Message.assistant("Noted.")];
 *   yield* first.store({ produced, status: "completed", model: "m", usage: Usage.zero });
 *   return yield* Conversation.open({ ...at, messages: [Message.user("Where am I?")] });
 * });
 * const store = Layer.provide(app.sessions, Settings.layerWith({ sessions: "memory" }));
 * const { history, fresh } = await Effect.runPromise(Effect.provide(program, store));
 * assert.deepEqual(history.map(Message.textOf), ["I am in Rome.", "Noted."]);
 * assert.deepEqual(fresh.map(Message.textOf), ["Where am I?"]);
 * ```
 */
export const open = Effect.fnUntraced(
  function* (
    { owner, sessionId, sendsWholeHistory = false, ownConversation, parent: named, place: own, messages }: OpenRequest,
  ): Effect.fn.Return<Conversation, SessionsUnavailable | TurnNotFound, Sessions> {
    if (own !== undefined) return yield* openOwn(owner, own, messages);
    const sessions = yield* Sessions;
    const { key, turns, alignment } = yield* placeOf(sessions, owner, sessionId, sendsWholeHistory, messages);
    const place = named === undefined ? alignment : yield* placeAt(turns, named, messages);
    const before = parentIn(turns, place.parent);
    const reply = yield* replyTo(sessions, key, turns.findLast(({ id }) => id === before), place.fresh);
    const { parent, history, fresh: said } = reply === undefined ? place : replying(place, reply);
    const resent = resendsHistory(messages);
    const id = makeId("turn");
    const startedAtMs = yield* Clock.currentTimeMillis;
    const saying = (fresh: ReadonlyArray<Message>): Conversation => ({
      key,
      turn: id,
      parent: before,
      history,
      fresh,
      ...(reply !== undefined && { pending: reply.pending }),
      grants: new Set(turns.flatMap(({ grants }) => grants ?? [])),
      canAsk: !owner.ephemeral,
      saying,
      store: Effect.fnUntraced(function* ({ produced, ...outcome }: TurnOutcome) {
        const finishedAtMs = yield* Clock.currentTimeMillis;
        // Who replies to what was asked has what was said among what was produced, behind the results of the calls.
        const messages = [...reply === undefined ? fresh : [], ...produced].map(withoutContent);
        const decided = reply === undefined ? {} : decidedIn(reply);
        const turn = { ...outcome, id, messages, startedAtMs, finishedAtMs, ...(resent && { resent }), ...decided };
        const leadsNowhere = ownConversation?.isNew === true && !produced.some((said) => toolCallsOf(said).length > 0);
        if (owner.ephemeral || leadsNowhere) return { ...turn, parent: null };
        // Nobody will delete what it left: it is erased by its age.
        if (ownConversation !== undefined) yield* sessions.noteUnnamed(owner, finishedAtMs);
        return yield* sessions.append(key, { ...turn, parent });
      }),
    });
    return saying(nameAnswers(history, said));
  },
);
