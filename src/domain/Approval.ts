/**
 * Calls that wait for a person: what is asked, and how an answer in words is read.
 */
import { Schema } from "effect";
import { type Message, textOf, ToolCall } from "./Message.ts";

/** A call that waits, and the rule that asks; without one it waits for a call before it. */
export const HeldCall = Schema.Struct({ call: ToolCall, rule: Schema.optionalKey(Schema.String) });
export type HeldCall = typeof HeldCall.Type;

/** What a turn asks of a person, as its session keeps it; the calls' arguments stand in the turn's messages. */
export const Asked = Schema.Struct({
  calls: Schema.Array(Schema.Struct({ callId: Schema.String, rule: Schema.optionalKey(Schema.String) })),
  /** When an approval comes too late. */
  expiresAtMs: Schema.Number,
});
export type Asked = typeof Asked.Type;

/** The name of what a turn asks, from the turn's own. */
export const approvalId = (turn: string): string => `appr_${turn.slice(turn.indexOf("-") + 1)}`;

/** What a model reads of a call that was not carried out, by why it was not. */
export const notRun = {
  refused: "Not run: the user refused this call. Do not try it in another way; ask what they want instead.",
  unanswered: "Not run: the user did not approve this call and said something else; see their next message.",
  tooLate: "Not run: the approval came too late. Call it again if it is still wanted.",
} as const;

/** What a model reads of a call that was refused for a reason. */
export const refusedBecause = (reason: string | undefined): string =>
  reason === undefined || reason === "" ? notRun.refused : `${notRun.refused} They said: ${reason}`;

/** What a person decided about calls that wait. */
export interface Decision {
  /** Places of the approved calls, counted from 0. */
  readonly approved: ReadonlySet<number>;
  /** The rules that asked are to ask no more in this session. */
  readonly always: boolean;
}

/** Characters of the longest message that is read as a decision. */
const decisionCharactersMax = 200;

const yes: ReadonlySet<string> = new Set(["yes", "y", "approve", "approved", "allow"]);
const no: ReadonlySet<string> = new Set(["no", "n", "deny", "refuse", "reject"]);

/**
 * Reads a whole message as a decision about `count` calls: `yes`, `no`, `always`, or `yes 1 3`.
 *
 * *Details*: case, full width letters and marks around the words do not count. Anything else, and a number that no call
 * has, is no decision: undefined.
 */
const readDecision = (text: string, count: number): Decision | undefined => {
  if (text.length > decisionCharactersMax) return undefined;
  const [word = "", ...numbers] = text.normalize("NFKC").toLowerCase().replace(/[.!,*_`"']/g, " ").trim().split(/\s+/);
  const all = new Set(Array.from({ length: count }, (_, index) => index));
  if (numbers.length === 0) {
    if (yes.has(word)) return { approved: all, always: false };
    if (word === "always") return { approved: all, always: true };
    return no.has(word) ? { approved: new Set(), always: false } : undefined;
  }
  const chosen = numbers.map((number) => /^[1-9]\d?$/.test(number) ? Number(number) - 1 : -1);
  return yes.has(word) && chosen.every((index) => all.has(index))
    ? { approved: new Set(chosen), always: false }
    : undefined;
};

/** The decision that messages are: one message of words alone. */
export const decisionIn = (messages: ReadonlyArray<Message>, count: number): Decision | undefined => {
  const [only, ...others] = messages;
  if (only?.role !== "user" || others.length > 0 || only.attachments !== undefined) return undefined;
  return only.parts.every(({ _tag }) => _tag === "Text") ? readDecision(textOf(only), count) : undefined;
};
