/**
 * The Sessions port: where the turns of conversations are kept.
 *
 * A store only keeps and places turns. How a client's messages are aligned with them is the agent's
 * business and the same for every store.
 */
import { Context, type Effect, Schema } from "effect";
import type { Owner, OwnerKey } from "../domain/Owner.ts";
import type { NewTurn, Session, SessionKey, Turn } from "../domain/Session.ts";

// Errors -----------------------------------------------------------------------------------------

/** The store cannot be reached or refused to work; `detail` is for the log only. */
export class SessionsUnavailable extends Schema.TaggedError<SessionsUnavailable>()("SessionsUnavailable", {
  store: Schema.String,
  operation: Schema.String,
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `session store ${this.store} failed in ${this.operation}`;
  }
}

/** What comes of claiming a name: it was free, or somebody has it, with what has become of it where that is known. */
export type Claim =
  | { readonly _tag: "Won" }
  | { readonly _tag: "Taken"; readonly outcome: string | undefined };

/** What a list of sessions shows of each. */
export interface SessionSummary {
  readonly key: SessionKey;
  /** Its newest turn, where that waits for a person to decide about calls. */
  readonly awaiting?: string;
  /** The first words of its first message, or what its user named it; empty where nothing was said. */
  readonly title: string;
  readonly turns: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
}

// Port -------------------------------------------------------------------------------------------

/** What a session store offers. Every operation *fails with* `SessionsUnavailable` when the store does not answer. */
export interface SessionsService {
  /** Which store this is, for `/health`. */
  readonly kind: "memory" | "sqlite" | "redis";
  /** Loads a session, with no turns when there is none or it has expired. It counts as a use. */
  readonly load: (key: SessionKey) => Effect.Effect<Session, SessionsUnavailable>;
  /**
   * Stores a turn and returns it as placed.
   *
   * *Details*: atomic; when it has returned, the turn survives what the store survives. `Newest` is
   * resolved at this moment, so two turns stored at once follow one another and neither is lost. A
   * parent that no longer exists makes the turn follow the newest. Storing a turn id again changes
   * nothing and returns the stored turn.
   */
  readonly append: (key: SessionKey, turn: NewTurn) => Effect.Effect<Turn, SessionsUnavailable>;
  /**
   * Takes a name in a session once and for all: of all who ask, on every instance, one wins.
   *
   * *Details*: who is told that it is taken hears the outcome that the winner settled, undefined before that and for
   * ever when the winner died. Names live as long as their session; in one that is not there every name is taken.
   */
  readonly claim: (key: SessionKey, name: string) => Effect.Effect<Claim, SessionsUnavailable>;
  /** Says what has become of a name that was won; the first word counts. */
  readonly settle: (key: SessionKey, name: string, outcome: string) => Effect.Effect<void, SessionsUnavailable>;
  /** Lists an owner's sessions, last used first. */
  readonly list: (owner: OwnerKey) => Effect.Effect<ReadonlyArray<SessionSummary>, SessionsUnavailable>;
  /**
   * Tries what a completion needs of the store: it keeps a turn and takes it away again.
   *
   * *Details*: the turn belongs to nobody and appears in no list. A store that is full, read-only, damaged or gone
   * fails here as the next completion would.
   */
  readonly check: Effect.Effect<void, SessionsUnavailable>;
  /**
   * A secret that lives as long as the store and is the same for every process on it.
   *
   * *Details*: it signs what must be known again after a restart and by other instances. It never leaves the server.
   */
  readonly secret: Effect.Effect<string, SessionsUnavailable>;
  /** Remembers that an owner whom nobody named was used; a later time takes the place of an earlier one. */
  readonly noteUnnamed: (owner: Owner, usedAtMs: number) => Effect.Effect<void, SessionsUnavailable>;
  /**
   * Takes owners whom nobody named and nobody used since a time, the longest unused first, at most `limit`.
   *
   * *Details*: each is forgotten by being taken, so that of several processes one alone gets it.
   */
  readonly takeUnnamed: (
    unusedSinceMs: number,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<Owner>, SessionsUnavailable>;
  /** Gives a session another title and says whether there is such a session; it counts as no use. */
  readonly rename: (key: SessionKey, title: string) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Removes a session and says whether there was one. */
  readonly remove: (key: SessionKey) => Effect.Effect<boolean, SessionsUnavailable>;
}

/**
 * The Sessions port.
 *
 * *Example* (read a session):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Conversation, Message, Sessions, Settings, Usage } from "@caisson/caisson";
 *
 * const owner = { principal: "example", user: "ada", ephemeral: false };
 * const program = Effect.gen(function* () {
 *   const { key, store } = yield* Conversation.open({ owner, messages: [Message.user("Hello")] });
 *   yield* store({ produced: [Message.assistant("Hi")], status: "completed", model: "m", usage: Usage.zero });
 *
 *   const sessions = yield* Sessions.Sessions;
 *   const listed = yield* sessions.list(key.owner);
 *   const session = yield* sessions.load(key);
 *   return { ids: listed.map((summary) => summary.key.id), said: session.turns.flatMap(({ messages }) => messages) };
 * });
 *
 * const store = Layer.provide(app.sessions, Settings.layerWith({ sessions: "memory" }));
 * const { ids, said } = await Effect.runPromise(Effect.provide(program, store));
 * assert.deepEqual(ids, ["default"]);
 * assert.deepEqual(said.map(Message.textOf), ["Hello", "Hi"]);
 * ```
 */
export class Sessions extends Context.Service<Sessions, SessionsService>()("caisson/services/Sessions") {}
