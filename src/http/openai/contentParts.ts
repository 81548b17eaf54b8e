/**
 * Content parts of user messages: text for the model, files for the workspace, images for both.
 *
 * Only `data:` URLs are read. The server fetches nothing on a caller's behalf.
 */
import { Effect, Result } from "effect";
import { Base64 } from "effect/encoding";
import { type Attachment, makeAttachment } from "../../runs/attachments.ts";
import type { UserPart } from "../../domain/Message.ts";
import { InvalidRequest } from "../frame/errors.ts";
import type { UserContent, UserMessageIn } from "./chat/wire.ts";

/** A user message in the agent's terms. */
export interface ReadContent {
  readonly parts: ReadonlyArray<UserPart>;
  readonly attachments: ReadonlyArray<Attachment>;
}

const invalid = (param: string, why: string) => new InvalidRequest({ param, why, code: "invalid_value" });

interface DataUrl {
  readonly mediaType: string;
  readonly base64: string;
}

const dataUrl = /^data:([\w.+-]+\/[\w.+-]+)?(?:;[\w-]+=[^;,]*)*;base64,/;

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
  const bytes = Base64.decode(base64);
  return Result.isSuccess(bytes) && bytes.success.length > 0
    ? Effect.succeed(bytes.success)
    : Effect.fail(invalid(param, "Expected base64 data"));
};

const extensions: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/svg+xml": "svg",
};

const saved = (what: string, { path }: Attachment): UserPart => ({
  _tag: "Text",
  text: `[The user attached ${what}. It is saved in the workspace as ${path}]`,
});

const readPart = Effect.fnUntraced(function* (
  part: UserContent,
  param: string,
  bytesMax: number,
): Effect.fn.Return<ReadContent, InvalidRequest> {
  switch (part.type) {
    case "text":
      return { parts: [{ _tag: "Text", text: part.text }], attachments: [] };
    case "image_url": {
      const where = `${param}.image_url.url`;
      const data = parseDataUrl(part.image_url.url);
      if (data === undefined || !data.mediaType.startsWith("image/")) {
        return yield* invalid(where, "Expected an image as a data: URL in base64: this server fetches no URLs");
      }
      const content = yield* decode(where, data.base64, bytesMax);
      const attachment = makeAttachment(`image.${extensions[data.mediaType] ?? "bin"}`, content);
      return {
        parts: [{ _tag: "Image", mediaType: data.mediaType, base64: data.base64 }, saved("an image", attachment)],
        attachments: [attachment],
      };
    }
    case "input_audio": {
      const content = yield* decode(`${param}.input_audio.data`, part.input_audio.data, bytesMax);
      const attachment = makeAttachment(`audio.${part.input_audio.format}`, content);
      return { parts: [saved("an audio file", attachment)], attachments: [attachment] };
    }
    case "file": {
      const where = `${param}.file.file_data`;
      const { file_data: text, file_id: id, filename } = part.file;
      if (id !== undefined && id !== null) {
        return yield* invalid(`${param}.file.file_id`, "Files by id are not supported: send file_data");
      }
      if (text === undefined || text === null) return yield* invalid(where, "Expected the file as base64");
      const content = yield* decode(where, parseDataUrl(text)?.base64 ?? text, bytesMax);
      const attachment = makeAttachment(filename ?? "file", content);
      return { parts: [saved("a file", attachment)], attachments: [attachment] };
    }
  }
});

/**
 * Reads the content of a user message.
 *
 * *Fails with* `InvalidRequest`, naming the part, for a URL that is not `data:`, for what is not
 * base64, and for a file over `bytesMax`.
 */
export const readContent = Effect.fnUntraced(function* (
  content: UserMessageIn["content"],
  param: string,
  bytesMax: number,
): Effect.fn.Return<ReadContent, InvalidRequest> {
  if (typeof content === "string") return { parts: [{ _tag: "Text", text: content }], attachments: [] };
  const read = yield* Effect.forEach(content, (part, index) => readPart(part, `${param}.${index}`, bytesMax));
  return { parts: read.flatMap(({ parts }) => parts), attachments: read.flatMap(({ attachments }) => attachments) };
});
