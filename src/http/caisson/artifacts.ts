/**
 * `/v1/artifacts`: the files of a user's workspace, listed, fetched and put there.
 *
 * All file work happens inside the owner's sandbox. What is fetched is data: nothing but a proven raster
 * image is ever shown by a browser, and nothing is ever run by one.
 */
import { isUpload } from "../../domain/workspacePaths.ts";
import { Effect, Option, Schema, SchemaTransformation, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { imageTypeOf } from "../../runs/changedArtifacts.ts";
import { Settings } from "../../config.ts";
import { type Artifact, isOffered, mediaTypeOf } from "../../domain/Artifact.ts";
import { readRange } from "./byteRange.ts";
import { ownerKey } from "../../domain/ids.ts";
import { type FileEntry, Sandbox, type SandboxError, type SandboxHandle, unseen } from "../../services/Sandbox.ts";
import { Bodies } from "../../web/body.ts";
import { ArtifactLinks } from "./ArtifactLinks.ts";
import { Caller, FileAccess, UserName } from "../frame/Caller.ts";
import { disposition } from "../frame/disposition.ts";
import {
  ArtifactNotFound,
  ArtifactTooLarge,
  InvalidRequest,
  LinkExpired,
  RangeNotSatisfiable,
} from "../frame/errors.ts";
import { archiveBytesMax, archiveOf, fitting } from "./archive.ts";
import { removeFile } from "./removeFile.ts";
import { seeFirstByte } from "./firstByte.ts";
import { readUpload, writeUpload } from "./uploads.ts";

/** Files of one list. */
const listMax = 1_000;
const listDefault = 100;

/** Files among which one is found by its path; a workspace with more is no place for artifacts. */
const filesMax = 10_000;

/** Files looked at first: nearly always enough, and a list that short fits the output of any tool server. */
const recentFilesMax = 400;

// Wire -------------------------------------------------------------------------------------------

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

/** A whole number in a query; its text is as JSON writes numbers, without sign or fraction. */
const count = (what: string, most: number) =>
  Schema.String.annotate({ description: `${what}; a whole number from 0 to ${most}.` }).check(
    Schema.isPattern(/^\d{1,16}$/, { message: `Expected a whole number from 0 to ${most}` }),
  ).pipe(
    Schema.decodeTo(
      Schema.Int.check(Schema.isLessThanOrEqualTo(most, { message: `Expected a whole number from 0 to ${most}` })),
      SchemaTransformation.numberFromString,
    ),
  );

/** A file that is no more. */
export const ArtifactDeleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("artifact.deleted"),
  deleted: Schema.Literal(true),
}).annotate({ identifier: "DeleteArtifactResponse" });

/** Which files are listed. */
export const ListQuery = Schema.Struct({
  limit: Schema.optionalKey(count("Files to list", listMax)),
  start: Schema.optionalKey(Schema.Literals(["true", "false"])).annotate({
    description: "`false` lists nothing where there is no sandbox, instead of starting one.",
  }),
  since: Schema.optionalKey(count("Only files changed since, in seconds since the epoch", Number.MAX_SAFE_INTEGER)),
  user: Schema.optionalKey(UserName),
});

/** Where an uploaded file goes. */
export const UploadQuery = Schema.Struct({
  path: Schema.optionalKey(Schema.String.annotate({ description: "A path under /workspace." })),
  user: Schema.optionalKey(UserName),
});

/** The rest of a signed link, or the user whose file it is. */
export const ContentQuery = Schema.Struct({
  expires: Schema.optionalKey(Schema.String),
  signature: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(UserName),
});

// Handlers ---------------------------------------------------------------------------------------

const mebibyte = 1024 * 1024;

/** Headers that keep a browser from doing anything with a file but show or save it. */
const safeHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "referrer-policy": "no-referrer",
  "cache-control": "private, no-cache",
  "accept-ranges": "bytes",
} as const;

/** A file as it goes over the wire. */
export const shown = (artifact: Artifact): typeof ArtifactOut.Type => ({
  id: artifact.id,
  object: "artifact",
  filename: artifact.name,
  path: artifact.path,
  bytes: artifact.sizeBytes,
  media_type: artifact.mediaType,
  created_at: Math.floor(artifact.modifiedAtMs / 1000),
  url: artifact.url,
  url_expires_at: Math.floor(artifact.urlExpiresAtMs / 1000),
});

/** Finds a file by its path. Only regular files are listed, so links and what lies outside are never found. */
const findFile = Effect.fnUntraced(function* (handle: SandboxHandle, path: string) {
  for (const limit of [recentFilesMax, filesMax]) {
    const files = yield* handle.changedFiles(0, limit);
    const found = files.find((file) => file.path === path);
    if (found !== undefined) return found;
    if (files.length < limit) break;
  }
  return yield* new ArtifactNotFound();
});

const etagOf = (file: FileEntry): string => `"${file.sizeBytes.toString(36)}-${file.modifiedAtMs.toString(36)}"`;

/** Serves a file, whole or the range that is asked for. */
const serveFile = Effect.fnUntraced(function* (
  { headers }: HttpServerRequest.HttpServerRequest,
  handle: SandboxHandle,
  file: FileEntry,
) {
  const { path } = file;
  const etag = etagOf(file);
  if (headers["if-none-match"] === etag) {
    return HttpServerResponse.empty({ status: 304, headers: { ...safeHeaders, etag } });
  }
  yield* seeFirstByte(handle, file);
  const resumes = headers["if-range"] === undefined || headers["if-range"] === etag;
  const range = readRange(resumes ? headers["range"] : undefined, file.sizeBytes);
  if (range._tag === "Unsatisfiable") return yield* new RangeNotSatisfiable({ sizeBytes: file.sizeBytes });
  const imageType = yield* imageTypeOf(handle, path);
  // A file named like an image that is none is only bytes.
  const mediaType = imageType ??
    (mediaTypeOf(path).startsWith("image/") ? "application/octet-stream" : mediaTypeOf(path));
  const part = range._tag === "Part" ? range : undefined;
  const length = part?.length ?? file.sizeBytes;
  const body = length === 0 ? Stream.empty : handle.readBytes(path, { offset: part?.offset ?? 0, length }).pipe(
    Stream.tapError((error) => Effect.logWarning("a download was cut", error)),
  );
  return HttpServerResponse.stream(body, {
    status: part === undefined ? 200 : 206,
    contentType: mediaType,
    contentLength: length,
    headers: {
      ...safeHeaders,
      etag,
      "content-disposition": disposition(path, imageType === undefined ? "attachment" : "inline"),
      ...(part !== undefined && {
        "content-range": `bytes ${part.offset}-${part.offset + part.length - 1}/${file.sizeBytes}`,
      }),
    },
  });
});

const nobodyNamed = () =>
  new InvalidRequest({
    param: "user",
    why: "Name a user: a workspace without one would be gone when this request ends",
    code: null,
  });

/** The listed files of a workspace as one archive. */
const archived = Effect.fnUntraced(function* (handle: SandboxHandle) {
  const listed = (yield* handle.changedFiles(0, filesMax)).filter(({ path }) => isListed(path));
  const files = fitting(listed);
  if (Option.isNone(files)) return yield* new ArtifactTooLarge({ bytesMax: archiveBytesMax });
  return archiveOf(handle.readBytes, files.value).pipe(
    Stream.tapError((error) => Effect.logWarning("an archive was cut", error)),
  );
});

const zipped = (body: Stream.Stream<Uint8Array, SandboxError>): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(body, {
    contentType: "application/zip",
    headers: { ...safeHeaders, "accept-ranges": "none", "content-disposition": 'attachment; filename="workspace.zip"' },
  });

/** Builds the handlers of the artifacts' endpoints. */
export const make = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const links = yield* ArtifactLinks;
  const bodies = yield* Bodies;
  const settings = yield* Settings;
  const fileBytesMax = settings.artifactMbMax * mebibyte;

  const list = Effect.fnUntraced(function* (query: typeof ListQuery.Type) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const owner = (yield* Caller).ownerOf(query);
    const { limit = listDefault, since = 0 } = query;
    const empty: typeof ArtifactList.Type = { object: "list", data: [], has_more: false };
    // An owner of one request has no workspace yet; looking would start a sandbox for nothing.
    if (owner.ephemeral) return empty;
    const { state } = yield* sandbox.look?.(owner) ?? Effect.succeed(unseen);
    if (query.start === "false" && state === "none") return empty;
    const handle = yield* sandbox.open(owner);
    const files = (yield* handle.changedFiles(since * 1000, filesMax)).filter(({ path }) => isListed(path));
    // A list reads no file: what its image types are worth is decided when one is fetched.
    const data = yield* Effect.forEach(
      files.slice(0, limit),
      (file) => links.describe(links.baseOf(request), owner, file, undefined),
    );
    return { ...empty, data: data.map(shown), has_more: files.length > limit };
  });

  /** Whose file an id names, when this request may have it. */
  const admit = Effect.fnUntraced(function* (id: string, query: typeof ContentQuery.Type) {
    const access = yield* FileAccess;
    const place = links.open(id);
    if (access._tag === "Link") {
      const verdict = yield* links.check({ id, expires: query.expires ?? "", signature: access.signature });
      if (verdict === "expired") return yield* new LinkExpired();
      if (verdict === "forged" || Option.isNone(place)) return yield* new ArtifactNotFound();
      return place.value;
    }
    const owner = access.caller.ownerOf(query);
    // Another's id is answered like one that never was.
    if (Option.isNone(place) || ownerKey(place.value.owner) !== ownerKey(owner)) return yield* new ArtifactNotFound();
    return place.value;
  });

  const content = Effect.fnUntraced(function* (id: string, query: typeof ContentQuery.Type) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { owner, path } = yield* admit(id, query);
    const handle = yield* sandbox.open(owner);
    const file = yield* findFile(handle, path);
    if (file.sizeBytes > fileBytesMax) return yield* new ArtifactTooLarge({ bytesMax: fileBytesMax });
    return yield* serveFile(request, handle, file);
  });

  const upload = Effect.fnUntraced(function* (query: typeof UploadQuery.Type) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const owner = (yield* Caller).ownerOf(query);
    if (owner.ephemeral) return yield* nobodyNamed();
    const sent = yield* readUpload(bodies, request, query.path, Math.min(fileBytesMax, settings.bodyBytesMax));
    const handle = yield* sandbox.open(owner);
    yield* writeUpload(handle, sent);
    const file = yield* findFile(handle, sent.path);
    const imageType = yield* imageTypeOf(handle, file.path);
    return shown(yield* links.describe(links.baseOf(request), owner, file, imageType));
  });

  const remove = Effect.fnUntraced(function* (id: string, query: { readonly user?: string }) {
    const owner = (yield* Caller).ownerOf(query);
    const place = links.open(id);
    if (Option.isNone(place) || ownerKey(place.value.owner) !== ownerKey(owner)) return yield* new ArtifactNotFound();
    const handle = yield* sandbox.open(owner);
    yield* removeFile(handle, (yield* findFile(handle, place.value.path)).path);
    return { id, object: "artifact.deleted", deleted: true } satisfies typeof ArtifactDeleted.Type;
  });

  const archive = Effect.fnUntraced(function* (query: { readonly user?: string }) {
    const owner = (yield* Caller).ownerOf(query);
    // An owner of one request has no workspace yet.
    return zipped(owner.ephemeral ? archiveOf(() => Stream.empty, []) : yield* archived(yield* sandbox.open(owner)));
  });

  return { list, content, upload, remove, archive };
});

/** Uploads are listed too: only caches and hidden files are not. */
const isListed = (path: string): boolean => isUpload(path) || isOffered(path);
