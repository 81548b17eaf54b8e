/**
 * The HTTP API as data: its endpoints, what they take and what they answer.
 *
 * The OpenAPI document is generated from it; the handlers stand in one file per endpoint.
 */
import { Schema } from "effect";
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { ChatChunk, ChatCompletion } from "../domain/ChatChunk.ts";
import { version } from "../domain/version.ts";
import { ErrorEnvelope } from "./frame/errors.ts";
import { ExecutionList } from "./caisson/executions.ts";
import { ChatRequest } from "./openai/chat/wire.ts";
import { SessionDeleted, SessionDetail, SessionList } from "./caisson/sessions.ts";
import { finishDocument } from "./frame/openapi.ts";
import { UsageReport } from "./caisson/usage.ts";

/** A model that can be chosen. */
export const ModelOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  created: Schema.Int,
  owned_by: Schema.String,
}).annotate({ identifier: "Model" });

/** The models that can be chosen. */
export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ModelOut),
}).annotate({ identifier: "ListModelsResponse" });

/** The state of the service and of what it stands on. */
export const HealthOut = Schema.Struct({
  status: Schema.Literals(["healthy", "degraded"]),
  service: Schema.Literal("agent-api"),
  version: Schema.String,
  timestamp: Schema.String,
  mcp_server_connected: Schema.Boolean.annotate({
    description: "Whether the tools can be reached; true when they run in this process.",
  }),
  tools: Schema.Literals(["in-process", "mcp-server"]),
  sandbox: Schema.Struct({
    kind: Schema.String,
    why: Schema.String,
    healthy: Schema.Boolean,
    detail: Schema.String,
    open: Schema.Int,
    not_applied: Schema.Array(Schema.Struct({ control: Schema.String, detail: Schema.String })),
  }),
  sessions: Schema.Struct({ store: Schema.String }),
}).annotate({ identifier: "Health" });
export type HealthOut = typeof HealthOut.Type;

const failure = (status: number) => ErrorEnvelope.pipe(HttpApiSchema.status(status));

/** Statuses that any request to `/v1` may be answered with. */
const common = [failure(401), failure(429), failure(500), failure(503)] as const;

/** What is there without a credential. */
export class SystemGroup extends HttpApiGroup.make("system", { topLevel: true }).add(
  HttpApiEndpoint.get("health", "/health", { success: HealthOut }),
) {}

/** A file of a user's workspace. */
export const ArtifactOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("artifact"),
  filename: Schema.String,
  path: Schema.String,
  bytes: Schema.Number,
  media_type: Schema.String,
  created_at: Schema.Int,
  url: Schema.String.annotate({ description: "Opens the file without a key until url_expires_at." }),
  url_expires_at: Schema.Int,
}).annotate({ identifier: "Artifact" });

/** Files, the newest first. */
export const ArtifactList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ArtifactOut),
  has_more: Schema.Boolean,
}).annotate({ identifier: "ListArtifactsResponse" });

/** Statuses of work in a sandbox. */
const sandboxed = [...common, failure(400), failure(502)] as const;

/** The files of a user's workspace. */
export class ArtifactsGroup extends HttpApiGroup.make("artifacts")
  .add(
    HttpApiEndpoint.get("listArtifacts", "/artifacts", {
      query: {
        limit: Schema.optionalKey(Schema.String),
        since: Schema.optionalKey(Schema.String),
        user: Schema.optionalKey(Schema.String),
      },
      success: ArtifactList,
      error: sandboxed,
    }),
    HttpApiEndpoint.post("uploadArtifact", "/artifacts", {
      query: { path: Schema.optionalKey(Schema.String), user: Schema.optionalKey(Schema.String) },
      success: ArtifactOut,
      error: [...sandboxed, failure(413)],
    }),
    HttpApiEndpoint.get("artifactContent", "/artifacts/:artifact/content", {
      params: { artifact: Schema.String },
      query: {
        expires: Schema.optionalKey(Schema.String),
        signature: Schema.optionalKey(Schema.String),
        user: Schema.optionalKey(Schema.String),
      },
      success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array()),
      error: [...sandboxed, failure(404), failure(410), failure(413), failure(416)],
    }),
  )
  .prefix("/v1") {}

/** OpenAI's endpoints. */
export class V1Group extends HttpApiGroup.make("v1")
  .add(
    HttpApiEndpoint.get("models", "/models", { success: ModelList, error: common }),
    HttpApiEndpoint.get("model", "/models/:model", {
      params: { model: Schema.String },
      success: ModelOut,
      error: [...common, failure(404)],
    }),
    HttpApiEndpoint.post("chatCompletions", "/chat/completions", {
      payload: ChatRequest,
      success: [ChatCompletion, HttpApiSchema.StreamSse({ data: ChatChunk })],
      error: [
        ...common,
        failure(400),
        failure(404),
        failure(413),
        failure(415),
        failure(422),
        failure(502),
        failure(504),
      ],
    }),
  )
  .prefix("/v1") {}

const sessionParams = { session: Schema.String };

/** What is stored of a user's conversations; the user is named by `x-user-id`. */
export class SessionsGroup extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("listSessions", "/sessions", { success: SessionList, error: common }),
    HttpApiEndpoint.get("showSession", "/sessions/:session", {
      params: sessionParams,
      success: SessionDetail,
      error: [...common, failure(404)],
    }),
    HttpApiEndpoint.get("listExecutions", "/sessions/:session/executions", {
      params: sessionParams,
      success: ExecutionList,
      error: [...common, failure(404)],
    }),
    HttpApiEndpoint.delete("deleteSession", "/sessions/:session", {
      params: sessionParams,
      success: SessionDeleted,
      error: [...common, failure(404)],
    }),
  )
  .prefix("/v1") {}

/** What the caller's principal has used. */
export class UsageGroup extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("usage", "/usage", {
      query: { from: Schema.optionalKey(Schema.String), to: Schema.optionalKey(Schema.String) },
      success: UsageReport,
      error: [...common, failure(400)],
    }),
  )
  .prefix("/v1") {}

/** The whole API. */
export class Api extends HttpApi.make("caisson")
  .add(SystemGroup)
  .add(V1Group)
  .add(SessionsGroup)
  .add(ArtifactsGroup)
  .add(UsageGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "Caisson",
      version,
      description: "An OpenAI-compatible agent that runs code in sealed, per-user containers.",
      license: { name: "MIT" },
      transform: finishDocument,
    }),
  ) {}
