/**
 * Calls that waited for a person: what the next request says of them, and carrying out what it approves, once.
 */
import { Clock, Duration, Effect, Schema, type Scope, Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { decisionIn, type HeldCall, notRun, refusedBecause } from "../domain/Approval.ts";
import { type Message, type ToolCall, ToolMessage, withoutContent } from "../domain/Message.ts";
import { heldCalls, type SessionKey, type Turn } from "../domain/Session.ts";
import type { Verdict } from "../domain/toolPolicy.ts";
import type { Claim, SessionsService, SessionsUnavailable } from "../services/Sessions.ts";

/** A call that waited, and what a model reads instead of its result; undefined when it was approved. */
export interface DecidedCall {
  readonly call: ToolCall;
  readonly refusal: string | undefined;
}

/** The calls that waited in the turn before, as this request decides about them. */
export interface Pending {
  /** How many of this request's messages stand before the calls; what was said in reply comes after them. */
  readonly before: number;
  readonly calls: ReadonlyArray<DecidedCall>;
  /** Rules that this request grants for the rest of the session. */
  readonly grants: ReadonlyArray<string>;
  /** Takes a call to carry it out: of all who approve it, one wins. */
  readonly claim: (call: ToolCall) => Effect.Effect<Claim, SessionsUnavailable>;
  /** Tells those who approve it after that what came of it. */
  readonly settle: (call: ToolCall, outcome: ToolMessage) => Effect.Effect<void, SessionsUnavailable>;
}

const unknownOutcome = "Approved and started before, but its outcome is not known: it may still run, or the server " +
  "ended in the middle of it. Check before doing it again.";

const cutOff = "Approved and started before, but not completed: its run was cancelled or failed in the middle of it, " +
  "and what it had done by then stays done. Check before doing it again.";

/** How long who approves a call after another waits for what comes of it, and how often it looks, in milliseconds. */
const outcomeWait = { totalMs: 20_000, everyMs: 250 } as const;

/** Time in which a run that is cut tells the others so; they are told by the time they wait otherwise. */
const settleDeadline = Duration.seconds(5);

/** The name of a claim: some providers count their calls anew in every turn, so the turn that asked belongs to it. */
const nameOf = (turn: string, call: ToolCall): string => `approval ${turn} ${call.id}`;

const encodeOutcome = (outcome: ToolMessage): string => JSON.stringify(withoutContent(outcome));
const decodeOutcome = Schema.decodeUnknownSync(Schema.fromJsonString(ToolMessage));

/** What a request says, and what that means for the calls of the turn that it follows. */
export interface Reply {
  /** The turn that asked. */
  readonly turn: string;
  readonly pending: Pending;
  /** What was said as it is stored: a bare decision is marked, so that no model reads it. */
  readonly said: ReadonlyArray<Message>;
}

/** Reads what is said after a turn as a reply to what it asked; undefined where nothing waits. */
export const replyTo = Effect.fnUntraced(function* (
  sessions: SessionsService,
  key: SessionKey,
  before: Turn | undefined,
  fresh: ReadonlyArray<Message>,
) {
  const held = before === undefined ? [] : heldCalls(before);
  if (before === undefined || held.length === 0) return undefined;
  // Only a person answers: what a client says of a call's result is not looked at.
  const said = fresh.filter(({ role }) => role !== "tool");
  const decision = decisionIn(said, held.length);
  const isLate = (yield* Clock.currentTimeMillis) > (before.asked?.expiresAtMs ?? 0);
  const refusalOf = (index: number): string | undefined => {
    if (decision === undefined) return notRun.unanswered;
    if (!decision.approved.has(index)) return notRun.refused;
    return isLate ? notRun.tooLate : undefined;
  };
  const rules = decision?.always === true && !isLate
    ? held.flatMap(({ rule }) => rule === undefined ? [] : [rule])
    : [];
  const reply: Reply = {
    turn: before.id,
    pending: {
      before: 0,
      calls: held.map(({ call }, index) => ({ call, refusal: refusalOf(index) })),
      grants: [...new Set(rules)],
      claim: (call) => sessions.claim(key, nameOf(before.id, call)),
      settle: (call, outcome) => sessions.settle(key, nameOf(before.id, call), encodeOutcome(outcome)),
    },
    said: decision === undefined
      ? said
      : said.map((message) => message.role === "user" ? { ...message, decides: true } : message),
  };
  return reply;
});

/** A call that waits in a place of its own, and what this request says of it. */
export interface WaitingThere {
  /** Under which it is claimed. */
  readonly id: string;
  readonly call: ToolCall;
  readonly expiresAtMs: number;
  readonly decision: "approved" | "refused" | "unanswered";
  /** Why a person refused it, in their words. */
  readonly reason?: string;
}

/** The calls that wait in a place of its own, and how they are claimed there. */
export interface OwnWaiting extends Pick<Pending, "before"> {
  readonly calls: ReadonlyArray<WaitingThere>;
  readonly claim: (id: string) => Effect.Effect<Claim, SessionsUnavailable>;
  readonly settle: (id: string, outcome: string) => Effect.Effect<void, SessionsUnavailable>;
}

const refusalOf = ({ decision, expiresAtMs, reason }: WaitingThere, nowMs: number): string | undefined => {
  switch (decision) {
    case "approved":
      return nowMs > expiresAtMs ? notRun.tooLate : undefined;
    case "refused":
      return refusedBecause(reason);
    case "unanswered":
      return notRun.unanswered;
  }
};

/** What waits in a place of its own, as it is decided at a time. */
export const pendingThere = ({ before, calls, claim, settle }: OwnWaiting, nowMs: number): Pending => {
  const ids = new Map(calls.map(({ id, call }) => [call.id, id]));
  const idOf = (call: ToolCall): string => ids.get(call.id) ?? "";
  return {
    before,
    calls: calls.map((waiting) => ({ call: waiting.call, refusal: refusalOf(waiting, nowMs) })),
    grants: [],
    claim: (call) => claim(idOf(call)),
    settle: (call, outcome) => settle(idOf(call), encodeOutcome(outcome)),
  };
};

// Carrying out -----------------------------------------------------------------------------------

/** What a run offers to carry out calls with. */
export interface Hands<E> {
  readonly judge: (call: ToolCall) => Verdict;
  readonly execute: (call: ToolCall, isApproved: boolean) => Stream.Stream<AgentEvent, E>;
  readonly refuse: (call: ToolCall, rule: string) => Stream.Stream<AgentEvent>;
  readonly addResult: (message: ToolMessage) => void;
  /** The result of a call that was carried out just now. */
  readonly resultOf: (call: ToolCall) => ToolMessage | undefined;
}

const failed = ({ id, name }: ToolCall, content: string): ToolMessage => ({
  role: "tool",
  callId: id,
  name,
  content,
  isError: true,
});

/** What became of a call that somebody else carries out, as soon as that is known. */
const outcomeElsewhere = Effect.fnUntraced(function* (pending: Pending, call: ToolCall) {
  for (let waitedMs = 0; waitedMs < outcomeWait.totalMs; waitedMs += outcomeWait.everyMs) {
    yield* Effect.sleep(outcomeWait.everyMs);
    const claim = yield* pending.claim(call);
    if (claim._tag === "Taken" && claim.outcome !== undefined) return decodeOutcome(claim.outcome);
  }
  return failed(call, unknownOutcome);
});

/** Tells a call with the result that it has, wherever it was carried out. */
const told = <E>(hands: Hands<E>, call: ToolCall, result: ToolMessage): ReadonlyArray<AgentEvent> => {
  hands.addResult(result);
  const { content: text, isError, execution } = result;
  return [
    { _tag: "ToolCallStarted", call },
    { _tag: "ToolCallFinished", call, result: { text, isError }, durationMs: execution?.durationMs ?? 0 },
  ];
};

/**
 * Takes a call, and tells the others what came of it: with `settled` as soon as that is known, and where the run is cut
 * or fails before that, that it was.
 */
const claimed = Effect.fnUntraced(
  function* (
    pending: Pending,
    call: ToolCall,
    resultOf: () => ToolMessage | undefined,
  ): Effect.fn.Return<
    { readonly claim: Claim; readonly settled: Effect.Effect<void, SessionsUnavailable> },
    SessionsUnavailable,
    Scope.Scope
  > {
    let isTold = false;
    const settled = Effect.suspend(() => pending.settle(call, resultOf() ?? failed(call, cutOff))).pipe(
      Effect.tap(() => Effect.sync(() => isTold = true)),
    );
    const settledAtLast = settled.pipe(
      Effect.timeout(settleDeadline),
      Effect.catchCause((cause) => Effect.logError("what became of an approved call could not be kept", cause)),
    );
    // Taken in one piece with the promise to tell: a run that is cut in between leaves nobody waiting.
    const claim = yield* Effect.acquireRelease(
      pending.claim(call),
      (claim) => claim._tag === "Won" && !isTold ? settledAtLast : Effect.void,
    );
    return { claim, settled };
  },
);

/** Whether a person said of this call that it may be, and not only of one that it waited for. */
const isApproved = (verdict: Verdict): boolean => verdict._tag === "Ask" || "approved" in verdict;

const carryOut = <E>(
  pending: Pending,
  hands: Hands<E>,
  { call, refusal }: DecidedCall,
): Stream.Stream<AgentEvent, E | SessionsUnavailable> =>
  Stream.unwrap(Effect.gen(function* () {
    if (refusal !== undefined) {
      hands.addResult(failed(call, refusal));
      return Stream.empty;
    }
    // The rules may have become stricter since.
    const verdict = hands.judge(call);
    if (verdict._tag === "Deny") return hands.refuse(call, verdict.rule);
    const { claim, settled } = yield* claimed(pending, call, () => hands.resultOf(call));
    if (claim._tag === "Won") {
      return Stream.concat(hands.execute(call, isApproved(verdict)), Stream.fromEffectDrain(settled));
    }
    const result = claim.outcome === undefined ? yield* outcomeElsewhere(pending, call) : decodeOutcome(claim.outcome);
    return Stream.fromArray(told(hands, call, result));
  }));

/**
 * Carries out what was approved, in the order asked, each call once whoever approves it and wherever.
 *
 * *Details*: a call that somebody carried out before has the result that came of it. One whose run was cut in the
 * middle of it says so, and so does one of which nothing is known because its server ended; neither is tried again.
 */
export const resume = <E>(pending: Pending, hands: Hands<E>): Stream.Stream<AgentEvent, E | SessionsUnavailable> =>
  Stream.flatMap(Stream.fromIterable(pending.calls), (decided) => carryOut(pending, hands, decided));

// Holding back -----------------------------------------------------------------------------------

/** The calls of a model turn: those that are carried out now, and those that wait for a person. */
export interface Division {
  readonly now: ReadonlyArray<ToolCall>;
  readonly held: ReadonlyArray<HeldCall>;
}

/**
 * Divides the calls of a model turn at the first that is asked for.
 *
 * *Details*: calls share one workspace and run in order, so what follows a call that waits, waits with it; what a rule
 * denies is denied at once.
 */
export const divide = (calls: ReadonlyArray<ToolCall>, judge: (call: ToolCall) => Verdict): Division => {
  const now: Array<ToolCall> = [];
  const held: Array<HeldCall> = [];
  for (const call of calls) {
    const verdict = judge(call);
    if (verdict._tag === "Ask") held.push({ call, rule: verdict.rule });
    else if (held.length > 0 && verdict._tag === "Allow") held.push({ call });
    else now.push(call);
  }
  return { now, held };
};
