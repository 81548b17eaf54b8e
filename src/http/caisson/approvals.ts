/**
 * `/v1/approvals`: the calls that wait for a person, and a door through which one decides about them.
 *
 * A decision goes the same way as the words of a chat: a run behind the turn that asked, of which the answer names the
 * id, so that its events can be heard at `/v1/runs/{id}/events`.
 */
import { Clock, Effect, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { approvalId } from "../../domain/Approval.ts";
import { ownerKey } from "../../domain/ids.ts";
import { user } from "../../domain/Message.ts";
import type { Owner } from "../../domain/Owner.ts";
import { heldCalls, type Turn } from "../../domain/Session.ts";
import { type RunRequest, Runs, type RunsService } from "../../runs/Runs.ts";
import { Sessions, type SessionsService } from "../../services/Sessions.ts";
import { Bodies } from "../../web/body.ts";
import { Caller } from "../frame/Caller.ts";
import { ApprovalDecided, ApprovalExpired, ApprovalNotFound, InvalidRequest } from "../frame/errors.ts";
import { firstWrong } from "../frame/firstWrong.ts";
import { json } from "../frame/respond.ts";
import { askedFields, askedOut } from "./approvalWire.ts";
import { ArtifactLinks } from "./ArtifactLinks.ts";

// Wire -------------------------------------------------------------------------------------------

const ApprovalOut = Schema.Struct({
  ...askedFields,
  object: Schema.Literal("approval"),
  session: Schema.String,
  turn: Schema.String.annotate({ description: "The turn that asks." }),
  model: Schema.String,
  created_at: Schema.Int.annotate({ description: "Unix seconds: since when it waits." }),
}).annotate({ identifier: "Approval" });

/** What waits, the sessions last used first. */
export const ApprovalList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ApprovalOut),
  has_more: Schema.Boolean,
}).annotate({ identifier: "ListApprovalsResponse" });

const noteCharactersMax = 2_000;

/** What a person decides. */
export const DecisionRequest = Schema.Struct({
  decision: Schema.Literals(["approve", "deny", "always"]).annotate({
    description: "`always`: the rules that asked are to ask no more in this session.",
  }),
  calls: Schema.optionalKey(Schema.Array(Schema.String).check(Schema.isMaxLength(100))).annotate({
    description: "With `approve`: the ids of the calls that may run; all where it is absent.",
  }),
  note: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(noteCharactersMax))).annotate({
    description: "With `deny`: what the model is to read beside the refusal.",
  }),
}).annotate({ identifier: "DecideApprovalRequest" });
type DecisionRequest = typeof DecisionRequest.Type;

/** A decision that was taken, and the run that follows it. */
export const DecisionOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("approval.decision"),
  decision: Schema.Literals(["approve", "deny", "always"]),
  session: Schema.String,
  turn: Schema.String.annotate({ description: "The turn that asked." }),
  run: Schema.String.annotate({ description: "The run that goes on from it: hear it at /v1/runs/{id}/events." }),
}).annotate({ identifier: "ApprovalDecision" });

/** Approvals of a list where no number is given, and at most. */
const listed = { usual: 20, most: 100 } as const;

/** The query of the list. */
export const approvalsQuery = {
  limit: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^(?:[1-9]\d?|100)$/)).annotate({
      description: `At most so many, at most ${listed.most}; ${listed.usual} where it is absent.`,
    }),
  ),
};

/** Describes the body with an example, which the reference page shows. */
export const describeDecision = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/DecideApprovalRequest" },
        example: { decision: "approve" },
      },
    },
  },
});

// Reading ----------------------------------------------------------------------------------------

/** Bytes of a body that decides, with room. */
const bodyBytesMax = 32 * 1024;

/** Sessions that are looked through for what is decided already. */
const sessionsSearched = 20;

const decodeDecision = Schema.decodeUnknownEffect(Schema.fromJsonString(DecisionRequest), {
  onExcessProperty: "error",
});

const wrong = (param: string | null, why: string) => new InvalidRequest({ param, why, code: "invalid_value" });

const notDecision = ({ issue }: Schema.SchemaError) =>
  wrong(
    firstWrong(issue).param ?? "decision",
    'Expected an object with decision ("approve", "deny" or "always"), and if need be calls or note',
  );

/**
 * The words of a chat that mean a decision: one way of deciding, whatever door it came through.
 *
 * *Fails with* `InvalidRequest` for calls that do not wait, and for a note or calls beside what they do not belong to.
 */
const wordsOf = Effect.fnUntraced(function* ({ decision, calls, note }: DecisionRequest, turn: Turn) {
  if (note !== undefined && decision !== "deny") {
    return yield* wrong("note", "A note goes with a denial only: what is approved runs as it was asked");
  }
  if (calls !== undefined && decision !== "approve") {
    return yield* wrong("calls", "Calls are chosen with approve only");
  }
  if (decision === "always") return "always";
  // Behind a comma a word is no decision any more: the note is read by the model, and approves nothing.
  if (decision === "deny") return note === undefined || note.trim() === "" ? "no" : `No, not this. ${note}`;
  if (calls === undefined) return "yes";
  const waiting = heldCalls(turn).map(({ call }) => call.id);
  const places = calls.map((id) => waiting.indexOf(id) + 1);
  if (calls.length === 0 || places.includes(0)) {
    return yield* wrong("calls", "Expected ids of calls that wait here, at least one");
  }
  return `yes ${places.join(" ")}`;
});

// Handlers ---------------------------------------------------------------------------------------

interface UserQuery {
  readonly user?: string;
}

interface ListQuery extends UserQuery {
  readonly limit?: string;
}

/** A turn that asks, in its session. */
interface Waiting {
  readonly session: string;
  readonly turn: Turn;
}

const turnsOf = (sessions: SessionsService, owner: Owner, id: string) =>
  Effect.map(sessions.load({ owner: ownerKey(owner), id }), ({ turns }) => turns);

/** What an id names and what waits still. *Fails with* `ApprovalDecided` and `ApprovalNotFound`. */
const find = Effect.fnUntraced(function* (sessions: SessionsService, owner: Owner, id: string) {
  const all = yield* sessions.list(ownerKey(owner));
  const asking = all.find(({ awaiting }) => awaiting !== undefined && approvalId(awaiting) === id);
  if (asking !== undefined) {
    const turn = (yield* turnsOf(sessions, owner, asking.key.id)).find((one) => one.id === asking.awaiting);
    if (turn !== undefined) return { session: asking.key.id, turn } satisfies Waiting;
  }
  for (const { key } of all.slice(0, sessionsSearched)) {
    const turns = yield* turnsOf(sessions, owner, key.id);
    if (turns.some(({ decides = "" }) => decides !== "" && approvalId(decides) === id)) {
      return yield* new ApprovalDecided({ id });
    }
  }
  return yield* new ApprovalNotFound({ id });
});

/** Starts the run that follows a decision, once for all who decide the same. */
const start = Effect.fnUntraced(function* (
  { runs, links }: { readonly runs: RunsService; readonly links: ArtifactLinks["Service"] },
  owner: Owner,
  { session, turn }: Waiting,
  words: string,
) {
  const base = links.baseOf(yield* HttpServerRequest.HttpServerRequest);
  const request: RunRequest = {
    owner,
    sessionId: session,
    parent: { _tag: "After", turn: turn.id },
    model: turn.model,
    messages: [user(words)],
    detached: true,
    attempt: {
      kind: "idempotency-key",
      key: `approval ${ownerKey(owner)} ${turn.id}`,
      joins: true,
      fingerprint: words,
    },
    describe: (file, imageType) => links.describe(base, owner, file, imageType),
  };
  return yield* Effect.scoped(Effect.gen(function* () {
    const run = yield* runs.start(request);
    yield* run.begun;
    return run.id;
  }));
});

/** Builds the handlers of the approvals' endpoints. */
export const make = Effect.gen(function* () {
  const sessions = yield* Sessions;
  const runs = yield* Runs;
  const bodies = yield* Bodies;
  const links = yield* ArtifactLinks;

  const list = Effect.fnUntraced(function* (query: ListQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const most = query.limit === undefined ? listed.usual : Number(query.limit);
    const waiting = (yield* sessions.list(ownerKey(owner))).filter(({ awaiting }) => awaiting !== undefined);
    const data = yield* Effect.forEach(
      waiting.slice(0, most),
      ({ key, awaiting }) =>
        Effect.map(
          turnsOf(sessions, owner, key.id),
          (turns) =>
            turns.filter(({ id }) => id === awaiting).map((turn) => ({
              ...askedOut(turn),
              object: "approval" as const,
              session: key.id,
              turn: turn.id,
              model: turn.model,
              created_at: Math.floor(turn.finishedAtMs / 1000),
            })),
        ),
    );
    const body: typeof ApprovalList.Type = { object: "list", data: data.flat(), has_more: waiting.length > most };
    return body;
  });

  const decide = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const owner = (yield* Caller).ownerOf(query);
    const text = yield* bodies.text(request, { bytesMax: bodyBytesMax, typed: true });
    const asked = yield* Effect.mapError(decodeDecision(text), notDecision);
    const waiting = yield* find(sessions, owner, id);
    const words = yield* wordsOf(asked, waiting.turn);
    const expiresAtMs = waiting.turn.asked?.expiresAtMs ?? 0;
    if (asked.decision !== "deny" && (yield* Clock.currentTimeMillis) > expiresAtMs) {
      return yield* new ApprovalExpired({ id });
    }
    const body: typeof DecisionOut.Type = {
      id,
      object: "approval.decision",
      decision: asked.decision,
      session: waiting.session,
      turn: waiting.turn.id,
      run: yield* start({ runs, links }, owner, waiting, words),
    };
    return json(body);
  });

  return { list, decide };
});
