/**
 * Our own endpoints as data: files, sessions, usage and the state of the service.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { Authorization, FileAuthorization, UserName } from "../frame/Caller.ts";
import { bodyFailures, failsWith } from "../frame/failures.ts";
import { ArtifactDeleted, ArtifactList, ArtifactOut, ContentQuery, ListQuery, UploadQuery } from "./artifacts.ts";
import { ChatChunk } from "../../domain/ChatChunk.ts";
import { MeOut } from "./me.ts";
import { ApprovalList, approvalsQuery, DecisionOut, DecisionRequest, describeDecision } from "./approvals.ts";
import { runErrors } from "../openai/runFailures.ts";
import { RunQuery, RunsQuery } from "./runs.ts";
import { RunDetail, RunList, RunOut } from "./runWire.ts";
import { ExecutionList } from "./executions.ts";
import { HealthOut, LiveOut, NotReadyOut, ReadyOut } from "./health.ts";
import {
  describeChange,
  SessionChange,
  SessionDeleted,
  SessionDetail,
  SessionList,
  SessionOut,
  SessionsQuery,
} from "./sessions.ts";
import { describePreview, PreviewList, PreviewOut, PreviewRequest } from "./previews.ts";
import { JobOut, JobOutputOut, JobQuery, SandboxOut } from "./sandbox.ts";
import { describeRestore, RestoreOut, RestoreRequest, SnapshotDiff, SnapshotList } from "./snapshots.ts";
import { UsageQuery, UsageReport } from "./usage.ts";
import { describeUpload } from "./uploads.ts";

/** What is there without a credential. */
export class SystemGroup extends HttpApiGroup.make("system", { topLevel: true })
  .add(
    HttpApiEndpoint.get("health", "/health", { success: HealthOut })
      .annotate(OpenApi.Summary, "See whether the service works, part by part"),
    HttpApiEndpoint.get("live", "/health/live", { success: LiveOut })
      .annotate(OpenApi.Summary, "See whether the process answers at all"),
    HttpApiEndpoint.get("ready", "/health/ready", { success: [ReadyOut, NotReadyOut] })
      .annotate(OpenApi.Summary, "See whether requests should be sent here now"),
  )
  .annotateMerge(OpenApi.annotations({ title: "System", description: "Needs no key." })) {}

const userQuery = { user: Schema.optionalKey(UserName) };

/** The files of a user's workspace. */
export class ArtifactsGroup extends HttpApiGroup.make("artifacts")
  .add(
    HttpApiEndpoint.post("uploadArtifact", "/artifacts", {
      query: UploadQuery,
      success: ArtifactOut,
      error: failsWith(
        "InvalidRequest",
        "FileError",
        "SandboxError",
        "ArtifactNotFound",
        "BodyTooLarge",
        "BodyUnreadable",
        "BodyTimedOut",
        "TooManyBodies",
        "UnsupportedEncoding",
      ),
    }).annotate(OpenApi.Summary, "Put a file into the workspace")
      .annotate(OpenApi.Transform, describeUpload)
      .middleware(Authorization),
    HttpApiEndpoint.get("listArtifacts", "/artifacts", {
      query: ListQuery,
      success: ArtifactList,
      error: failsWith("SandboxError", "FileError"),
    }).annotate(OpenApi.Summary, "List the files of the workspace, the newest first").middleware(Authorization),
    HttpApiEndpoint.get("artifactArchive", "/artifacts/archive", {
      query: userQuery,
      success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "application/zip" })),
      error: failsWith("ArtifactTooLarge", "SandboxError"),
    }).annotate(OpenApi.Summary, "Fetch the files of the workspace as one ZIP archive").middleware(Authorization),
    HttpApiEndpoint.delete("deleteArtifact", "/artifacts/:artifact", {
      params: { artifact: Schema.String },
      query: userQuery,
      success: ArtifactDeleted,
      error: failsWith("ArtifactNotFound", "SandboxError", "FileError"),
    }).annotate(OpenApi.Summary, "Delete a file of the workspace").middleware(Authorization),
    HttpApiEndpoint.get("artifactContent", "/artifacts/:artifact/content", {
      params: { artifact: Schema.String },
      query: ContentQuery,
      success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array()),
      error: failsWith(
        "ArtifactNotFound",
        "ArtifactTooLarge",
        "LinkExpired",
        "RangeNotSatisfiable",
        "SandboxError",
        "FileError",
      ),
    }).annotate(OpenApi.Summary, "Fetch a file, or a range of it").middleware(FileAuthorization),
  )
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Files", description: "The files of a user's workspace." })) {}

const sessionParams = { session: Schema.String };

/** What is stored of a user's conversations. */
export class SessionsGroup extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("listSessions", "/sessions", {
      query: SessionsQuery,
      success: SessionList,
      error: failsWith("SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "List the stored sessions, last used first"),
    HttpApiEndpoint.get("showSession", "/sessions/:session", {
      params: sessionParams,
      query: userQuery,
      success: SessionDetail,
      error: failsWith("SessionsUnavailable", "SessionNotFound"),
    }).annotate(OpenApi.Summary, "Read a session with every turn and tool call"),
    HttpApiEndpoint.post("changeSession", "/sessions/:session", {
      params: sessionParams,
      query: userQuery,
      payload: SessionChange,
      success: SessionOut,
      error: failsWith(
        ...bodyFailures,
        "SessionsUnavailable",
        "SessionNotFound",
      ),
    }).annotate(OpenApi.Summary, "Give a session another title")
      .annotate(OpenApi.Transform, describeChange),
    HttpApiEndpoint.get("listExecutions", "/sessions/:session/executions", {
      params: sessionParams,
      query: userQuery,
      success: ExecutionList,
      error: failsWith("SessionsUnavailable", "SessionNotFound"),
    }).annotate(OpenApi.Summary, "List what ran in a session, with output and exit codes"),
    HttpApiEndpoint.get("listSnapshots", "/sessions/:session/snapshots", {
      params: sessionParams,
      query: userQuery,
      success: SnapshotList,
      error: failsWith("SessionsUnavailable", "SessionNotFound", "SnapshotsUnavailable"),
    }).annotate(OpenApi.Summary, "List what the turns of a session did to the workspace, as far as it is kept"),
    HttpApiEndpoint.get("snapshotDiff", "/sessions/:session/snapshots/:snapshot", {
      params: { ...sessionParams, snapshot: Schema.String },
      query: userQuery,
      success: SnapshotDiff,
      error: failsWith(
        "SessionsUnavailable",
        "SessionNotFound",
        "SnapshotNotFound",
        "SnapshotNotKept",
        "SnapshotsUnavailable",
      ),
    }).annotate(OpenApi.Summary, "See which files a turn added, changed and removed, by its id or its snapshot's"),
    HttpApiEndpoint.post("restoreSnapshot", "/sessions/:session/restore", {
      params: sessionParams,
      query: userQuery,
      payload: RestoreRequest,
      success: RestoreOut,
      error: failsWith(
        ...bodyFailures,
        "SessionsUnavailable",
        "SessionNotFound",
        "SnapshotNotFound",
        "SnapshotNotKept",
        "SnapshotsOff",
        "SnapshotsUnavailable",
        "WorkspaceBusy",
        "SandboxError",
        "FileError",
      ),
    }).annotate(OpenApi.Summary, "Take back what a turn did to the workspace, or only see what that would change")
      .annotate(OpenApi.Transform, describeRestore),
    HttpApiEndpoint.delete("deleteSession", "/sessions/:session", {
      params: sessionParams,
      query: userQuery,
      success: SessionDeleted,
      error: failsWith("SessionsUnavailable", "SessionNotFound", "SandboxError", "SnapshotsUnavailable"),
    }).annotate(OpenApi.Summary, "Delete a session"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(
    OpenApi.annotations({ title: "Sessions", description: "What is stored of a user's conversations." }),
  ) {}

const runParams = { run: Schema.String };

/** The runs of a user that go on, or ended lately. */
export class RunsGroup extends HttpApiGroup.make("runs")
  .add(
    HttpApiEndpoint.get("listRuns", "/runs", {
      query: RunsQuery,
      success: RunList,
      error: failsWith("SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "List the runs that go on and the last that have ended"),
    HttpApiEndpoint.get("showRun", "/runs/:run", {
      params: runParams,
      query: RunQuery,
      success: RunDetail,
      error: failsWith("RunNotFound", "SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "See what happened in a run, by its id, its completion's or its request's"),
    HttpApiEndpoint.post("cancelRun", "/runs/:run/cancel", {
      params: runParams,
      query: userQuery,
      success: RunOut,
      error: failsWith("RunNotFound", "SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "End a run and the command in it; what it completed is kept"),
    HttpApiEndpoint.get("runEvents", "/runs/:run/events", {
      params: runParams,
      query: userQuery,
      success: HttpApiSchema.StreamSse({ data: ChatChunk }),
      error: failsWith("RunNotFound"),
    }).annotate(OpenApi.Summary, "Hear a run from its beginning, or from behind Last-Event-ID"),
    HttpApiEndpoint.get("listApprovals", "/approvals", {
      query: { ...userQuery, ...approvalsQuery },
      success: ApprovalList,
      error: failsWith("SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "List the calls that wait for a person"),
    HttpApiEndpoint.post("decideApproval", "/approvals/:approval", {
      params: { approval: Schema.String },
      query: userQuery,
      payload: DecisionRequest,
      success: DecisionOut,
      error: failsWith(...runErrors, "ApprovalNotFound", "ApprovalDecided", "ApprovalExpired"),
    }).annotate(OpenApi.Summary, "Approve or deny calls that wait, and have the run go on")
      .annotate(OpenApi.Transform, describeDecision),
    HttpApiEndpoint.get("sandbox", "/sandbox", { query: userQuery, success: SandboxOut })
      .annotate(OpenApi.Summary, "See how the user's sandbox is, without starting one"),
    HttpApiEndpoint.get("readJob", "/sandbox/jobs/:job", {
      params: { job: Schema.String },
      query: JobQuery,
      success: JobOutputOut,
      error: failsWith("JobNotFound", "SandboxError"),
    }).annotate(OpenApi.Summary, "Read what a background job printed"),
    HttpApiEndpoint.post("killJob", "/sandbox/jobs/:job/kill", {
      params: { job: Schema.String },
      query: userQuery,
      success: JobOut,
      error: failsWith("JobNotFound", "SandboxError"),
    }).annotate(OpenApi.Summary, "End a background job with all its processes"),
    HttpApiEndpoint.post("stopSandbox", "/sandbox/stop", {
      query: userQuery,
      success: SandboxOut,
      error: failsWith("SandboxError"),
    }).annotate(OpenApi.Summary, "Stop the user's sandbox and keep its files"),
    HttpApiEndpoint.post("resetSandbox", "/sandbox/reset", {
      query: userQuery,
      success: SandboxOut,
      error: failsWith("SandboxError", "SnapshotsUnavailable"),
    }).annotate(OpenApi.Summary, "Destroy the user's sandbox and every file of it"),
    HttpApiEndpoint.get("listPreviews", "/sandbox/previews", { query: userQuery, success: PreviewList })
      .annotate(OpenApi.Summary, "List the links to ports of the user's sandbox"),
    HttpApiEndpoint.post("createPreview", "/sandbox/previews", {
      query: userQuery,
      payload: PreviewRequest,
      success: PreviewOut,
      error: failsWith(...bodyFailures, "PreviewsOff"),
    }).annotate(OpenApi.Summary, "Make a link to a port of the user's sandbox, for an hour")
      .annotate(OpenApi.Transform, describePreview),
    HttpApiEndpoint.delete("endPreviews", "/sandbox/previews", { query: userQuery, success: PreviewList })
      .annotate(OpenApi.Summary, "Take back every link to the user's sandbox, and end who came by them"),
    HttpApiEndpoint.delete("endPreview", "/sandbox/previews/:port", {
      params: { port: Schema.String },
      query: userQuery,
      success: PreviewList,
      error: failsWith("PreviewNotFound"),
    }).annotate(OpenApi.Summary, "Take back the links to a port, and end who came by them"),
    HttpApiEndpoint.get("me", "/me", { query: userQuery, success: MeOut })
      .annotate(OpenApi.Summary, "See for whom the caller speaks"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Runs", description: "What goes on, and for whom." })) {}

/** What the caller's principal has used. */
export class UsageGroup extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("usage", "/usage", {
      query: UsageQuery,
      success: UsageReport,
      error: failsWith("InvalidRequest", "UsageLedgerUnavailable"),
    }).annotate(OpenApi.Summary, "Report what this key has used, by day and model"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(OpenApi.annotations({ title: "Usage", description: "What this key has used." })) {}
