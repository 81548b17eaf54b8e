/**
 * What a caller of this API is told of each error: one row an error, total by its type.
 *
 * `docs/errors.md` is generated from it.
 */
import type { SessionsUnavailable } from "../../services/Sessions.ts";
import type { SpendingLimitReached } from "../../services/UsageLedger.ts";
import { invalid, quoted, type Row, type RowKey, type Rows, server } from "../../web/errors/Row.ts";
import { type SharedError, sharedRows } from "../../web/errors/sharedRows.ts";
import type { HttpError } from "./errors.ts";
import { modelRows } from "./modelRows.ts";
import { nearestUrl } from "./nearestUrl.ts";

/** The name of a row: an error, or an error and its reason. */
export type ErrorKey = RowKey<HttpError>;

/** Errors of this edge and of the stores beneath it. */
type OwnError =
  | Exclude<HttpError, SharedError | { readonly _tag: "ModelError" | "ModelNotFound" }>
  | SessionsUnavailable
  | SpendingLimitReached;

/** Connections are given back within minutes, when their clients are done. */
const connectionsRetryMs = 30_000;

const ownRows: Rows<OwnError> = {
  InvalidRequest: invalid(400, null, "A field is wrong, or a parameter is not supported.", {
    message: ({ why }) => why,
    param: ({ param }) => param,
    codeOf: ({ code }) => code,
  }),
  FileError: invalid(400, "invalid_file", "An attached file cannot be written to the workspace.", {
    message: (error) => quoted(error.message),
    param: (_, names) => names?.messages ?? null,
  }),
  UnknownUrl: invalid(404, "unknown_url", "There is nothing at this URL.", {
    message: ({ method, path }) =>
      [`Unknown request URL: ${method} ${quoted(path)}`, nearestUrl(path)].filter((part) => part !== undefined).join(
        ". ",
      ),
  }),
  SessionNotFound: invalid(404, "session_not_found", "The user has no such session, or it has expired.", {
    message: ({ id }) => `No such session: ${quoted(id)}`,
  }),
  RunNotFound: invalid(404, "run_not_found", "The user has no such run, or it ended too long ago.", {
    message: ({ id }) => `No such run: ${quoted(id)}`,
  }),
  ApprovalNotFound: invalid(404, "approval_not_found", "Nothing of the user waits for a decision under this id.", {
    message: ({ id }) => `Nothing waits for a decision under ${quoted(id)}: see GET /v1/approvals`,
  }),
  ApprovalDecided: invalid(409, "approval_decided", "Somebody decided about these calls before.", {
    message: ({ id }) => `${quoted(id)} is decided already: what came of it stands in its session`,
  }),
  ApprovalExpired: invalid(409, "approval_expired", "An approval comes after its time; a denial never does.", {
    message: ({ id }) => `It is too late to approve ${quoted(id)}: deny it, or ask for the same again`,
  }),
  JobNotFound: invalid(404, "job_not_found", "The user's sandbox has no such job, or forgot it.", {
    message: ({ id }) => `No such job: ${quoted(id)}`,
  }),
  ResponseNotFound: invalid(404, null, "The user has no such response, or it has expired.", {
    message: ({ id }) => `Response with id '${quoted(id)}' not found.`,
  }),
  ConversationNotFound: invalid(404, null, "The user has no such conversation, or it has expired.", {
    message: ({ id }) => `Conversation with id '${quoted(id)}' not found.`,
  }),
  ItemNotFound: invalid(404, null, "The conversation has no such item.", {
    message: ({ id }) => `Item with id '${quoted(id)}' not found.`,
  }),
  SnapshotNotFound: invalid(404, "snapshot_not_found", "The session has no such snapshot, or it is too old.", {
    message: ({ id }) => `No such snapshot: ${quoted(id)}`,
  }),
  SnapshotsOff: invalid(400, "snapshots_off", "What turns do to the workspace is not kept here.", {
    message: ({ why }) => `Snapshots are not kept: ${why}.`,
  }),
  PreviewsOff: invalid(400, "previews_off", "This server makes no previews of ports.", {
    message: ({ why }) => `There are no previews: ${why}.`,
  }),
  PreviewNotFound: invalid(404, "preview_not_found", "The user has no link to this port of the sandbox.", {
    message: ({ port }) => `There is no link to port ${quoted(port)}`,
  }),
  SnapshotNotKept: invalid(409, "snapshot_not_kept", "What the turn did is not kept, or was taken back before.", {
    message: ({ why }) => `It cannot be taken back: ${why}.`,
  }),
  WorkspaceBusy: invalid(409, "workspace_busy", "A run is at work in the workspace.", {
    message: () => "A run is at work in the workspace. Please try again when it has ended.",
  }),
  ContainerNotFound: invalid(404, null, "The user has no such container, or it was deleted.", {
    message: ({ id }) => `Container with id '${quoted(id)}' not found.`,
  }),
  ContainerExpired: invalid(400, null, "The container was not used for its time; its files are gone.", {
    message: () => "Container is expired.",
  }),
  ContainerFileNotFound: invalid(404, null, "The container has no such file.", {
    message: ({ id }) => `Container file with id '${quoted(id)}' not found.`,
  }),
  FileNotFound: invalid(404, null, "The user has no such file in /v1/files, or it has expired.", {
    message: ({ id }) => `No such File object: ${quoted(id)}`,
    param: ({ param }) => param,
  }),
  FilesFull: invalid(413, "files_full", "The files of a user would come to more than CAISSON_FILES_MB.", {
    message: ({ bytesMax, filesMax }) =>
      `The files of a user may take ${bytesMax} bytes and be ${filesMax} in number: delete some of them first.`,
    param: () => "file",
  }),
  ArtifactNotFound: invalid(404, "artifact_not_found", "There is no such file in this user's workspace.", {
    message: () => "There is no such artifact.",
  }),
  MethodNotAllowed: invalid(405, "method_not_supported", "The URL exists for other methods; see the `allow` header.", {
    message: ({ method, path }) => `Not allowed to ${method} on ${quoted(path)}`,
    headers: ({ allow }) => ({ allow: allow.join(", ") }),
  }),
  LinkExpired: invalid(410, "link_expired", "The link to a file is past its time; ask for a new one.", {
    message: () => "This link has expired.",
  }),
  ArtifactTooLarge: invalid(413, "artifact_too_large", "The file is larger than MCP_ARTIFACT_SIZE_LIMIT_MB.", {
    message: ({ bytesMax }) => `The file is larger than the limit of ${bytesMax} bytes.`,
  }),
  RangeNotSatisfiable: invalid(416, "range_not_satisfiable", "The range begins behind the end of the file.", {
    message: ({ sizeBytes }) => `The file has ${sizeBytes} bytes.`,
    headers: ({ sizeBytes }) => ({ "content-range": `bytes */${sizeBytes}` }),
  }),
  TurnNotFound: invalid(404, "turn_not_found", "The session has no such turn to follow.", {
    param: (_, names) => names?.parentTurn ?? null,
    message: ({ turn }) => `The session has no such turn: ${quoted(turn)}`,
  }),
  UnknownCallAnswered: invalid(400, "invalid_value", "A tool message answers no call of the conversation.", {
    message: ({ callId }) => `What a tool gave must answer a call before it: there is no call '${quoted(callId)}'`,
    param: (_, names) => names?.messages ?? null,
  }),
  RunCancelled: invalid(409, "run_cancelled", "The run was cancelled; what it completed is in its session.", {
    message: () => "The run was cancelled.",
  }),
  IdempotencyKeyReused: invalid(
    422,
    "idempotency_key_reused",
    "An Idempotency-Key came with another request before.",
    { message: () => "This Idempotency-Key was used with a different request." },
  ),
  UpgradeRequired: invalid(426, "upgrade_required", "The URL is for WebSockets: the request asks for none.", {
    message: () => "This URL is for WebSockets. Send 'Upgrade: websocket', or use POST.",
    headers: () => ({ upgrade: "websocket" }),
  }),
  TooManyConnections: server(503, "too_many_connections", true, "Too many WebSockets are open at once.", {
    message: ({ limit }) => `At most ${limit} WebSockets may be open at once. Please close some, or try again later.`,
    retryAfterMs: () => connectionsRetryMs,
  }),
  ConnectionLimitReached: invalid(
    400,
    "websocket_connection_limit_reached",
    "A WebSocket was open for as long as one may be; told as a frame before it is closed.",
    {
      message: ({ minutes }) =>
        `Responses websocket connection limit reached (${minutes} minutes). Create a new websocket connection to continue.`,
    },
  ),
  SpendingLimitReached: {
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    retry: false,
    when: "The principal or the user has used what it may in a day.",
    message: (error) => error.message,
    retryAfterMs: ({ retryAfterMs }) => retryAfterMs,
  },
  InternalError: server(500, "internal_error", false, "A bug; the log has it under the request id.", {
    message: () => "The server had an error while processing your request.",
  }),
  SessionsUnavailable: server(503, "sessions_unavailable", true, "The session store does not answer.", {
    message: () => "The session store is not available.",
  }),
  UsageLedgerUnavailable: server(503, "usage_unavailable", true, "The usage ledger cannot be read.", {
    message: () => "The usage ledger cannot be read at the moment. Please try again later.",
  }),
  SnapshotsUnavailable: server(503, "snapshots_unavailable", true, "The store of snapshots cannot be used.", {
    message: ({ reason }) =>
      reason === "NoSpace"
        ? "The server has no space left to keep the workspace, which is done before anything is put back."
        : "The store of snapshots is not available at the moment. Please try again later.",
  }),
  FilesUnavailable: server(503, "files_unavailable", true, "Bytes of files cannot be written or read.", {
    codeOf: ({ reason }) => reason === "NoSpace" ? "no_space" : "files_unavailable",
    message: ({ reason }) =>
      reason === "NoSpace"
        ? "There is no space for files at the moment. Please try again later."
        : "Files cannot be read or written at the moment. Please try again later.",
  }),
  ShuttingDown: server(503, "shutting_down", true, "The server is going down.", {
    message: () => "The server is shutting down. Please retry.",
  }),
};

/** A row for every error that a caller of this API can be told. */
export const errorTable: Rows<HttpError> = { ...ownRows, ...sharedRows, ...modelRows };

/** The name of an error's row. */
export const keyOf = (error: HttpError): ErrorKey => {
  switch (error._tag) {
    case "ModelError":
      return `ModelError.${error.reason._tag}`;
    case "SandboxError":
      return `SandboxError.${error.reason._tag}`;
    default:
      return error._tag;
  }
};

const rows: { readonly [K in ErrorKey]: Row<HttpError> } = errorTable;

/** The row of an error. */
export const rowOf = (error: HttpError): Row<HttpError> => rows[keyOf(error)];

/** Whether a value is an error of the table. */
export const isHttpError = (value: unknown): value is HttpError =>
  typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string" &&
  tags.has(value._tag);

const tags: ReadonlySet<string> = new Set(Object.keys(rows).map((key) => key.split(".")[0] ?? key));
