/**
 * Puts the files of new messages into the owner's workspace, so that the tools can work on them.
 *
 * Nothing that is there is ever overwritten: a file that the agent or its user changed since it was sent
 * keeps its place, and what is sent anew gets a place beside it.
 */
import { Effect, type Scope, Stream } from "effect";
import { type Attachment, attachmentPath } from "../domain/Attachment.ts";
import { attachmentsOf, type Message } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import { FileError, type SandboxError, type SandboxHandle, type SandboxService } from "../services/Sandbox.ts";

/** Places tried for one file: each that is taken holds a changed copy of the very same file. */
const placesMax = 100;

/** Whether a file holds exactly these bytes; undefined when there is no file. */
const holds = Effect.fnUntraced(function* (
  handle: SandboxHandle,
  path: string,
  content: Uint8Array,
): Effect.fn.Return<boolean | undefined, SandboxError | FileError> {
  let position = 0;
  const same = Stream.takeWhile(handle.readBytes(path), (piece) => {
    const expected = content.subarray(position, position + piece.length);
    position += piece.length;
    return piece.length === expected.length && piece.every((byte, index) => byte === expected[index]);
  });
  const read = yield* Stream.runFold(same, () => 0, (sum, piece) => sum + piece.length).pipe(
    Effect.catchTag("FileError", (error) => {
      if (error.reason === "NotFound") return Effect.succeed(undefined);
      // What is no file, or cannot be read, is in the way like any other content.
      return error.reason === "IsDirectory" || error.reason === "UnsupportedFile" || error.reason === "PermissionDenied"
        ? Effect.succeed(-1)
        : Effect.fail(error);
    }),
  );
  return read === undefined ? undefined : read === content.length && position === content.length;
});

/** Puts one file where it belongs, or beside what has taken its place, and returns it with its path. */
const place = Effect.fnUntraced(function* (
  handle: SandboxHandle,
  attachment: Attachment,
  content: Uint8Array,
): Effect.fn.Return<Attachment, SandboxError | FileError> {
  for (let number = 1; number <= placesMax; number++) {
    const path = attachmentPath(attachment, number);
    const found = yield* holds(handle, path, content);
    if (found === undefined) yield* handle.writeFile(path, content);
    if (found !== false) return { ...attachment, path };
  }
  return yield* new FileError({ path: attachment.path, reason: "Other", why: `${placesMax} places are taken` });
});

/**
 * Places the files of messages that are new in their session and returns the messages as they are to be
 * remembered: with the places of their files, without the bytes.
 *
 * *Details*: the sandbox is opened only when there are files, and held by the scope.
 *
 * *Fails with* `SandboxError`, and `FileError` when a file cannot be written.
 */
export const placeAttachments = Effect.fnUntraced(function* (
  sandbox: SandboxService,
  owner: Owner,
  fresh: ReadonlyArray<Message>,
): Effect.fn.Return<ReadonlyArray<Message>, SandboxError | FileError, Scope.Scope> {
  if (!fresh.some((message) => attachmentsOf(message).length > 0)) return fresh;
  const handle = yield* sandbox.open(owner);
  return yield* Effect.forEach(
    fresh,
    (message) =>
      message.role !== "user" || message.attachments === undefined ? Effect.succeed(message) : Effect.map(
        Effect.forEach(
          message.attachments,
          ({ content, ...attachment }) =>
            content === undefined ? Effect.succeed(attachment) : place(handle, attachment, content),
        ),
        (attachments): Message => ({ ...message, attachments }),
      ),
  );
});
