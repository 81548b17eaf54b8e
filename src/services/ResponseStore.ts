/**
 * The ResponseStore port: where the responses of OpenAI's Responses API are kept, each with the turn that made it.
 *
 * They have a retention of their own, because a client goes on from a response by its id days later.
 */
import { Context, type Effect, type Option, Schema } from "effect";
import { KeptEvent } from "../domain/keptEvents.ts";
import { Message, ToolCall, toolCallsOf } from "../domain/Message.ts";
import type { OwnerKey } from "../domain/Owner.ts";
import type { Claim, SessionsUnavailable } from "./Sessions.ts";

const JsonObject = Schema.Record(Schema.String, Schema.Json);

/** What a response asks a person, in the order asked; the calls themselves stand in its messages, without results. */
export const AskedOfClient = Schema.Struct({
  calls: Schema.Array(Schema.Struct({
    /** Under which the client reads and answers it. */
    id: Schema.String,
    callId: Schema.String,
  })),
  /** When an approval comes too late. */
  expiresAtMs: Schema.Number,
});
export type AskedOfClient = typeof AskedOfClient.Type;

/** What a response adds to what the next one remembers. */
export const ResponseTurn = Schema.Struct({
  /** What the client newly said, then assistant and tool messages in order. */
  messages: Schema.Array(Message),
  /** System and developer texts among the input; `instructions` are not, they hold for their response only. */
  instructions: Schema.Array(Schema.String),
  asked: Schema.optionalKey(AskedOfClient),
});
export type ResponseTurn = typeof ResponseTurn.Type;

/** What is remembered where a response ends. */
export interface Chain {
  readonly messages: ReadonlyArray<Message>;
  readonly instructions: ReadonlyArray<string>;
  /** Ids of calls that have no result yet. */
  readonly openCalls: ReadonlySet<string>;
  /** What waits for a person; absent, nothing does. */
  readonly asked?: AskedOfClient;
}

/** Nothing was said before. */
export const noChain: Chain = { messages: [], instructions: [], openCalls: new Set() };

/** The calls that have no result after a turn, those before it given. */
export const openAfter = (before: ReadonlySet<string>, { messages }: ResponseTurn): ReadonlySet<string> => {
  const open = new Set(before);
  for (const message of messages) {
    for (const { id } of toolCallsOf(message)) open.add(id);
    if (message.role === "tool") open.delete(message.callId);
  }
  return open;
};

/** What waits for a person after a turn: what it asks itself, or what was asked before and has no result yet. */
export const askedAfter = (
  before: AskedOfClient | undefined,
  { asked }: ResponseTurn,
  open: ReadonlySet<string>,
): Pick<Chain, "asked"> => {
  const waiting = asked ?? before;
  return waiting?.calls.some(({ callId }) => open.has(callId)) === true ? { asked: waiting } : {};
};

/** A chain with one more turn at its end. */
export const chainAfter = (chain: Chain, turn: ResponseTurn): Chain => {
  const openCalls = openAfter(chain.openCalls, turn);
  return {
    messages: [...chain.messages, ...turn.messages],
    instructions: turn.instructions.length === 0 ? chain.instructions : [...chain.instructions, ...turn.instructions],
    openCalls,
    ...askedAfter(chain.asked, turn, openCalls),
  };
};

/** A call that a response asks a person about, as it is kept until it is decided. */
export const WaitingCall = Schema.Struct({
  /** The response that asks. */
  response: Schema.String,
  call: ToolCall,
  /** When an approval comes too late. */
  expiresAtMs: Schema.Number,
});
export type WaitingCall = typeof WaitingCall.Type;

/**
 * Time for which a call that waits is kept after it is too late to approve it, in milliseconds: what was approved at
 * the last moment may still run, and who approves it again is told what came of it.
 */
export const waitingKeptMs = 600_000;

/** A response as it is kept. */
export const StoredResponse = Schema.Struct({
  id: Schema.String,
  /** The response that this one goes on from. */
  previous: Schema.NullOr(Schema.String),
  /** The response as the client reads it. */
  body: JsonObject,
  /** The items of its input, ids included. */
  input: Schema.Array(JsonObject),
  /** What the run said, to be told again; null where that was too much to keep. */
  events: Schema.NullOr(Schema.Array(KeptEvent)),
  turn: ResponseTurn,
  /** A response that is not ended is believed to go on until then, in milliseconds since the epoch; 0 once it has. */
  aliveUntilMs: Schema.Number,
  /** The container that its files were put into, where no item of its output names one. */
  container: Schema.optionalKey(Schema.String),
  /** Its items of thoughts carry what their provider wants back. */
  isSealed: Schema.optionalKey(Schema.Boolean),
});
export type StoredResponse = typeof StoredResponse.Type;

/** Responses that one chain is followed back; what is before them is not remembered. */
export const chainMax = 10_000;

/**
 * What a store of responses offers. Every operation *fails with* `SessionsUnavailable` when the store does not answer.
 *
 * *Details*: a response expires the retention after it was kept last, and one of another owner is not there.
 */
export interface ResponseStoreService {
  /** Keeps a response in the place of what was kept under its id. */
  readonly put: (owner: OwnerKey, response: StoredResponse) => Effect.Effect<void, SessionsUnavailable>;
  /** Says that a response which goes on still does; nothing where it has ended or is not there. */
  readonly renew: (owner: OwnerKey, id: string, aliveUntilMs: number) => Effect.Effect<void, SessionsUnavailable>;
  readonly find: (owner: OwnerKey, id: string) => Effect.Effect<Option.Option<StoredResponse>, SessionsUnavailable>;
  /**
   * The turns that lead to a response, its own last, as one; none when it is not there.
   *
   * *Details*: it begins after a response that was deleted or has expired, and is no longer than {@link chainMax}
   * turns. What it costs does not grow with the turns where the chain was read or made in this process before.
   */
  readonly chain: (owner: OwnerKey, id: string) => Effect.Effect<Option.Option<Chain>, SessionsUnavailable>;
  /**
   * Keeps a call that waits for a person under the id by which it is asked, whether its response is stored or not.
   *
   * *Details*: it is kept until {@link waitingKeptMs} after its time, and goes with its response. Keeping another under
   * the same id changes nothing.
   */
  readonly hold: (owner: OwnerKey, id: string, waiting: WaitingCall) => Effect.Effect<void, SessionsUnavailable>;
  /** A call that waits or waited; none where it is not kept. */
  readonly held: (owner: OwnerKey, id: string) => Effect.Effect<Option.Option<WaitingCall>, SessionsUnavailable>;
  /**
   * Takes a call to carry it out: of all who ask, on every instance, one wins.
   *
   * *Details*: who is told that it is taken hears the outcome that the winner settled, undefined before that and for
   * ever when the winner died. A call that is not kept is taken.
   */
  readonly claim: (owner: OwnerKey, id: string) => Effect.Effect<Claim, SessionsUnavailable>;
  /** Says what has become of a call that was won; the first word counts. */
  readonly settle: (owner: OwnerKey, id: string, outcome: string) => Effect.Effect<void, SessionsUnavailable>;
  /** Removes a response, with what waits in it, and says whether there was one. */
  readonly remove: (owner: OwnerKey, id: string) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Removes every response of an owner, and all that waits. */
  readonly erase: (owner: OwnerKey) => Effect.Effect<void, SessionsUnavailable>;
}

/** The ResponseStore port. */
export class ResponseStore
  extends Context.Service<ResponseStore, ResponseStoreService>()("caisson/services/ResponseStore") {}

/** What a store does with calls that wait for a person. */
export type WaitingCalls = Pick<ResponseStoreService, "hold" | "held" | "claim" | "settle">;
