/**
 * Every error that this edge tells a caller: its own, and those of what stands beneath it.
 *
 * What a caller is told of each stands in `errorTable.ts`. What is unknown has its own last door:
 * `InternalError` of the runs.
 */
import { Schema } from "effect";
import type { ContainerExpired, ContainerNotFound } from "../../runs/Containers.ts";
import type { FileNotFound, FilesFull } from "../../runs/Files.ts";
import type { RunError } from "../../runs/RunError.ts";
import type { SnapshotNotFound, SnapshotNotKept, SnapshotsOff, WorkspaceBusy } from "../../runs/snapshots/Snapshots.ts";
import type { FilesUnavailable } from "../../services/FileStore.ts";
import type { PreviewsOff } from "../../services/Previews.ts";
import type { SnapshotsUnavailable } from "../../services/SnapshotStore.ts";
import type { UsageLedgerUnavailable } from "../../services/UsageLedger.ts";
import type { SharedError } from "../../web/errors/sharedRows.ts";

// Errors of this edge ----------------------------------------------------------------------------

/** The request is wrong; `param` names the field, `why` says what was expected. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  param: Schema.NullOr(Schema.String),
  why: Schema.String,
  code: Schema.NullOr(Schema.String),
}) {
  override get message(): string {
    return this.why;
  }
}

/** There is nothing at this URL. */
export class UnknownUrl extends Schema.TaggedError<UnknownUrl>()("UnknownUrl", {
  method: Schema.String,
  path: Schema.String,
}) {}

/** There is something at this URL, but not for this method. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  method: Schema.String,
  path: Schema.String,
  allow: Schema.Array(Schema.String),
}) {}

/** There is no such artifact, or it is not this caller's. */
export class ArtifactNotFound extends Schema.TaggedError<ArtifactNotFound>()("ArtifactNotFound", {}) {}

/** A signed link is past its time. */
export class LinkExpired extends Schema.TaggedError<LinkExpired>()("LinkExpired", {}) {}

/** A file is larger than `MCP_ARTIFACT_SIZE_LIMIT_MB`. */
export class ArtifactTooLarge extends Schema.TaggedError<ArtifactTooLarge>()("ArtifactTooLarge", {
  bytesMax: Schema.Int,
}) {}

/** A `Range` begins behind the end of the file. */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  sizeBytes: Schema.Number,
}) {}

/** The user has no link to this port of the sandbox. */
export class PreviewNotFound extends Schema.TaggedError<PreviewNotFound>()("PreviewNotFound", {
  port: Schema.String,
}) {}

/** The user has no such session, or it has expired. */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>()("SessionNotFound", { id: Schema.String }) {}

/** The user has no such run, or its result is not kept any more. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { id: Schema.String }) {}

/** The user's sandbox has no such job, or forgot it. */
export class JobNotFound extends Schema.TaggedError<JobNotFound>()("JobNotFound", { id: Schema.String }) {}

/** Nothing of the user waits for a decision under this id. */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", {
  id: Schema.String,
}) {}

/** Somebody decided before. */
export class ApprovalDecided extends Schema.TaggedError<ApprovalDecided>()("ApprovalDecided", { id: Schema.String }) {}

/** An approval comes too late; a denial never does. */
export class ApprovalExpired extends Schema.TaggedError<ApprovalExpired>()("ApprovalExpired", { id: Schema.String }) {}

/** The URL is for WebSockets. */
export class UpgradeRequired extends Schema.TaggedError<UpgradeRequired>()("UpgradeRequired", {}) {}

/** Too many WebSockets are open at once. */
export class TooManyConnections extends Schema.TaggedError<TooManyConnections>()("TooManyConnections", {
  limit: Schema.Int,
}) {}

/** A WebSocket was open for as long as one may be. */
export class ConnectionLimitReached extends Schema.TaggedError<ConnectionLimitReached>()("ConnectionLimitReached", {
  minutes: Schema.Int,
}) {}

/** The user has no such response, or it has expired. */
export class ResponseNotFound extends Schema.TaggedError<ResponseNotFound>()("ResponseNotFound", {
  id: Schema.String,
}) {}

/** The user has no such conversation, or it has expired. */
export class ConversationNotFound extends Schema.TaggedError<ConversationNotFound>()("ConversationNotFound", {
  id: Schema.String,
}) {}

/** The conversation has no such item. */
export class ItemNotFound extends Schema.TaggedError<ItemNotFound>()("ItemNotFound", { id: Schema.String }) {}

/** The container has no such file. */
export class ContainerFileNotFound extends Schema.TaggedError<ContainerFileNotFound>()("ContainerFileNotFound", {
  id: Schema.String,
}) {}

/** Everything that can go wrong for a caller. */
export type HttpError =
  | RunError
  | SharedError
  | InvalidRequest
  | UpgradeRequired
  | TooManyConnections
  | ConnectionLimitReached
  | UnknownUrl
  | MethodNotAllowed
  | ArtifactNotFound
  | LinkExpired
  | ArtifactTooLarge
  | RangeNotSatisfiable
  | SessionNotFound
  | RunNotFound
  | ApprovalNotFound
  | ApprovalDecided
  | ApprovalExpired
  | JobNotFound
  | ResponseNotFound
  | ConversationNotFound
  | ItemNotFound
  | SnapshotNotFound
  | SnapshotNotKept
  | SnapshotsOff
  | SnapshotsUnavailable
  | PreviewsOff
  | PreviewNotFound
  | WorkspaceBusy
  | ContainerNotFound
  | ContainerExpired
  | ContainerFileNotFound
  | FileNotFound
  | FilesFull
  | FilesUnavailable
  | UsageLedgerUnavailable;
