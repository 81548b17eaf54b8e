/**
 * Artifacts: files of a workspace that a run made or changed, as people are offered them.
 */
import { isUpload } from "./workspacePaths.ts";
import { Schema } from "effect";

/** A file that can be fetched. */
export const Artifact = Schema.Struct({
  /** Names the file and its owner without telling either; the same file always has the same id. */
  id: Schema.String,
  /** Absolute path inside the sandbox. */
  path: Schema.String,
  name: Schema.String,
  sizeBytes: Schema.Number,
  mediaType: Schema.String,
  modifiedAtMs: Schema.Number,
  /** The content is an image of its media type, which a browser can show without running anything. */
  isImage: Schema.Boolean,
  /** A link that opens the file without a key until `urlExpiresAtMs`. */
  url: Schema.String,
  urlExpiresAtMs: Schema.Number,
});
export type Artifact = typeof Artifact.Type;

/** Media types by extension; everything else is bytes. */
const mediaTypes: Readonly<Record<string, string>> = {
  csv: "text/csv",
  css: "text/css",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  gif: "image/gif",
  gz: "application/gzip",
  html: "text/html",
  htm: "text/html",
  ipynb: "application/x-ipynb+json",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  jsonl: "application/jsonl",
  log: "text/plain",
  md: "text/markdown",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  parquet: "application/vnd.apache.parquet",
  pdf: "application/pdf",
  png: "image/png",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  py: "text/x-python",
  sh: "text/x-shellscript",
  sqlite: "application/vnd.sqlite3",
  svg: "image/svg+xml",
  tar: "application/x-tar",
  toml: "application/toml",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  wav: "audio/wav",
  webp: "image/webp",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

/** The media type of bytes of which nothing is known. */
const unknownMediaType = "application/octet-stream";

/** The last segment of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The media type that a path's extension says, whatever the content is. */
export const mediaTypeOf = (path: string): string => {
  const extension = /\.(\w+)$/.exec(nameOf(path))?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(mediaTypes, extension) ? mediaTypes[extension] ?? unknownMediaType : unknownMediaType;
};

/** Bytes at the start of a file that {@link sniffImage} needs. */
export const magicBytes = 16;

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/**
 * The raster image type that a file's first bytes prove, undefined for everything else.
 *
 * Only these are ever shown in a page: SVG and HTML can run scripts, whatever they are named.
 */
export const sniffImage = (head: Uint8Array): string | undefined => {
  const text = ascii(head, 0, magicBytes);
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (/^GIF8[79]a/.test(text)) return "image/gif";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "image/webp";
  return undefined;
};

/** Whether a path is named like an image that {@link sniffImage} could prove, so that looking is worth it. */
export const mayBeImage = (path: string): boolean => /\.(png|jpe?g|gif|webp)$/i.test(path);

/** Folders whose files are not what a run made for people: caches, hidden files, what the client itself sent. */
const uninteresting = /\/\.[^/]|\/(?:__pycache__|node_modules)(?:\/|$)|\.pyc$/;

/** Whether a changed file is worth offering. */
export const isOffered = (path: string): boolean => !isUpload(path) && !uninteresting.test(path);
