/**
 * Reads a Chat Completions stream in tests.
 */
import { Schema } from "effect";
import { ChatChunk } from "../../src/domain/ChatChunk.ts";
import { ErrorEnvelope } from "../../src/http/frame/reply.ts";

/** A stream as a client sees it. */
export interface ReadStream {
  readonly chunks: ReadonlyArray<ChatChunk>;
  readonly errors: ReadonlyArray<ErrorEnvelope>;
  readonly comments: ReadonlyArray<string>;
  /** Whether the last frame was `[DONE]`. */
  readonly done: boolean;
}

const decodeChunk = Schema.decodeUnknownSync(Schema.fromJsonString(ChatChunk), { onExcessProperty: "error" });
const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorEnvelope), { onExcessProperty: "error" });

/** Parses the text of a stream strictly: a frame that is no chunk, error, comment or end throws. */
export const readStream = (text: string): ReadStream => {
  const chunks: Array<ChatChunk> = [];
  const errors: Array<ErrorEnvelope> = [];
  const comments: Array<string> = [];
  let done = false;
  const frames = text.split("\n\n");
  if (frames.pop() !== "") throw new Error(`the stream does not end with a whole frame: ${JSON.stringify(text)}`);
  for (const frame of frames) {
    if (done) throw new Error(`a frame follows [DONE]: ${frame}`);
    if (frame.startsWith(":")) comments.push(frame);
    else if (frame === "data: [DONE]") done = true;
    else if (frame.startsWith('data: {"error"')) errors.push(decodeError(frame.slice("data: ".length)));
    else chunks.push(decodeChunk(frame.slice("data: ".length)));
  }
  return { chunks, errors, comments, done };
};

/** The content of all chunks. */
export const contentOf = ({ chunks }: ReadStream): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

/** The reasoning of all chunks. */
export const reasoningOf = ({ chunks }: ReadStream): string =>
  chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? "").join("");

/** Every finish reason that is not null. */
export const finishesOf = ({ chunks }: ReadStream): ReadonlyArray<string> =>
  chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.finish_reason ?? []));
