/**
 * Calls that wait for a person, as clients of OpenAI's API know them: requests for approval and responses to them.
 *
 * *Source*: `mcp_approval_request` and `mcp_approval_response` of OpenAI's published types; the tools of this server
 * ask as those of an MCP server do.
 */
import { Effect, Option, Schema } from "effect";
import { notRun, refusedBecause } from "../../../domain/Approval.ts";
import { ownerKey } from "../../../domain/ids.ts";
import { type ToolCall, toolCallsOf } from "../../../domain/Message.ts";
import type { Owner } from "../../../domain/Owner.ts";
import type { Turn } from "../../../domain/Session.ts";
import type { RunRequest } from "../../../runs/Runs.ts";
import type { Chain, ResponseStoreService, ResponseTurn } from "../../../services/ResponseStore.ts";
import { quoted } from "../../../web/errors/Row.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import type { HostedInput } from "./hostedInput.ts";
import { pythonName } from "./hostedTools.ts";
import { approvalRequestId } from "./ids.ts";
import type { JsonObject } from "./wire.ts";

type Waiting = NonNullable<NonNullable<RunRequest["place"]>["waiting"]>;
type WaitingThere = Waiting["calls"][number];

/** Whose tools ask. */
const serverLabel = "caisson";

/** A call that waits, as a response asks for it; it names its container, so that it runs in no other. */
export const requestItem = (id: string, call: ToolCall, container: string): JsonObject => ({
  id,
  type: "mcp_approval_request",
  arguments: call.argumentsJson,
  name: call.name,
  server_label: serverLabel,
  ...(container !== "" && { container_id: container }),
});

const decodeRequest = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("mcp_approval_request"),
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String,
}));
const decodeResponse = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("mcp_approval_response"),
  approval_request_id: Schema.String,
  approve: Schema.Boolean,
  reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
}));

/** What a person says of a call. */
interface Answer {
  readonly approve: boolean;
  readonly reason: string | undefined;
}

const invalid = (param: string, why: string) => new InvalidRequest({ param, why, code: "invalid_value" });

/** The answers among items; a call cannot be both approved and refused. */
const answersIn = Effect.fnUntraced(function* (items: ReadonlyArray<JsonObject>, known: ReadonlySet<string>) {
  const answers = new Map<string, Answer>();
  for (const [index, item] of items.entries()) {
    if (item["type"] !== "mcp_approval_response") continue;
    const read = decodeResponse(item);
    if (Option.isNone(read)) {
      return yield* invalid(`input[${index}]`, "Expected 'approval_request_id', and 'approve' to be a boolean");
    }
    const { approval_request_id: id, approve, reason } = read.value;
    const param = `input[${index}].approval_request_id`;
    if (!known.has(id)) {
      return yield* invalid(
        param,
        `No approval request with id '${quoted(id)}' waits here; it may be decided already.`,
      );
    }
    if ((answers.get(id)?.approve ?? approve) !== approve) {
      return yield* invalid(param, `The approval request '${quoted(id)}' is both approved and refused.`);
    }
    answers.set(id, { approve, reason: reason ?? undefined });
  }
  return answers;
});

/** Whether a model, or a tool that it called, is behind an item. */
const isOfModel = (item: JsonObject): boolean => {
  switch (item["type"] ?? "message") {
    case "message":
      return item["role"] === "assistant";
    case "mcp_approval_request":
    case "mcp_approval_response":
    case "additional_tools":
      return false;
    default:
      return true;
  }
};

const decided = (id: string, call: ToolCall, expiresAtMs: number, answer: Answer | undefined): WaitingThere => ({
  id,
  call,
  expiresAtMs,
  decision: answer === undefined ? "unanswered" : answer.approve ? "approved" : "refused",
  ...(answer?.reason !== undefined && { reason: answer.reason }),
});

/** A call that was not carried out, with what a model reads of it. */
const closed = (call: ToolCall, content: string): HostedInput => ({
  call,
  result: { role: "tool", callId: call.id, name: call.name, content, isError: true },
});

/** What items and what was asked before come to. */
export interface Approvals {
  /** What the items of requests are read as, by their places. */
  readonly asked: ReadonlyMap<number, HostedInput>;
  /** Calls that this request decides about, in the order asked. */
  readonly waiting: ReadonlyArray<WaitingThere>;
}

/** Reads what waits before a request, and what its items say of it. */
export const approvalsOf = (store: ResponseStoreService) => {
  /** The calls that wait where a response ended. */
  const inChain = ({ asked, messages }: Chain, answers: ReadonlyMap<string, Answer>): ReadonlyArray<WaitingThere> => {
    if (asked === undefined) return [];
    const calls = new Map(messages.flatMap(toolCallsOf).map((call) => [call.id, call]));
    return asked.calls.flatMap(({ id, callId }) => {
      const call = calls.get(callId);
      return call === undefined ? [] : [decided(id, call, asked.expiresAtMs, answers.get(id))];
    });
  };

  /**
   * What waits, and what this request says of it.
   *
   * *Details*: a client that keeps the conversation itself sends what was asked again, last of what is a model's. What
   * was kept here under its id is carried out, never what the client sends; where nothing is kept, nothing is.
   *
   * *Fails with* `InvalidRequest` for an answer to what nobody asked, or two that contradict one another.
   */
  return Effect.fnUntraced(function* (owner: Owner, items: ReadonlyArray<JsonObject>, chain: Chain) {
    const requests = items.flatMap((item, index) =>
      Option.match(decodeRequest(item), { onNone: () => [], onSome: (request) => [{ ...request, index }] })
    );
    const before = new Set(chain.asked?.calls.map(({ id }) => id));
    const answers = yield* answersIn(items, new Set([...before, ...requests.map(({ id }) => id)]));
    const asked = new Map<number, HostedInput>();
    const waiting = [...inChain(chain, answers)];
    if (requests.length === 0) return { asked, waiting } satisfies Approvals;
    const ofModel = items.findLastIndex(isOfModel);
    const seen = new Set(before);
    for (const { id, index, name, arguments: argumentsJson } of requests) {
      asked.set(index, {});
      if (seen.has(id)) continue;
      seen.add(id);
      const answer = answers.get(id);
      const sent = { id, name, argumentsJson };
      const kept = index > ofModel && before.size === 0 ? yield* store.held(ownerKey(owner), id) : Option.none();
      if (Option.isSome(kept)) {
        waiting.push(decided(id, kept.value.call, kept.value.expiresAtMs, answer));
        asked.set(index, { call: kept.value.call });
      } else if (answer?.approve !== true) {
        const why = answer === undefined ? notRun.unanswered : refusedBecause(answer.reason);
        asked.set(index, closed(sent, why));
      } else if (index > ofModel) {
        asked.set(index, closed(sent, notRun.tooLate));
      }
      // What was approved before has run, and its call and result stand behind it.
    }
    return { asked, waiting } satisfies Approvals;
  });
};

/** The tool that a request names to be offered what a call of the model's calls. */
const toolOf = (name: string): string => name === pythonName ? "code_interpreter" : "shell";

/**
 * Why what waits cannot be decided by a request; undefined when it can.
 *
 * *Details*: an approved call needs its tool, and something must answer it.
 */
export const undecidable = (
  waiting: ReadonlyArray<WaitingThere>,
  names: ReadonlyArray<string>,
  answered: boolean,
): InvalidRequest | undefined => {
  const [first] = waiting;
  if (first !== undefined && !answered) {
    return invalid("input", `The approval request '${first.id}' waits for a decision, which needs an answer.`);
  }
  const missing = waiting.find(({ call, decision }) => decision === "approved" && !names.includes(call.name));
  return missing && invalid(
    "tools",
    `The approved call '${missing.id}' needs the tool of type '${toolOf(missing.call.name)}' in this request.`,
  );
};

/** What waits as the place of a run knows it; `sent` are the messages of the request. */
export const waitingIn = (
  store: ResponseStoreService,
  owner: Owner,
  waiting: ReadonlyArray<WaitingThere>,
  sent: RunRequest["messages"],
): { readonly waiting?: Waiting } => {
  if (waiting.length === 0) return {};
  const ids = new Set(waiting.map(({ call }) => call.id));
  return {
    waiting: {
      before: sent.findLastIndex((message) => toolCallsOf(message).some(({ id }) => ids.has(id))) + 1,
      calls: waiting,
      claim: (id) => store.claim(ownerKey(owner), id),
      settle: (id, outcome) => store.settle(ownerKey(owner), id, outcome),
    },
  };
};

/** Keeps the calls that a turn leaves to a person, and says under which ids they are asked. */
export const holdAsked = Effect.fnUntraced(function* (
  store: ResponseStoreService,
  owner: Owner,
  { id: response, asked, messages }: Turn,
) {
  if (asked === undefined) return {} satisfies Pick<ResponseTurn, "asked">;
  const { expiresAtMs } = asked;
  const known = new Map(messages.flatMap(toolCallsOf).map((call) => [call.id, call]));
  const calls = asked.calls.map(({ callId }, index) => ({ id: approvalRequestId(response, index), callId }));
  for (const { id, callId } of calls) {
    const call = known.get(callId);
    if (call !== undefined) yield* store.hold(ownerKey(owner), id, { response, call, expiresAtMs });
  }
  return { asked: { calls, expiresAtMs } } satisfies Pick<ResponseTurn, "asked">;
});
