/**
 * Reading an uploaded file: a multipart form with `file` and perhaps `path`, or the bytes themselves with
 * `path` in the query.
 */
import { Effect, Option } from "effect";
import { HttpServerError, type HttpServerRequest } from "effect/http";
import { BodyTooLarge } from "../../web/BodyError.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** A file as it was sent. */
export interface Upload {
  /** Absolute path inside the sandbox. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** Where files go that come with a name only. */
const uploadsFolder = "/workspace/uploads";

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
export const workspacePath = (path: string): Option.Option<string> => {
  const segments = path.replace(/^\/workspace(?=\/|$)/, "").split("/").filter((each) => each !== "" && each !== ".");
  const isSafe = segments.length > 0 && path.length <= pathCharsMax && !segments.includes("..") &&
    !/\p{Cc}/u.test(path) && (!path.startsWith("/") || /^\/workspace\//.test(path));
  return isSafe ? Option.some(`/workspace/${segments.join("/")}`) : Option.none();
};

const pathFor = (wanted: string | null, name: string): Effect.Effect<string, InvalidRequest> => {
  const path = wanted === null || wanted === "" ? `${uploadsFolder}/${name.replace(/^.*[\\/]/, "")}` : wanted;
  return Option.match(workspacePath(path), {
    onNone: () => Effect.fail(wrong("path", "Expected a path under /workspace, without '..'")),
    onSome: Effect.succeed,
  });
};

const readBytes = (request: HttpServerRequest.HttpServerRequest, bytesMax: number) =>
  Effect.gen(function* () {
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) return yield* new BodyTooLarge({ bytesMax });
    const buffer = yield* Effect.mapError(request.arrayBuffer, (error) =>
      HttpServerError.isHttpServerError(error) && error.reason._tag === "RequestParseError" &&
        error.reason.reason === "BodyTooLarge"
        ? new BodyTooLarge({ bytesMax })
        : wrong(null, "The request body could not be read"));
    return buffer.byteLength > bytesMax ? yield* new BodyTooLarge({ bytesMax }) : buffer;
  });

/** Reads an upload. *Fails with* `BodyTooLarge`, or `InvalidRequest` naming the field. */
export const readUpload = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  pathInQuery: string | null,
  bytesMax: number,
): Effect.fn.Return<Upload, BodyTooLarge | InvalidRequest> {
  const contentType = request.headers["content-type"] ?? "";
  const bytes = yield* readBytes(request, bytesMax);
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    if (pathInQuery === null) return yield* wrong("path", "Name the file: ?path=data/sales.csv, or send a form");
    return { path: yield* pathFor(pathInQuery, ""), content: new Uint8Array(bytes) };
  }
  const form = yield* Effect.tryPromise({
    try: () => new Response(bytes, { headers: { "content-type": contentType } }).formData(),
    catch: () => wrong(null, "The form could not be read"),
  });
  const file = form.get("file");
  if (!(file instanceof File)) return yield* wrong("file", "Expected a file in the form field 'file'");
  const path = form.get("path");
  const content = yield* Effect.promise(() => file.arrayBuffer());
  return {
    path: yield* pathFor(typeof path === "string" ? path : pathInQuery, file.name),
    content: new Uint8Array(content),
  };
});
