/**
 * Content parts of what users and clients' tools say: text for the model, files for the workspace, images for both.
 *
 * Only `data:` URLs are read. The server fetches nothing on a caller's behalf.
 */
import { Effect, Option } from "effect";
import { attachedFile, type Attachment, attachment, storedAttachment } from "../../domain/Attachment.ts";
import { user, type UserMessage, type UserPart } from "../../domain/Message.ts";
import { InvalidRequest } from "../frame/errors.ts";
import type { UserContent } from "./chat/wire.ts";
import { imageTypeOf, type NamedFileError, type NamedFiles } from "./namedFiles.ts";

/** What content parts come to. */
export interface ReadParts {
  readonly parts: ReadonlyArray<UserPart>;
  readonly attachments: ReadonlyArray<Attachment>;
}

/** The path of a file in the workspace of whom the request is for; none when the id names no such file. */
export type FindFile = (id: string) => Option.Option<string>;

/** A file of `/v1/files` as a part of a message, and the field that names it. */
export interface StoredPart {
  readonly type: "stored";
  readonly kind: "file" | "image";
  readonly id: string;
  readonly param: string;
}

/** How files are found that parts name by their ids. */
export interface PartFiles {
  readonly bytesMax: number;
  /** Those of the workspace; absent, none is. */
  readonly findFile?: FindFile;
  /** Those of `/v1/files`; absent, they are only told in words. */
  readonly named?: NamedFiles;
  /** Who sends them, where that is not the user. */
  readonly from?: "tool";
}

const invalid = (param: string, why: string) => new InvalidRequest({ param, why, code: "invalid_value" });

interface DataUrl {
  readonly mediaType: string;
  readonly base64: string;
}

const dataUrl = /^data:([\w.+-]{1,100}\/[\w.+-]{1,100})?(?:;[\w-]{1,100}=[^;,]{0,1000}){0,10};base64,/;

const parseDataUrl = (url: string): DataUrl | undefined => {
  const header = dataUrl.exec(url);
  return header === null
    ? undefined
    : { mediaType: header[1] ?? "application/octet-stream", base64: url.slice(header[0].length) };
};

const decode = (param: string, base64: string, bytesMax: number): Effect.Effect<Uint8Array, InvalidRequest> => {
  // Four characters carry three bytes: a text too long is refused before it is decoded.
  if ((base64.length / 4) * 3 > bytesMax + 2) {
    return Effect.fail(invalid(param, `This file is larger than ${bytesMax} bytes`));
  }
  // The engine's own decoder: thirty megabytes are a twentieth of a second, where a loop of ours holds everybody.
  return Effect.filterOrFail(
    Effect.try({ try: () => Uint8Array.fromBase64(base64), catch: () => invalid(param, "Expected base64 data") }),
    (bytes) => bytes.length > 0,
    () => invalid(param, "Expected base64 data"),
  );
};

const extensions: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/svg+xml": "svg",
};

/** What a file of `/v1/files` comes to: a file for the workspace, and what an image shows for the model. */
const readStored = Effect.fnUntraced(function* (
  { kind, id, param }: StoredPart,
  { named, from }: Pick<PartFiles, "named" | "from">,
): Effect.fn.Return<ReadParts, NamedFileError> {
  // What is only remembered, as the items of a conversation are, is said in words: its file may be gone by then.
  if (named === undefined) {
    const text = `[The ${from === "tool" ? "tool gave" : "user attached"} the ${kind} ${id}]`;
    return { parts: [{ _tag: "Text", text }], attachments: [] };
  }
  const file = yield* named.find(id, param);
  if (kind === "file") return { parts: [], attachments: [storedAttachment(file)] };
  const content = yield* named.content(file, param);
  const mediaType = imageTypeOf(content);
  if (mediaType === undefined) return yield* invalid(param, "Expected an image: PNG, JPEG, GIF or WebP");
  return {
    parts: [{ _tag: "Image", mediaType, base64: content.toBase64() }],
    attachments: [storedAttachment(file, "image")],
  };
});

const readPart = Effect.fnUntraced(function* (
  part: UserContent | StoredPart,
  param: string,
  files: PartFiles,
): Effect.fn.Return<ReadParts, NamedFileError> {
  const { bytesMax, findFile = Option.none } = files;
  switch (part.type) {
    case "stored":
      return yield* readStored(part, files);
    case "text":
      return { parts: [{ _tag: "Text", text: part.text }], attachments: [] };
    case "image_url": {
      const where = `${param}.image_url.url`;
      const data = parseDataUrl(part.image_url.url);
      if (data === undefined || !data.mediaType.startsWith("image/")) {
        return yield* invalid(where, "Expected an image as a data: URL in base64: this server fetches no URLs");
      }
      const content = yield* decode(where, data.base64, bytesMax);
      return {
        parts: [{ _tag: "Image", mediaType: data.mediaType, base64: data.base64 }],
        attachments: [attachment(`image.${extensions[data.mediaType] ?? "bin"}`, content, "image")],
      };
    }
    case "input_audio": {
      const content = yield* decode(`${param}.input_audio.data`, part.input_audio.data, bytesMax);
      return { parts: [], attachments: [attachment(`audio.${part.input_audio.format}`, content, "audio")] };
    }
    case "file": {
      const where = `${param}.file.file_data`;
      const { file_data: text, file_id: id, filename } = part.file;
      if (id !== undefined && id !== null) {
        const path = findFile(id);
        if (Option.isSome(path)) return { parts: [], attachments: [attachedFile(path.value)] };
        return yield* readStored({ type: "stored", kind: "file", id, param: `${param}.file.file_id` }, files);
      }
      if (text === undefined || text === null) return yield* invalid(where, "Expected the file as base64");
      const content = yield* decode(where, parseDataUrl(text)?.base64 ?? text, bytesMax);
      return { parts: [], attachments: [attachment(filename ?? "file", content)] };
    }
  }
});

/** A file that is sent twice with one message is one file. */
const once = (attachments: ReadonlyArray<Attachment>): ReadonlyArray<Attachment> => [
  ...new Map(attachments.map((attachment) => [attachment.path, attachment])).values(),
];

/**
 * Reads parts as one.
 *
 * *Fails with* `InvalidRequest`, naming the part, for a URL that is not `data:`, for what is not
 * base64 and for a file over `bytesMax`; with `FileNotFound` for an id that names no file of this user.
 */
export const readParts = Effect.fnUntraced(function* (
  content: ReadonlyArray<UserContent | StoredPart>,
  param: string,
  files: PartFiles,
): Effect.fn.Return<ReadParts, NamedFileError> {
  const read = yield* Effect.forEach(content, (part, index) => readPart(part, `${param}.${index}`, files));
  return {
    parts: read.flatMap(({ parts }) => parts),
    attachments: once(read.flatMap((part) => part.attachments)),
  };
});

/** Reads the content of a user message. *Fails with* what reading its parts fails with. */
export const readUserMessage = Effect.fnUntraced(function* (
  content: string | ReadonlyArray<UserContent | StoredPart>,
  param: string,
  files: PartFiles,
): Effect.fn.Return<UserMessage, NamedFileError> {
  if (typeof content === "string") return user(content);
  const { parts, attachments } = yield* readParts(content, param, files);
  return { role: "user", parts, ...(attachments.length > 0 && { attachments }) };
});
