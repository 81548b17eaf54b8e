/**
 * The endpoints of OpenAI's files as data.
 */
import { Schema } from "effect";
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api";
import { FilePurpose } from "../../../services/FileStore.ts";
import { Authorization } from "../../frame/Caller.ts";
import { bodyFailures, failsWith } from "../../frame/failures.ts";
import { listOf, pageQueryOf, userQuery } from "../listPage.ts";

/** OpenAI's bound of a page of files, and what it has where the client does not say. */
export const filePageMax = 10_000;

/** Describes the form in the OpenAPI document. */
const describeForm = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object",
          required: ["file", "purpose"],
          properties: {
            file: { type: "string", format: "binary" },
            purpose: { type: "string", enum: FilePurpose.literals },
            "expires_after[anchor]": { type: "string", enum: ["created_at"] },
            "expires_after[seconds]": { type: "integer" },
          },
        },
        example: { purpose: "user_data" },
      },
    },
  },
});

export const FileOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("file"),
  bytes: Schema.Int,
  created_at: Schema.Int,
  expires_at: Schema.Int,
  filename: Schema.String,
  purpose: FilePurpose,
  status: Schema.Literal("processed"),
  status_details: Schema.Null,
}).annotate({ identifier: "OpenAIFile" });

export const FileDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("file"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteFileResponse" });

export const FileList = listOf(FileOut, "ListFilesResponse");

const params = { file: Schema.String };

/** Files, to send, look at, fetch and delete. */
export class FilesGroup extends HttpApiGroup.make("files")
  .add(
    HttpApiEndpoint.post("createFile", "/files", {
      query: userQuery,
      success: FileOut,
      error: failsWith(...bodyFailures, "SessionsUnavailable", "FilesFull", "FilesUnavailable"),
    }).annotate(OpenApi.Summary, "Send a file").annotate(OpenApi.Transform, describeForm),
    HttpApiEndpoint.get("listFiles", "/files", {
      query: { ...pageQueryOf(filePageMax), purpose: Schema.optionalKey(Schema.String) },
      success: FileList,
      error: failsWith("SessionsUnavailable", "InvalidRequest"),
    }).annotate(OpenApi.Summary, "List the files, those sent last first"),
    HttpApiEndpoint.get("retrieveFile", "/files/:file", {
      params,
      query: userQuery,
      success: FileOut,
      error: failsWith("FileNotFound", "SessionsUnavailable"),
    }).annotate(OpenApi.Summary, "Look at a file"),
    HttpApiEndpoint.get("fileContent", "/files/:file/content", {
      params,
      query: userQuery,
      success: Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array()),
      error: failsWith("FileNotFound", "SessionsUnavailable", "FilesUnavailable"),
    }).annotate(OpenApi.Summary, "Fetch a file"),
    HttpApiEndpoint.delete("deleteFile", "/files/:file", {
      params,
      query: userQuery,
      success: FileDeleted,
      error: failsWith("FileNotFound", "SessionsUnavailable", "FilesUnavailable"),
    }).annotate(OpenApi.Summary, "Delete a file"),
  )
  .middleware(Authorization)
  .prefix("/v1")
  .annotateMerge(
    OpenApi.annotations({ title: "Files", description: "OpenAI's files, to be named in requests by their ids." }),
  ) {}
