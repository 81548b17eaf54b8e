/**
 * A conversation: what a request says, placed in its session's history.
 *
 * Opening reads the session and aligns the client's messages with it; storing appends one turn. The
 * agent run in between works on plain messages.
 */
import { Clock, Effect } from "effect";
import { align } from "../domain/alignment.ts";
import { makeId, ownerKey } from "../domain/ids.ts";
import { type Message, toolCallsOf, withoutContent } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { SessionKey, Turn, TurnStatus } from "../domain/Session.ts";
import type { Usage } from "../domain/Usage.ts";
import type { OwnConversation } from "./OwnConversation.ts";
import { Sessions, type SessionsUnavailable } from "../services/Sessions.ts";

/** How a run ended, as its session remembers it. */
export interface TurnOutcome {
  readonly produced: ReadonlyArray<Message>;
  readonly status: TurnStatus;
  readonly model: string;
  readonly usage: Usage;
}

/** A request's place in its session. */
export interface Conversation {
  readonly key: SessionKey;
  /** The kept turns in their rich form, tool calls and results included. */
  readonly history: ReadonlyArray<Message>;
  /** What the client newly said. */
  readonly fresh: ReadonlyArray<Message>;
  /** The same place, with what is newly said in the form in which it is to be read and stored. */
  readonly saying: (fresh: ReadonlyArray<Message>) => Conversation;
  /**
   * Stores the turn: what was fresh and what the run produced, without the bytes of files.
   *
   * Storing again changes nothing: the turn's id is fixed when the conversation opens.
   *
   * *Fails with* `SessionsUnavailable` when the store does not answer.
   */
  readonly store: (outcome: TurnOutcome) => Effect.Effect<Turn, SessionsUnavailable>;
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
  /** The client's messages in order, without its instructions. */
  readonly messages: ReadonlyArray<Message>;
}

const defaultSession = "default";

/** Whether a client sends what came before, as those do that remember by themselves. */
const resendsHistory = (messages: ReadonlyArray<Message>): boolean => {
  const said = messages.findIndex((message) => message.role === "user");
  return said >= 0 && messages.slice(said).some((message) => message.role === "assistant");
};

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
 * *Fails with* `SessionsUnavailable` when the store does not answer.
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
    { owner, sessionId, sendsWholeHistory = false, ownConversation, messages }: OpenRequest,
  ): Effect.fn.Return<Conversation, SessionsUnavailable, Sessions> {
    const sessions = yield* Sessions;
    const key: SessionKey = { owner: ownerKey(owner), id: sessionId ?? defaultSession };
    const turns = owner.ephemeral ? [] : (yield* sessions.load(key)).turns;
    const resent = resendsHistory(messages);
    // A client that resent its history to this session before does so always: its lone message begins anew.
    const remembers = sendsWholeHistory || (sessionId === undefined && turns.some((turn) => turn.resent === true));
    const { parent, history, fresh: said } = align(turns, messages, { sendsWholeHistory: remembers });
    const id = makeId("turn");
    const startedAtMs = yield* Clock.currentTimeMillis;
    const saying = (fresh: ReadonlyArray<Message>): Conversation => ({
      key,
      history,
      fresh,
      saying,
      store: Effect.fnUntraced(function* ({ produced, ...outcome }: TurnOutcome) {
        const finishedAtMs = yield* Clock.currentTimeMillis;
        const messages = [...fresh.map(withoutContent), ...produced];
        const turn = { ...outcome, id, messages, startedAtMs, finishedAtMs, ...(resent && { resent }) };
        const leadsNowhere = ownConversation?.isNew === true && !produced.some((said) => toolCallsOf(said).length > 0);
        return owner.ephemeral || leadsNowhere
          ? { ...turn, parent: null }
          : yield* sessions.append(key, { ...turn, parent });
      }),
    });
    return saying(nameAnswers(history, said));
  },
);
