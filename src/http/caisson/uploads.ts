/**
 * Reading an uploaded file: a multipart form with `file` and perhaps `path`, or the bytes themselves with
 * `path` in the query.
 */
import { uploadsFolder, workspaceFolder } from "../../domain/workspacePaths.ts";
import { Effect, Option } from "effect";
import type { HttpServerRequest } from "effect/http";
import type { BodiesService, BytesError } from "../../web/body.ts";
import { InvalidRequest } from "../frame/errors.ts";
import { type FormFields, formFields } from "./multipart.ts";

/** A file as it was sent. */
export interface Upload {
  /** Absolute path inside the sandbox. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** Characters of a path; the longest that Linux takes. */
const pathCharsMax = 4_096;

/** Describes the body, which may be a form or any bytes, in the OpenAPI document. */
export const describeUpload = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object",
          required: ["file"],
          properties: { file: { type: "string", format: "binary" }, path: { type: "string" } },
        },
      },
      "application/octet-stream": { schema: { type: "string", format: "binary" } },
    },
  },
});

const wrong = (param: string | null, why: string) => new InvalidRequest({ param, why, code: null });

/** A path under the workspace without `.` and `..`, none when there is no such path. */
const workspacePath = (path: string): Option.Option<string> => {
  const segments = path.replace(/^\/workspace(?=\/|$)/, "").split("/").filter((each) => each !== "" && each !== ".");
  const isSafe = segments.length > 0 && path.length <= pathCharsMax && !segments.includes("..") &&
    !/\p{Cc}/u.test(path) && (!path.startsWith("/") || /^\/workspace\//.test(path));
  return isSafe ? Option.some(`${workspaceFolder}/${segments.join("/")}`) : Option.none();
};

const pathFor = (wanted: string | undefined, name: string): Effect.Effect<string, InvalidRequest> => {
  const path = wanted === undefined || wanted === ""
    ? `${uploadsFolder}/${name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1)}`
    : wanted;
  return Option.match(workspacePath(path), {
    onNone: () => Effect.fail(wrong("path", "Expected a path under /workspace, without '..'")),
    onSome: Effect.succeed,
  });
};

/** Reads the form of an upload: what its fields `file` and `path` hold. */
const readForm = (bytes: Uint8Array<ArrayBuffer>, contentType: string): Effect.Effect<FormFields, InvalidRequest> => {
  const fields = formFields(bytes, contentType);
  return typeof fields === "string" ? Effect.fail(wrong(null, fields)) : Effect.succeed(fields);
};

/** Reads an upload. *Fails with* `InvalidRequest` naming the field, besides what reading a body fails with. */
export const readUpload = Effect.fnUntraced(function* (
  bodies: BodiesService,
  request: HttpServerRequest.HttpServerRequest,
  pathInQuery: string | undefined,
  bytesMax: number,
): Effect.fn.Return<Upload, BytesError | InvalidRequest> {
  const contentType = request.headers["content-type"] ?? "";
  const bytes = yield* bodies.bytes(request, { bytesMax });
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    if (pathInQuery === undefined) return yield* wrong("path", "Name the file: ?path=data/sales.csv, or send a form");
    return { path: yield* pathFor(pathInQuery, ""), content: bytes };
  }
  const form = yield* readForm(bytes, contentType);
  const file = form.get("file");
  if (file?.filename === undefined) return yield* wrong("file", "Expected a file in the form field 'file'");
  const path = form.get("path");
  const wanted = path === undefined || path.filename !== undefined
    ? pathInQuery
    : new TextDecoder().decode(path.content);
  return { path: yield* pathFor(wanted, file.filename), content: file.content };
});
