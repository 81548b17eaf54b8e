/**
 * What is said in an input, and what clients' tools gave: words, images and files.
 */
import { Effect, Schema } from "effect";
import type { Attachment, ToolMessage, UserMessage } from "../../../domain/Message.ts";
import type { ToolImage } from "../../../domain/Tool.ts";
import { quoted } from "../../../web/errors/Row.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import type { UserContent } from "../chat/wire.ts";
import { readParts, readUserMessage, type StoredPart } from "../contentParts.ts";
import type { NamedFileError, NamedFiles } from "../namedFiles.ts";

/** A part of what is said, or of what a tool gave. */
export const Part = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  refusal: Schema.optionalKey(Schema.String),
  image_url: Schema.optionalKey(Schema.NullOr(Schema.String)),
  file_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  file_url: Schema.optionalKey(Schema.NullOr(Schema.String)),
  file_data: Schema.optionalKey(Schema.NullOr(Schema.String)),
  filename: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
export type Part = typeof Part.Type;
/** What is said: words, or parts. */
export const Content = Schema.Union([Schema.String, Schema.Array(Part)]);
export type Content = typeof Content.Type;

/** How content is read. */
export interface ContentOptions {
  /** Bytes of one file. */
  readonly bytesMax: number;
  /** There is a place in which its files can be put. */
  readonly keepsFiles: boolean;
  /** The files of `/v1/files` that it may name; absent, none is. */
  readonly named?: NamedFiles;
}

const invalid = (param: string, why: string, code = "invalid_value") => new InvalidRequest({ param, why, code });

/** The words of content; a part that has none is named. */
export const textOf = (content: Content | null | undefined): string =>
  typeof content === "string"
    ? content
    : (content ?? []).map(({ text, refusal, type }) => text ?? refusal ?? `[${type}]`).join("");

const userPart = (part: Part, param: string): Effect.Effect<UserContent | StoredPart, InvalidRequest> => {
  const { file_id: id } = part;
  const stored = (kind: StoredPart["kind"], id: string) =>
    Effect.succeed({ type: "stored", kind, id, param: `${param}.file_id` } as const);
  switch (part.type) {
    case "input_text":
    case "output_text":
    case "text":
      return Effect.succeed({ type: "text", text: part.text ?? "" });
    case "input_image":
      if (typeof id === "string") return stored("image", id);
      return typeof part.image_url === "string"
        ? Effect.succeed({ type: "image_url", image_url: { url: part.image_url } })
        : Effect.fail(invalid(`${param}.image_url`, "Expected an image as a data: URL in base64"));
    case "input_file":
      if (typeof id === "string") return stored("file", id);
      if (typeof part.file_url === "string") {
        return Effect.fail(invalid(`${param}.file_url`, "This server fetches no URLs: send the file as base64"));
      }
      return typeof part.file_data === "string"
        ? Effect.succeed({ type: "file", file: { file_data: part.file_data, filename: part.filename ?? "file" } })
        : Effect.fail(invalid(`${param}.file_data`, "Expected the file as base64"));
    default:
      return Effect.fail(invalid(`${param}.type`, `Invalid value: '${quoted(part.type)}'.`));
  }
};

/** Characters of a file that is read as text. */
const fileTextMax = 256 * 1024;

/** Files in words, where they can be put nowhere: nothing here could open one that is no text. */
const filesInWords = Effect.fnUntraced(function* (
  attachments: ReadonlyArray<Attachment>,
  param: string,
  named: NamedFiles | undefined,
): Effect.fn.Return<ReadonlyArray<string>, NamedFileError> {
  const texts: Array<string> = [];
  for (const { kind, path, content: sent, stored } of attachments) {
    if (kind === "image") continue;
    const content = sent ??
      (stored && named && (yield* named.content(yield* named.find(stored.id, param), param)));
    if (content === undefined) continue;
    const text = yield* Effect.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(content),
      catch: () => invalid(param, "Only text files are read here: send this file's text"),
    });
    if (text.length > fileTextMax) {
      return yield* invalid(param, `Expected files of at most ${fileTextMax} characters`);
    }
    texts.push(`${path.slice(path.lastIndexOf("/") + 1)}:\n${text}`);
  }
  return texts;
});

/** What a user says. *Fails with* `InvalidRequest`, naming the part, and what finding files fails with. */
export const readUser = Effect.fnUntraced(function* (
  content: Content,
  param: string,
  { keepsFiles, ...files }: ContentOptions,
): Effect.fn.Return<UserMessage, NamedFileError> {
  const parts = typeof content === "string"
    ? content
    : yield* Effect.forEach(content, (part, index) => userPart(part, `${param}.${index}`));
  const message = yield* readUserMessage(parts, param, files);
  if (keepsFiles || message.attachments === undefined) return message;
  const texts = yield* filesInWords(message.attachments, param, files.named);
  return { role: "user", parts: [...message.parts, ...texts.map((text) => ({ _tag: "Text", text }) as const)] };
});

/** Parts of what a tool gave that are read as what they are; of every other its text counts, or its name. */
const isShown = ({ type }: Part): boolean => type === "input_image" || type === "input_file";

/**
 * What came of a client's call: its words, with a mark where an image stands, and its images and files.
 *
 * *Details*: files are put into the workspace where there is one, else read as text, as those of the user are.
 *
 * *Fails with* `InvalidRequest`, naming the part, and what finding files fails with.
 */
export const readOutput = Effect.fnUntraced(function* (
  callId: string,
  output: Content,
  param: string,
  { keepsFiles, ...files }: ContentOptions,
): Effect.fn.Return<ToolMessage, NamedFileError> {
  const message = { role: "tool", callId, name: "", isError: false } as const;
  if (typeof output === "string" || !output.some(isShown)) return { ...message, content: textOf(output) };
  const parts = yield* Effect.forEach(
    output,
    (part, index) =>
      isShown(part)
        ? userPart(part, `${param}.${index}`)
        : Effect.succeed({ type: "text" as const, text: textOf([part]) }),
  );
  const read = yield* readParts(parts, param, { ...files, from: "tool" });
  const images: Array<ToolImage> = [];
  let content = "";
  for (const part of read.parts) {
    if (part._tag === "Text") content += part.text;
    else content += `[image ${images.push({ mediaType: part.mediaType, base64: part.base64 })}]`;
  }
  const texts = keepsFiles ? [] : yield* filesInWords(read.attachments, param, files.named);
  return {
    ...message,
    content: [...(content === "" ? [] : [content]), ...texts].join("\n\n"),
    ...(images.length > 0 && { images }),
    ...(keepsFiles && read.attachments.length > 0 && { attachments: read.attachments }),
  };
});
