/**
 * The endpoints of OpenAI's containers as data.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { Authorization } from "../../frame/Caller.ts";
import { failsWith, jsonFailures } from "../../frame/failures.ts";
import { listOf, pageQuery, userQuery } from "../listPage.ts";
import { JsonObject } from "../responses/wire.ts";
import { NetworkPolicyOut } from "./network.ts";

/** An optional field in which `null` means "not given", as OpenAI's clients send it. */
const optional = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

/** OpenAI's bounds: characters of a name, and minutes that a container may wait for its next use. */
const nameMax = 256;
export const idleMinutesDefault = 20;

/** What a container is made of. */
export const ContainerRequest = Schema.Struct({
  name: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(nameMax)),
  expires_after: optional(Schema.Struct({
    anchor: Schema.Literal("last_active_at"),
    minutes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: idleMinutesDefault })),
  })),
  file_ids: optional(Schema.Array(Schema.String)),
  memory_limit: optional(Schema.String),
  network_policy: optional(JsonObject),
  skills: optional(Schema.Array(JsonObject)),
}).annotate({ identifier: "CreateContainer" });

/** Describes the body with an example, which the reference page shows. */
const describeRequest = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/CreateContainer" },
        example: { name: "analysis" },
      },
    },
  },
});

export const ContainerOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("container"),
  created_at: Schema.Int,
  status: Schema.Literals(["running", "expired"]),
  expires_after: Schema.Struct({ anchor: Schema.Literal("last_active_at"), minutes: Schema.Number }),
  last_active_at: Schema.Int,
  memory_limit: Schema.String,
  network_policy: NetworkPolicyOut,
  name: Schema.String,
}).annotate({ identifier: "Container" });

export const ContainerDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("container.deleted"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteContainerResponse" });

export const ContainerFileOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("container.file"),
  created_at: Schema.Int,
  bytes: Schema.Number,
  container_id: Schema.String,
  path: Schema.String,
  source: Schema.Literals(["user", "assistant"]),
}).annotate({ identifier: "ContainerFile" });

export const ContainerFileDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("container.file.deleted"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteContainerFileResponse" });

export const ContainerList = listOf(ContainerOut, "ContainerList");
export const ContainerFileList = listOf(ContainerFileOut, "ContainerFileList");

const params = { container: Schema.String };
const fileParams = { container: Schema.String, file: Schema.String };
const fileFailures = [
  "ContainerNotFound",
  "ContainerExpired",
  "ContainerFileNotFound",
  "SessionsUnavailable",
  "SandboxError",
] as const;

/** What copying a file of `/v1/files` into a container can fail with. */
const copyFailures = [
  "ContainerNotFound",
  "FileNotFound",
  "FilesUnavailable",
  "FileError",
  "SandboxError",
  "SessionsUnavailable",
] as const;

/** Describes the body: a form with the file, or the id of one of `/v1/files`. */
const describeFile = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: { type: "object", required: ["file"], properties: { file: { type: "string", format: "binary" } } },
      },
      "application/json": {
        schema: { type: "object", required: ["file_id"], properties: { file_id: { type: "string" } } },
      },
    },
  },
});

/** Containers, to make, look at and delete, and their files. */
export class ContainersGroup extends HttpApiGroup.make("containers")
  .add(
    HttpApiEndpoint.post("createContainer", "/containers", {
      query: userQuery,
      payload: ContainerRequest,
      success: ContainerOut,
      error: failsWith(...jsonFailures, ...copyFailures),
    }).annotate(OpenApi.Summary, "Make a container").annotate(OpenApi.Transform, describeRequest),
    HttpApiEndpoint.get("listContainers", "/containers", {
      query: { ...pageQuery, name: Schema.optionalKey(Schema.String) },
      success: ContainerList,
      error: failsWith("SessionsUnavailable", "InvalidRequest"),
    }).annotate(OpenApi.Summary, "List the containers, those made last first"),
    HttpApiEndpoint.get("retrieveContainer", "/containers/:container", {
      params,
      query: userQuery,
      success: ContainerOut,
      error: failsWith("ContainerNotFound", "SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "Look at a container"),
    HttpApiEndpoint.delete("deleteContainer", "/containers/:container", {
      params,
      query: userQuery,
      success: ContainerDeleted,
      error: failsWith("ContainerNotFound", "SessionsUnavailable", "SandboxError"),
    }).annotate(OpenApi.Summary, "Delete a container with its files"),
    HttpApiEndpoint.post("createContainerFile", "/containers/:container/files", {
      params,
      query: userQuery,
      success: ContainerFileOut,
      error: failsWith(...jsonFailures, ...fileFailures, ...copyFailures),
    }).annotate(OpenApi.Summary, "Put a file into a container").annotate(OpenApi.Transform, describeFile),
    HttpApiEndpoint.get("listContainerFiles", "/containers/:container/files", {
      params,
      query: pageQuery,
      success: ContainerFileList,
      error: failsWith(
        "ContainerNotFound",
        "ContainerExpired",
        "SessionsUnavailable",
        "SandboxError",
        "InvalidRequest",
      ),
    }).annotate(OpenApi.Summary, "List the files of a container, the newest first"),
    HttpApiEndpoint.get("retrieveContainerFile", "/containers/:container/files/:file", {
      params: fileParams,
      query: userQuery,
      success: ContainerFileOut,
      error: failsWith(...fileFailures),
    }).annotate(OpenApi.Summary, "Look at a file of a container"),
    HttpApiEndpoint.get("containerFileContent", "/containers/:container/files/:file/content", {
      params: fileParams,
      query: userQuery,
      success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array()),
      error: failsWith(...fileFailures, "FileError"),
    }).annotate(OpenApi.Summary, "Fetch a file of a container"),
    HttpApiEndpoint.delete("deleteContainerFile", "/containers/:container/files/:file", {
      params: fileParams,
      query: userQuery,
      success: ContainerFileDeleted,
      error: failsWith(...fileFailures, "FileError"),
    }).annotate(OpenApi.Summary, "Delete a file of a container"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(
    OpenApi.annotations({ title: "Containers", description: "OpenAI's containers, each a sandbox of its own." }),
  ) {}
