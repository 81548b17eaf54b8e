/**
 * The session of a request that names its user and no session.
 *
 * A user has one session until that user's client is known to remember by itself, because it resent what came before.
 * From then on each of its chats has a session of its own: a lone first message opens one, and a resent history goes on
 * in the one whose turns it shows.
 */
import { Effect } from "effect";
import { align, type Alignment } from "../domain/alignment.ts";
import { makeId, ownerKey } from "../domain/ids.ts";
import type { Message } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { SessionKey, Turn } from "../domain/Session.ts";
import type { SessionsService, SessionsUnavailable } from "../services/Sessions.ts";

/** Where a request speaks: its session, what is stored there, and its place among that. */
export interface SessionPlace {
  readonly key: SessionKey;
  readonly turns: ReadonlyArray<Turn>;
  readonly alignment: Alignment;
}

/** The name of a user's first session, and of the only one of those who send what is new. */
export const defaultSession = "default";
/** What the names of a user's further sessions begin with. */
const chat = "chat";
/** Sessions in which a resent history is looked for, the last used first. */
const lookedAtMax = 16;

/** Whether a client sends what came before, as those do that remember by themselves. */
export const resendsHistory = (messages: ReadonlyArray<Message>): boolean => {
  const said = messages.findIndex((message) => message.role === "user");
  return said >= 0 && messages.slice(said).some((message) => message.role === "assistant");
};

const isNew = (message: Message): boolean => message.role === "user";

/** Whether all that was resent is stored there. */
const isWhole = ({ parent, fresh }: Alignment): boolean =>
  parent._tag === "After" && fresh.every((message) => message.role !== "assistant");

/** The better of two places; the first where they are equally good. */
const better = (one: SessionPlace, other: SessionPlace): SessionPlace => {
  const shown = ({ alignment }: SessionPlace) => alignment.parent._tag === "After" ? alignment.fresh.length : Infinity;
  return shown(other) < shown(one) ? other : one;
};

/**
 * Finds the session of a named user's request.
 *
 * *Fails with* `SessionsUnavailable` when the store does not answer.
 */
export const findSession = Effect.fnUntraced(function* (
  sessions: SessionsService,
  owner: Owner,
  messages: ReadonlyArray<Message>,
): Effect.fn.Return<SessionPlace, SessionsUnavailable> {
  const at = (id: string): SessionKey => ({ owner: ownerKey(owner), id });
  const place = Effect.fnUntraced(function* (key: SessionKey, sendsWholeHistory: boolean) {
    const { turns } = yield* sessions.load(key);
    return { key, turns, alignment: align(turns, messages, { sendsWholeHistory }) };
  });
  const first = yield* place(at(defaultSession), false);
  const resent = first.turns.some((turn) => turn.resent === true);
  if ((!resent && first.turns.length > 0) || isWhole(first.alignment)) return first;
  const opened: SessionPlace = {
    key: at(makeId(chat)),
    turns: [],
    alignment: align([], messages, { sendsWholeHistory: true }),
  };
  const isLone = messages.every(isNew);
  if (resent && isLone) return opened;
  // The first session expires before the others when it is not gone on with.
  const chats = (yield* sessions.list(ownerKey(owner))).filter(({ key }) => key.id.startsWith(`${chat}-`));
  if (!resent && chats.length === 0) return first;
  if (isLone) return opened;
  let best = better(opened, first);
  for (const { key } of chats.slice(0, lookedAtMax)) {
    if (isWhole(best.alignment)) break;
    best = better(best, yield* place(key, true));
  }
  return best;
});
