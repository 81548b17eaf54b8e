/**
 * `/v1/sessions`: what is stored about a user's conversations, to list, read and delete.
 *
 * The user is named as everywhere within the principal: by `?user=` or `x-user-id`. Another's session does not
 * exist: its id is answered 404 like any other that is not there.
 */
import { Effect, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { Settings } from "../../config.ts";
import { approvalId } from "../../domain/Approval.ts";
import { ownerKey } from "../../domain/ids.ts";
import { type Message, textOf, toolCallsOf } from "../../domain/Message.ts";
import { awaitsApproval, type SessionKey, titleCharsMax, type Turn, TurnStatus } from "../../domain/Session.ts";
import { forgetSession } from "../../runs/snapshots/retention.ts";
import { RunStore } from "../../services/RunStore.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { Sessions, type SessionSummary } from "../../services/Sessions.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Caller, UserName } from "../frame/Caller.ts";
import { askedOut, TurnApprovalOut } from "./approvalWire.ts";
import { InvalidRequest, SessionNotFound } from "../frame/errors.ts";
import { json } from "../frame/respond.ts";
import { Bodies } from "../../web/body.ts";
import { ArtifactLinks } from "./ArtifactLinks.ts";
import { filesByTurn, TurnFileOut } from "./turnFiles.ts";

// Wire -------------------------------------------------------------------------------------------

const sessionFields = {
  id: Schema.String,
  object: Schema.Literal("session"),
  title: Schema.String.annotate({ description: "The first words of the first message, unless it was renamed." }),
  created_at: Schema.Int.annotate({ description: "Seconds since the epoch." }),
  last_used_at: Schema.Int,
};

/** A session in a list. */
export const SessionOut = Schema.Struct({
  ...sessionFields,
  turns: Schema.Int,
  approval: Schema.NullOr(Schema.String).annotate({
    description: "The id of what it asks a person; null where it waits for nobody.",
  }),
}).annotate({ identifier: "Session" });

/** Sessions of one page of a list. */
const listMax = 100;

/** Which sessions are listed; without `limit` all that match. */
export const SessionsQuery = {
  user: Schema.optionalKey(UserName),
  limit: Schema.optionalKey(
    Schema.String.annotate({ description: `Sessions to list, 1 to ${listMax}.` }).check(
      Schema.isPattern(/^([1-9]\d?|100)$/, { message: `Expected a whole number from 1 to ${listMax}` }),
    ),
  ),
  after: Schema.optionalKey(Schema.String.annotate({ description: "The id of the last session of the page before." })),
  query: Schema.optionalKey(
    Schema.String.check(Schema.isMaxLength(titleCharsMax)).annotate({ description: "Words of the title." }),
  ),
};

/** What can be changed of a session. */
export const SessionChange = Schema.Struct({
  title: Schema.Trim.check(Schema.isNonEmpty(), Schema.isMaxLength(titleCharsMax)),
}).annotate({ identifier: "ModifySessionRequest" });

/** Bytes of a body that changes a session: a title in any script, with room. */
const changeBytesMax = 16 * 1024;

const decodeChange = Schema.decodeUnknownEffect(Schema.fromJsonString(SessionChange));

const notTitle = () =>
  new InvalidRequest({
    param: "title",
    why: `Expected a title of 1 to ${titleCharsMax} characters`,
    code: "invalid_value",
  });

/** Describes the body with an example, which the reference page shows. */
export const describeChange = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/ModifySessionRequest" },
        example: { title: "Sales of the year" },
      },
    },
  },
});

/** The sessions of a user, last used first. */
export const SessionList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(SessionOut),
  has_more: Schema.Boolean,
}).annotate({ identifier: "ListSessionsResponse" });

const ToolCallOut = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String }),
});

const UserContentOut = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ type: Schema.Literal("image_url"), image_url: Schema.Struct({ url: Schema.String }) }),
]);

/** A stored message in the form of OpenAI's, tool calls and results included. */
export const MessageOut = Schema.Union([
  Schema.Struct({
    role: Schema.Literal("user"),
    attachments: Schema.optionalKey(Schema.Array(Schema.Struct({ path: Schema.String }))).annotate({
      description: "Where in the workspace the files of the message lie.",
    }),
    content: Schema.Union([Schema.String, Schema.Array(UserContentOut)]),
  }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: Schema.NullOr(Schema.String),
    reasoning_content: Schema.optionalKey(Schema.String),
    tool_calls: Schema.optionalKey(Schema.Array(ToolCallOut)),
  }),
  Schema.Struct({ role: Schema.Literal("tool"), tool_call_id: Schema.String, content: Schema.String }),
]);
type MessageOut = typeof MessageOut.Type;

const TurnOut = Schema.Struct({
  id: Schema.String,
  parent: Schema.NullOr(Schema.String).annotate({ description: "The turn before; turns of one parent are branches." }),
  status: TurnStatus,
  model: Schema.String,
  created_at: Schema.Int,
  finished_at: Schema.Int,
  started_at_ms: Schema.Number,
  finished_at_ms: Schema.Number,
  usage: Schema.Struct({ prompt_tokens: Schema.Int, completion_tokens: Schema.Int }),
  cost_usd: Schema.NullOr(Schema.Number).annotate({
    description: "In US dollars; null for a model without a price in CAISSON_MODELS.",
  }),
  files: Schema.NullOr(Schema.Array(TurnFileOut)).annotate({
    description: "What the turn made or changed in the workspace; null where its run is not remembered.",
  }),
  approval: Schema.optionalKey(TurnApprovalOut),
  messages: Schema.Array(MessageOut),
});

/** A session with everything that was said in it, in the order it was stored. */
export const SessionDetail = Schema.Struct({ ...sessionFields, turns: Schema.Array(TurnOut) })
  .annotate({ identifier: "SessionDetail" });

/** A session that is no more. */
export const SessionDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("session.deleted"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteSessionResponse" });

const seconds = (ms: number): number => Math.floor(ms / 1000);

const messageOut = (message: Message): MessageOut => {
  switch (message.role) {
    case "tool":
      return { role: "tool", tool_call_id: message.callId, content: message.content };
    case "user":
      return {
        role: "user",
        ...(message.attachments !== undefined && {
          attachments: message.attachments.map(({ path }) => ({ path })),
        }),
        content: message.parts.every((part) => part._tag === "Text")
          ? textOf(message)
          : message.parts.map((part) =>
            part._tag === "Text" ? { type: "text" as const, text: part.text } : {
              type: "image_url" as const,
              image_url: { url: `data:${part.mediaType};base64,${part.base64}` },
            }
          ),
      };
    case "assistant": {
      const text = textOf(message);
      const reasoning = message.parts.map((part) => (part._tag === "Reasoning" ? part.text : "")).join("");
      const calls = toolCallsOf(message).map(({ id, name, argumentsJson }) => ({
        id,
        type: "function" as const,
        function: { name, arguments: argumentsJson },
      }));
      return {
        role: "assistant",
        content: text === "" && calls.length > 0 ? null : text,
        ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      };
    }
  }
};

const turnOut = (turn: Turn, files: ReadonlyArray<typeof TurnFileOut.Type> | undefined): typeof TurnOut.Type => ({
  id: turn.id,
  parent: turn.parent,
  status: turn.status,
  model: turn.model,
  created_at: seconds(turn.startedAtMs),
  finished_at: seconds(turn.finishedAtMs),
  started_at_ms: turn.startedAtMs,
  finished_at_ms: turn.finishedAtMs,
  usage: { prompt_tokens: turn.usage.inputTokens, completion_tokens: turn.usage.outputTokens },
  cost_usd: turn.costUsd ?? null,
  files: files ?? null,
  ...(awaitsApproval(turn) && { approval: askedOut(turn) }),
  messages: turn.messages.map(messageOut),
});

/** The query of every endpoint here. */
interface UserQuery {
  readonly user?: string;
}

const summaryOut = (
  { key, title, turns, awaiting, createdAtMs, lastUsedAtMs }: SessionSummary,
): typeof SessionOut.Type => ({
  id: key.id,
  object: "session",
  title,
  created_at: seconds(createdAtMs),
  last_used_at: seconds(lastUsedAtMs),
  turns,
  approval: awaiting === undefined ? null : approvalId(awaiting),
});

interface ListQuery extends UserQuery {
  readonly limit?: string;
  readonly after?: string;
  readonly query?: string;
}

/** One page of what a query asks for, and whether there is more. */
const pageOf = (found: ReadonlyArray<SessionSummary>, { limit, after, query = "" }: ListQuery) => {
  const wanted = query.trim().toLowerCase();
  const from = after === undefined ? 0 : found.findIndex(({ key }) => key.id === after) + 1;
  const rest = found.slice(from).filter(({ title }) => title.toLowerCase().includes(wanted));
  const most = limit === undefined ? rest.length : Number(limit);
  return { data: rest.slice(0, most).map(summaryOut), has_more: rest.length > most };
};

// Handlers ---------------------------------------------------------------------------------------

/** Builds the handlers of the sessions' endpoints. */
export const make = Effect.gen(function* () {
  const sessions = yield* Sessions;
  const bodies = yield* Bodies;
  const sandbox = yield* Sandbox;
  const runStore = yield* RunStore;
  const links = yield* ArtifactLinks;
  const snapshots = yield* SnapshotStore;
  const { onSessionEnd } = yield* Settings;

  const list = Effect.fnUntraced(function* (query: ListQuery) {
    const found = yield* sessions.list(ownerKey((yield* Caller).ownerOf(query)));
    return { object: "list", ...pageOf(found, query) } satisfies typeof SessionList.Type;
  });

  const show = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const key: SessionKey = { owner: ownerKey(owner), id };
    const session = yield* sessions.load(key);
    // A session begins with its first turn, so one without turns is not there.
    if (session.turns.length === 0) return yield* new SessionNotFound({ id });
    const base = links.baseOf(yield* HttpServerRequest.HttpServerRequest);
    const files = yield* filesByTurn({ runs: runStore, links, base }, owner, id);
    const body: typeof SessionDetail.Type = {
      id,
      object: "session",
      title: session.title ?? "",
      created_at: seconds(session.createdAtMs),
      last_used_at: seconds(session.lastUsedAtMs),
      turns: session.turns.map((turn) => turnOut(turn, files.get(turn.id))),
    };
    return body;
  });

  const change = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const text = yield* bodies.text(request, { bytesMax: changeBytesMax, typed: true });
    const { title } = yield* Effect.mapError(decodeChange(text), notTitle);
    const key: SessionKey = { owner: ownerKey((yield* Caller).ownerOf(query)), id };
    if (!(yield* sessions.rename(key, title))) return yield* new SessionNotFound({ id });
    const changed = (yield* sessions.list(key.owner)).find((summary) => summary.key.id === id);
    return changed === undefined ? yield* new SessionNotFound({ id }) : json(summaryOut(changed));
  });

  const remove = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const user = (yield* Caller).ownerOf(query);
    const key: SessionKey = { owner: ownerKey(user), id };
    if (!(yield* sessions.remove(key))) return yield* new SessionNotFound({ id });
    yield* runStore.forget(key.owner, id);
    yield* Effect.provideService(forgetSession(key), SnapshotStore, snapshots);
    if (onSessionEnd === "reset" && (yield* sessions.list(key.owner)).length === 0) {
      yield* sandbox.reset(user);
      yield* snapshots.erase(key.owner);
    }
    const body: typeof SessionDeleted.Type = { id, object: "session.deleted", deleted: true };
    return body;
  });

  return { list, show, change, remove };
});
