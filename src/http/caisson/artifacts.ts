/**
 * `/v1/artifacts`: the files of a user's workspace, listed, fetched and put there.
 *
 * All file work happens inside the owner's sandbox. What is fetched is data: nothing but a proven raster
 * image is ever shown by a browser, and nothing is ever run by one.
 */
import { Effect, Option, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { imageTypeOf } from "../../runs/changedArtifacts.ts";
import { Settings } from "../../config.ts";
import { type Artifact, isOffered, mediaTypeOf } from "../../domain/Artifact.ts";
import { readRange } from "./byteRange.ts";
import { ownerKey } from "../../domain/ids.ts";
import { Identity } from "../../services/Identity.ts";
import { type FileEntry, Sandbox, type SandboxHandle } from "../../services/Sandbox.ts";
import type { ArtifactList, ArtifactOut } from "../api.ts";
import { ArtifactLinks } from "./ArtifactLinks.ts";
import { identify, ownerFor } from "../frame/Caller.ts";
import {
  ArtifactNotFound,
  ArtifactTooLarge,
  InvalidRequest,
  LinkExpired,
  RangeNotSatisfiable,
} from "../frame/errors.ts";
import { readUpload } from "./uploads.ts";

/** Files of one list. */
const listMax = 1_000;
const listDefault = 100;

/** Files among which one is found by its path; a workspace with more is no place for artifacts. */
const filesMax = 10_000;

/** Files looked at first: nearly always enough, and a list that short fits the output of any tool server. */
const recentFilesMax = 400;

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

const shown = (artifact: Artifact): typeof ArtifactOut.Type => ({
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

/** A name for `content-disposition`: plain for old clients, and in full for the others. */
const disposition = (kind: "inline" | "attachment", path: string): string => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const plain = name.replace(/[^\w. -]/g, "_");
  const full = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${full}`;
};

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

/** Builds the handlers of the artifacts' endpoints. */
export const make = Effect.gen(function* () {
  const identity = yield* Identity;
  const sandbox = yield* Sandbox;
  const links = yield* ArtifactLinks;
  const settings = yield* Settings;
  const fileBytesMax = settings.artifactMbMax * mebibyte;

  /** The request's query and the owner it acts for; `user` in the query names the user. */
  const caller = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    const query = new URL(request.url, "http://localhost").searchParams;
    const who = yield* identify(identity, request.headers);
    return { query, owner: ownerFor(who, request.headers, { user: query.get("user") }) };
  });

  const list = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { query, owner } = yield* caller(request);
    const limit = yield* readCount("limit", query.get("limit"), listDefault, listMax);
    const since = yield* readCount("since", query.get("since"), 0, Number.MAX_SAFE_INTEGER);
    const empty: typeof ArtifactList.Type = { object: "list", data: [], has_more: false };
    // An owner of one request has no workspace yet; looking would start a sandbox for nothing.
    if (owner.ephemeral) return empty;
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
  const admit = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, id: string) {
    const query = new URL(request.url, "http://localhost").searchParams;
    const signature = query.get("signature");
    const place = links.open(id);
    if (signature !== null) {
      const verdict = yield* links.check({ id, expires: query.get("expires") ?? "", signature });
      if (verdict === "expired") return yield* new LinkExpired();
      if (verdict === "forged" || Option.isNone(place)) return yield* new ArtifactNotFound();
      return place.value;
    }
    const { owner } = yield* caller(request);
    // Another's id is answered like one that never was.
    if (Option.isNone(place) || ownerKey(place.value.owner) !== ownerKey(owner)) return yield* new ArtifactNotFound();
    return place.value;
  });

  const content = Effect.fnUntraced(function* (id: string) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { owner, path } = yield* admit(request, id);
    const handle = yield* sandbox.open(owner);
    const file = yield* findFile(handle, path);
    if (file.sizeBytes > fileBytesMax) return yield* new ArtifactTooLarge({ bytesMax: fileBytesMax });
    const etag = etagOf(file);
    const { headers } = request;
    if (headers["if-none-match"] === etag) {
      return HttpServerResponse.empty({ status: 304, headers: { ...safeHeaders, etag } });
    }
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
        "content-disposition": disposition(imageType === undefined ? "attachment" : "inline", path),
        ...(part !== undefined && {
          "content-range": `bytes ${part.offset}-${part.offset + part.length - 1}/${file.sizeBytes}`,
        }),
      },
    });
  });

  const upload = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { query, owner } = yield* caller(request);
    if (owner.ephemeral) {
      return yield* new InvalidRequest({
        param: "user",
        why: "Name a user: a workspace without one would be gone when this request ends",
        code: null,
      });
    }
    const sent = yield* readUpload(request, query.get("path"), Math.min(fileBytesMax, settings.bodyBytesMax));
    const handle = yield* sandbox.open(owner);
    yield* handle.writeFile(sent.path, sent.content);
    const file = yield* findFile(handle, sent.path);
    const imageType = yield* imageTypeOf(handle, file.path);
    return shown(yield* links.describe(links.baseOf(request), owner, file, imageType));
  });

  return { list, content, upload };
});

/** Uploads are listed too: only caches and hidden files are not. */
const isListed = (path: string): boolean => path.startsWith("/workspace/uploads/") || isOffered(path);

const readCount = (
  param: string,
  text: string | null,
  fallback: number,
  most: number,
): Effect.Effect<number, InvalidRequest> => {
  if (text === null) return Effect.succeed(fallback);
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && value <= most
    ? Effect.succeed(value)
    : Effect.fail(new InvalidRequest({ param, why: `Expected a whole number from 0 to ${most}`, code: null }));
};
