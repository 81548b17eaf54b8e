/**
 * Reading an uploaded file: a multipart form with `file` and perhaps `path`, or the bytes themselves with
 * `path` in the query.
 */
import { Buffer } from "node:buffer";
import { Effect, Option } from "effect";
import type { HttpServerRequest } from "effect/http";
import type { BodiesService, BytesError } from "../../web/body.ts";
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

const pathFor = (wanted: string | undefined, name: string): Effect.Effect<string, InvalidRequest> => {
  const path = wanted === undefined || wanted === ""
    ? `${uploadsFolder}/${name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1)}`
    : wanted;
  return Option.match(workspacePath(path), {
    onNone: () => Effect.fail(wrong("path", "Expected a path under /workspace, without '..'")),
    onSome: Effect.succeed,
  });
};

/** Fields of a form; a file and its path are two. */
const partsMax = 32;

/** What separates the parts of a form, by its content type. */
const boundaryOf = (contentType: string): string | undefined => {
  const found = /;[ \t]*boundary=(?:"([^"]{1,200})"|([^;"\s]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
};

/** Whether a form has more parts than a form has, told without parsing it. */
const hasTooManyParts = (bytes: Uint8Array, boundary: string): boolean => {
  const form = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const separator = Buffer.from(`--${boundary}`);
  let parts = 0;
  for (let at = form.indexOf(separator); at >= 0; at = form.indexOf(separator, at + separator.length)) {
    // The last separator ends the form.
    if (++parts > partsMax + 1) return true;
  }
  return false;
};

const readForm = Effect.fnUntraced(function* (
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Effect.fn.Return<FormData, InvalidRequest> {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return yield* wrong(null, "The form's content-type names no boundary");
  if (hasTooManyParts(bytes, boundary)) return yield* wrong(null, `Expected a form of at most ${partsMax} fields`);
  return yield* Effect.tryPromise({
    try: () => new Response(bytes, { headers: { "content-type": contentType } }).formData(),
    catch: () => wrong(null, "The form could not be read"),
  });
});

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
  if (!(file instanceof File)) return yield* wrong("file", "Expected a file in the form field 'file'");
  const path = form.get("path");
  const content = yield* Effect.promise(() => file.arrayBuffer());
  return {
    path: yield* pathFor(typeof path === "string" ? path : pathInQuery, file.name),
    content: new Uint8Array(content),
  };
});
