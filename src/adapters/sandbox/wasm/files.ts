/**
 * Files in a guest's workspace, each operation one request.
 */
import { workspaceFolder } from "../../../domain/workspacePaths.ts";
import { Buffer } from "node:buffer";
import { Effect, Option, Schema, Stream } from "effect";
import {
  type FileContent,
  FileError,
  SandboxError,
  type SandboxHandle,
  SandboxLost,
} from "../../../services/Sandbox.ts";
import { type AnswerDecoder, answerOf } from "./Guest.ts";
import type { GuestSlot } from "./guestSlot.ts";
import { type GuestRequest, pieceBytes } from "./wire.ts";

/** File work is bounded by sizes, so a guest that is still busy after this is stuck. */
const fileTimeout = "60 seconds";

/** A guest takes a file in one message, so one that comes as a stream is held as a whole: bytes of the largest. */
const heldBytesMax = 256 * 1024 * 1024;

const whole = Effect.fnUntraced(function* (path: string, content: FileContent) {
  if (content instanceof Uint8Array) return content;
  const pieces: Array<Uint8Array> = [];
  let length = 0;
  yield* Stream.runForEach(content, (piece) => {
    length += piece.length;
    if (length > heldBytesMax) {
      return new FileError({
        path,
        reason: "TooLarge",
        why: `a file of this sandbox has at most ${heldBytesMax} bytes`,
      });
    }
    pieces.push(piece);
    return Effect.void;
  });
  return Buffer.concat(pieces, length);
});

const written = answerOf(Schema.Struct({ bytes: Schema.Int }));
const text = answerOf(Schema.Struct({
  text: Schema.String,
  truncated: Schema.Boolean,
  note: Schema.optionalKey(Schema.String),
  next: Schema.optionalKey(Schema.Struct({ offset: Schema.Int, column: Schema.optionalKey(Schema.Int) })),
}));
const piece = answerOf(Schema.Struct({}));
const docstring = answerOf(Schema.Struct({ text: Schema.String }));
const changed = answerOf(Schema.Struct({
  files: Schema.Array(Schema.Struct({
    path: Schema.String,
    sizeBytes: Schema.Number,
    modifiedAtMs: Schema.Number,
  })),
}));

/** The file operations of a sandbox handle, by the guest of a slot. */
export const files = (slot: GuestSlot): Omit<SandboxHandle, "id" | "execute" | "runCell" | "dial"> => {
  const ask = <A, B>(
    path: string,
    decode: AnswerDecoder<A>,
    request: GuestRequest,
    pick: (answer: { readonly head: A; readonly body: Uint8Array }) => B,
    body?: Uint8Array,
  ): Effect.Effect<B, SandboxError | FileError> => {
    const stuck = () =>
      Effect.andThen(
        slot.replace,
        new SandboxError({ reason: new SandboxLost(), detail: `${request.op} took longer than ${fileTimeout}` }),
      );
    return slot.inTurn((running) =>
      running.ask(decode, request, body).pipe(
        Effect.map(pick),
        Effect.timeout(fileTimeout),
        Effect.catchTags({
          TimeoutError: stuck,
          GuestGone: (gone) => slot.lost(gone),
          GuestRefused: ({ reason, why }) => new FileError({ path, reason, why }),
        }),
      )
    );
  };

  const readPiece = (path: string, offset: number, length: number) =>
    ask(path, piece, { op: "bytes", path, offset, length }, ({ body }) => body);

  return {
    writeFile: (path, content) =>
      Effect.flatMap(
        whole(path, content),
        (bytes) => ask(path, written, { op: "write", path }, ({ head }) => head.bytes, bytes),
      ),
    readText: (path, { offset, lineCount, column }) =>
      ask(
        path,
        text,
        { op: "text", path, offset, lineCount: lineCount ?? null, column: column ?? 0 },
        ({ head }) => head,
      ),
    readBytes: (path, range) => {
      const end = range?.length === undefined ? Number.POSITIVE_INFINITY : range.offset + range.length;
      return Stream.paginate(range?.offset ?? 0, (offset) => {
        const wanted = Math.min(pieceBytes, end - offset);
        return Effect.map(readPiece(path, offset, wanted), (bytes) => {
          const next = offset + bytes.length;
          return [[bytes], bytes.length < wanted || next >= end ? Option.none() : Option.some(next)] as const;
        });
      });
    },
    readDocstring: (path, name) => ask(path, docstring, { op: "docstring", path, name }, ({ head }) => head.text),
    changedFiles: (sinceMs, limit) =>
      ask(workspaceFolder, changed, { op: "changed", sinceMs, limit }, ({ head }) => head.files).pipe(
        Effect.catchTag(
          "FileError",
          (error) => new SandboxError({ reason: new SandboxLost(), detail: error.message }),
        ),
      ),
  };
};
