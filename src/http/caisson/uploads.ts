/**
 * Reading an uploaded file: a multipart form with `file` and perhaps `path`, or the bytes themselves with
 * `path` in the query. The file is passed on while it arrives.
 */
import { uploadsFolder, workspaceFolder } from "../../domain/workspacePaths.ts";
import { Buffer } from "node:buffer";
import { Cause, Effect, Option, type Scope, Stream } from "effect";
import type { HttpServerRequest } from "effect/http";
import { FileError, type SandboxError, type SandboxHandle } from "../../services/Sandbox.ts";
import type { BodiesService, BytesError } from "../../web/body.ts";
import { type FormEvent, FormReader, formUnreadable } from "../../web/FormReader.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** What is wrong with an upload, or with how it arrives. */
export type UploadError = BytesError | InvalidRequest;

/** A file that is being sent. */
export interface Upload {
  /** Absolute path inside the sandbox. */
  readonly path: string;
  /** The field that says so: a form may have the name with the file alone. */
  readonly placeField: "path" | "file";
  /** Its bytes as they arrive; a form that is not whole, or names another path too late, ends with the error. */
  readonly content: Stream.Stream<Uint8Array, UploadError>;
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

const noName = () => wrong("path", "Name the file: ?path=data/sales.csv, or send a form");

const noPath = () => wrong("path", "Expected a path under /workspace, without '..' and control characters");

const placeFor = (
  wanted: string | undefined,
  name: string,
): Effect.Effect<Pick<Upload, "path" | "placeField">, InvalidRequest> => {
  const base = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  const isNamed = wanted !== undefined && wanted !== "";
  if (!isNamed && base === "") return Effect.fail(noName());
  const path = isNamed ? wanted : `${uploadsFolder}/${base}`;
  return Option.match(workspacePath(path), {
    onNone: () => Effect.fail(noPath()),
    onSome: (path) => Effect.succeed({ path, placeField: isNamed ? "path" : "file" }),
  });
};

/** Bytes of a file that wait for a `path` behind it; what is larger needs its path before it. */
const heldBytesMax = 1024 * 1024;

const tooLate = () =>
  wrong("path", `Send 'path' before 'file', or as ?path=, for a file of more than ${heldBytesMax} bytes`);

/** The events of a form, which must be whole. */
export const eventsOf = (
  bytes: Stream.Stream<Uint8Array, BytesError>,
  contentType: string,
): Stream.Stream<FormEvent, UploadError> =>
  Stream.suspend(() => {
    const reader = new FormReader(contentType);
    const check = (why: string | undefined) => why === undefined ? Effect.void : Effect.fail(wrong(null, why));
    return Stream.fromEffect(check(reader.refused)).pipe(
      Stream.drain,
      Stream.concat(bytes),
      Stream.mapEffect((piece) => {
        const events = reader.push(piece);
        return Effect.as(check(reader.refused), events);
      }),
      Stream.concat(
        Stream.suspend(() => Stream.drain(Stream.fromEffect(check(reader.isWhole ? undefined : formUnreadable)))),
      ),
      Stream.flattenIterable,
    );
  });

/** The form of an upload, read as far as somebody needs it; of two fields of one name the first counts. */
class UploadForm {
  filename: string | undefined;
  path: string | undefined;
  /** Bytes of the file so far. */
  fileBytes = 0;
  private part: "file" | "path" | "other" = "other";
  private readonly pathBytes: Array<Uint8Array> = [];
  private pathLength = 0;

  /** Takes an event in; what comes back are bytes of the file. */
  take(event: FormEvent): Effect.Effect<Uint8Array | undefined, InvalidRequest> {
    if (event._tag === "Part") {
      this.part = "other";
      if (event.name === "file" && this.filename === undefined) {
        if (event.filename === undefined) return Effect.fail(noFile());
        [this.filename, this.part] = [event.filename, "file"];
      } else if (event.name === "path" && this.path === undefined && event.filename === undefined) {
        if (this.fileBytes > heldBytesMax) return Effect.fail(tooLate());
        this.part = "path";
      }
    } else if (event._tag === "Bytes") {
      if (this.part === "file") {
        this.fileBytes += event.bytes.length;
        return Effect.succeed(event.bytes);
      }
      if (this.part === "path") return this.takePath(event.bytes);
    } else if (event._tag === "PartEnd" && this.part === "path") {
      this.path = new TextDecoder().decode(Buffer.concat(this.pathBytes));
    }
    return Effect.succeed(undefined);
  }

  private takePath(bytes: Uint8Array): Effect.Effect<undefined, InvalidRequest> {
    this.pathLength += bytes.length;
    if (this.pathLength > pathCharsMax * utf8BytesMax) return Effect.fail(noPath());
    this.pathBytes.push(bytes);
    return Effect.succeed(undefined);
  }
}

/** Bytes of a character in UTF-8. */
const utf8BytesMax = 4;

const noFile = () => wrong("file", "Expected a file in the form field 'file'");

/** Reads a form until it is known where its file goes. */
const readForm = Effect.fnUntraced(function* (
  events: Stream.Stream<FormEvent, UploadError>,
  pathInQuery: string | undefined,
): Effect.fn.Return<Upload, UploadError, Scope.Scope> {
  const pull = yield* Stream.toPull(events);
  const form = new UploadForm();
  let held: Array<Uint8Array> = [];
  let isWhole = false;
  /** Bytes of the file among the next events; undefined at the end of the form. */
  const next = Effect.fnUntraced(function* () {
    const batch = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.succeed(undefined));
    if (batch === undefined) return undefined;
    const pieces: Array<Uint8Array> = [];
    for (const event of batch) {
      const bytes = yield* form.take(event);
      if (bytes !== undefined) pieces.push(bytes);
    }
    return pieces;
  });
  while (!isWhole && (form.filename === undefined || (form.path === undefined && form.fileBytes <= heldBytesMax))) {
    const pieces = yield* next();
    isWhole = pieces === undefined;
    held.push(...pieces ?? []);
  }
  if (form.filename === undefined) return yield* noFile();
  const rest = Stream.unfold(
    undefined,
    () => Effect.map(next(), (pieces) => pieces === undefined ? undefined : [pieces, undefined] as const),
  );
  const first = Stream.suspend(() => {
    const pieces = held;
    held = [];
    return Stream.fromIterable(pieces);
  });
  return {
    ...yield* placeFor(form.path ?? pathInQuery, form.filename),
    content: isWhole ? first : Stream.concat(first, Stream.flattenIterable(rest)),
  };
});

/**
 * Reads an upload as far as its path; its content is the rest.
 *
 * *Fails with* `InvalidRequest` naming the field, besides what reading a body fails with.
 */
export const readUpload = Effect.fnUntraced(function* (
  bodies: BodiesService,
  request: HttpServerRequest.HttpServerRequest,
  pathInQuery: string | undefined,
  bytesMax: number,
): Effect.fn.Return<Upload, UploadError, Scope.Scope> {
  const contentType = request.headers["content-type"] ?? "";
  const bytes = yield* bodies.stream(request, { bytesMax });
  if (/^multipart\/form-data\b/i.test(contentType)) return yield* readForm(eventsOf(bytes, contentType), pathInQuery);
  if (pathInQuery === undefined) return yield* noName();
  return { ...yield* placeFor(pathInQuery, ""), content: bytes };
});

/** What the sandbox refuses for the sake of the bytes; anything else is wrong with their place. */
const aboutContent: ReadonlySet<FileError["reason"]> = new Set(["NoSpace", "TooLarge"]);

/**
 * Writes an upload into a sandbox as fast as both ends go; one that breaks off leaves what was there.
 *
 * *Fails with* what the upload fails with, `InvalidRequest` naming the field for what the sandbox refuses,
 * `SandboxError`.
 */
export const writeUpload = (
  handle: SandboxHandle,
  { path, placeField, content }: Upload,
): Effect.Effect<number, UploadError | SandboxError> =>
  Effect.suspend(() => {
    // The port knows only failures of its own.
    let broken: UploadError | undefined;
    const told = Stream.mapError(content, (error) => {
      broken = error;
      return new FileError({ path, reason: "Other", why: "the upload broke off" });
    });
    return Effect.mapError(handle.writeFile(path, told), (error): UploadError | SandboxError => {
      if (broken !== undefined) return broken;
      if (error._tag === "SandboxError") return error;
      const param = aboutContent.has(error.reason) ? "file" : placeField;
      return new InvalidRequest({ param, why: error.message, code: "invalid_file" });
    });
  });
