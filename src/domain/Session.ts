/**
 * A session: the tree of turns of one conversation, tool calls and results included.
 *
 * Turns are immutable nodes. A regenerated or edited turn is a sibling, so nothing that was said is
 * ever overwritten and two requests at once cannot lose each other's turn.
 */
import { Schema } from "effect";
import { headOf } from "./cutText.ts";
import { Asked, type HeldCall } from "./Approval.ts";
import { Message, textOf, toolCallsOf } from "./Message.ts";
import { OwnerKey } from "./Owner.ts";
import { Usage } from "./Usage.ts";

/** The name of a session: unique within its owner only. */
export const SessionKey = Schema.Struct({ owner: OwnerKey, id: Schema.String });
export type SessionKey = typeof SessionKey.Type;

/**
 * How a turn ended: the model answered, the client must answer its own tool calls, a person must decide about calls of
 * ours, the run was cut by a bound, cancelled, or failed. What was completed before is kept in every case.
 */
export const TurnStatus = Schema.Literals([
  "completed",
  "awaiting-client",
  "awaiting-approval",
  "limited",
  "cancelled",
  "failed",
]);
export type TurnStatus = typeof TurnStatus.Type;

/** One run as it is remembered: the messages that started it and every message it produced. */
export const Turn = Schema.Struct({
  id: Schema.String,
  /** The turn this one follows, null for the first. */
  parent: Schema.NullOr(Schema.String),
  /** What the client newly said, then assistant and tool messages in order. */
  messages: Schema.Array(Message),
  status: TurnStatus,
  /** The request came with the history before it, as clients do that remember by themselves. */
  resent: Schema.optionalKey(Schema.Boolean),
  /** What it asked a person, when it awaits approval; the calls themselves stand in `messages`, without results. */
  asked: Schema.optionalKey(Asked),
  /** The turn whose calls its first messages answer: it begins with their results, then comes what the person said. */
  decides: Schema.optionalKey(Schema.String),
  /** Rules that the person granted for the rest of the session. */
  grants: Schema.optionalKey(Schema.Array(Schema.String)),
  model: Schema.String,
  usage: Usage,
  /** What the run cost, in US dollars; absent where its model had no price. */
  costUsd: Schema.optionalKey(Schema.Number),
  startedAtMs: Schema.Number,
  finishedAtMs: Schema.Number,
});
export type Turn = typeof Turn.Type;

/** Whether a turn waits for a person to decide about its calls. */
export const awaitsApproval = ({ status }: Pick<Turn, "status">): boolean => status === "awaiting-approval";

/** Calls of ours that a turn left open for a person. */
export const heldCalls = ({ asked, messages, status }: Pick<Turn, "asked" | "messages" | "status">): ReadonlyArray<
  HeldCall
> => {
  if (asked === undefined || !awaitsApproval({ status })) return [];
  const calls = new Map(messages.flatMap(toolCallsOf).map((call) => [call.id, call]));
  return asked.calls.flatMap(({ callId, rule }) => {
    const call = calls.get(callId);
    return call === undefined ? [] : [{ call, ...(rule !== undefined && { rule }) }];
  });
};

/** Where a new turn goes: after whatever is newest when it is stored, after a given turn, or at the root. */
export type TurnParent =
  | { readonly _tag: "Newest" }
  | { readonly _tag: "After"; readonly turn: string }
  | { readonly _tag: "Root" };

/** A turn not yet placed in the tree. */
export interface NewTurn extends Omit<Turn, "parent"> {
  readonly parent: TurnParent;
}

/** A session as stored: its turns in the order they were stored, the newest last. */
export interface Session {
  readonly key: SessionKey;
  /** The first words of its first message, or what its user named it; absent where nothing was said. */
  readonly title?: string;
  readonly turns: ReadonlyArray<Turn>;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
}

/** Characters of a title: what a list shows in a line. */
export const titleCharsMax = 200;

/** Characters of a title that is made of first words. */
const firstWordsMax = 80;

/** Characters looked at for first words; the message behind them may be megabytes. */
const lookedAtMax = 400;

/** The first words of what the user says in a turn, on one line; empty where nothing is said in words. */
export const firstWords = ({ messages }: Pick<Turn, "messages">): string => {
  const said = messages.find((message) => message.role === "user");
  if (said === undefined) return "";
  const line = headOf(textOf(said), lookedAtMax).split(/\s/).filter((word) => word !== "").join(" ");
  return line.length <= firstWordsMax ? line : `${headOf(line, firstWordsMax - 1).trimEnd()}…`;
};

/** The turns from the root to `turn`, oldest first; empty when there is no such turn. */
export const pathTo = (turns: ReadonlyArray<Turn>, turn: string | null): ReadonlyArray<Turn> => {
  const byId = new Map(turns.map((candidate) => [candidate.id, candidate]));
  const path: Array<Turn> = [];
  for (let next = turn === null ? undefined : byId.get(turn); next !== undefined;) {
    path.push(next);
    next = next.parent === null ? undefined : byId.get(next.parent);
  }
  return path.reverse();
};

/**
 * Places a new turn in a tree whose newest turn is `newest`.
 *
 * A parent that no longer exists makes the turn follow the newest.
 */
export const placeTurn = (turn: NewTurn, newest: string | null, exists: (id: string) => boolean): Turn => {
  const { parent } = turn;
  switch (parent._tag) {
    case "Root":
      return { ...turn, parent: null };
    case "Newest":
      return { ...turn, parent: newest };
    case "After":
      return { ...turn, parent: exists(parent.turn) ? parent.turn : newest };
  }
};
