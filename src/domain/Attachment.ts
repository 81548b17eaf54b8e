/**
 * Files that a user sends with a message: they are put into the workspace, and the model is told where.
 */
import { uploadsFolder } from "./workspacePaths.ts";
import { createHash } from "node:crypto";
import { Schema } from "effect";

/** What a file is to the person who sent it. */
export const AttachmentKind = Schema.Literals(["file", "image", "audio"]);
export type AttachmentKind = typeof AttachmentKind.Type;

/** A file of a user message. */
export const Attachment = Schema.Struct({
  kind: AttachmentKind,
  /** The client's own name of the file, made safe. */
  name: Schema.String,
  /** The beginning of the SHA-256 of the content, in hexadecimal. */
  hash: Schema.String,
  /** Absolute path inside the sandbox. */
  path: Schema.String,
  sizeBytes: Schema.Int,
  /** Only on its way into the workspace: a session never stores the bytes. */
  content: Schema.optionalKey(Schema.Uint8Array),
  /** A file of `/v1/files` that it is a copy of; on its way into the workspace only, like the bytes. */
  stored: Schema.optionalKey(Schema.Struct({ id: Schema.String, sha256: Schema.String })),
});
export type Attachment = typeof Attachment.Type;

/** Where attachments are put. */
const folder = uploadsFolder;
/** Bytes of a name that are kept, the end of it: file systems take 255, and a hash and a number stand before it. */
const nameBytesMax = 200;
/** Characters of a client's name that are looked at. */
const nameCharactersMax = 1_000;
/** Hexadecimal characters of the hash: two files of one name do not collide. */
const hashLength = 8;

/** The end of a text that is at most so many bytes in UTF-8; no character is cut. */
const endOf = (text: string, bytesMax: number): string => {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= bytesMax) return text;
  let from = bytes.length - bytesMax;
  // Bytes of the form 10xxxxxx continue a character.
  while (from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++;
  return new TextDecoder().decode(bytes.subarray(from));
};

/** A client's own name of a file as a name in a folder: kept as it is, but for what no file can be called. */
export const nameInFolder = (name: string): string => {
  const end = name.slice(-nameCharactersMax);
  const last = end.slice(Math.max(end.lastIndexOf("/"), end.lastIndexOf("\\")) + 1);
  const plain = endOf(last.replace(/\p{Cc}/gu, "_").toWellFormed(), nameBytesMax);
  return plain === "" || plain === "." || plain === ".." ? "file" : plain;
};

/** A name that is safe in a path, in a shell and in a prompt; letters of every script stay. */
const safeName = (name: string): string => {
  const end = name.slice(-nameCharactersMax);
  const last = end.slice(Math.max(end.lastIndexOf("/"), end.lastIndexOf("\\")) + 1).normalize("NFC");
  const safe = endOf(last.replace(/[^\p{L}\p{M}\p{N}\p{So}._-]+/gu, "_"), nameBytesMax).replace(/^[.\p{M}]+/u, "");
  return safe === "" ? "file" : safe;
};

/** Where a file goes: its own place, or when that holds something else by now, the same with a number. */
export const attachmentPath = ({ hash, name }: Pick<Attachment, "hash" | "name">, number = 1): string =>
  `${folder}/${hash}${number === 1 ? "" : `-${number}`}-${name}`;

/**
 * Makes an attachment whose place depends on its name and content only.
 *
 * Chat clients resend their files with every request: the same file always gets the same place, so
 * what the model was told about it stays true.
 *
 * *Example* (send a file with a question):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Message } from "@caisson/caisson";
 *
 * const table = Message.attachment("ventes été.csv", new TextEncoder().encode("a,b\n1,2\n"));
 * const message: Message.UserMessage = { ...Message.user("How many rows?"), attachments: [table] };
 * assert.match(message.attachments?.[0]?.path ?? "", /^\/workspace\/uploads\/[0-9a-f]{8}-ventes_été\.csv$/);
 * ```
 */
export const attachment = (name: string, content: Uint8Array, kind: AttachmentKind = "file"): Attachment => {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, hashLength);
  const named = { hash, name: safeName(name) };
  return { kind, ...named, path: attachmentPath(named), sizeBytes: content.length, content };
};

/** An attachment that is a copy of a stored file; it has the very place that its bytes would give it. */
export const storedAttachment = (
  { id, filename, sha256, sizeBytes }: {
    readonly id: string;
    readonly filename: string;
    readonly sha256: string;
    readonly sizeBytes: number;
  },
  kind: AttachmentKind = "file",
): Attachment => {
  const named = { hash: sha256.slice(0, hashLength), name: safeName(filename) };
  return { kind, ...named, path: attachmentPath(named), sizeBytes, stored: { id, sha256 } };
};

/** An attachment that is in the workspace already; nothing is known of its content here. */
export const attachedFile = (path: string): Attachment => ({
  kind: "file",
  name: safeName(path),
  hash: createHash("sha256").update(path).digest("hex").slice(0, hashLength),
  path,
  sizeBytes: 0,
});

const nouns: Readonly<Record<AttachmentKind, string>> = { file: "a file", image: "an image", audio: "an audio file" };

/** What the model is told of a message's files, one line a file: of the user's, or of those that a tool gave. */
export const attachmentNote = (attachments: ReadonlyArray<Attachment>, from: "user" | "tool" = "user"): string =>
  attachments
    .map(({ kind, path }) =>
      `[The ${from === "user" ? "user attached" : "tool gave"} ${nouns[kind]}. It is saved in the workspace as ${path}]`
    )
    .join("\n");
