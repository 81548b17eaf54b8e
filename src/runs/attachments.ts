/**
 * Puts the files of new messages into the owner's workspace, so that the tools can work on them.
 *
 * Nothing that is there is ever overwritten: a file that the agent or its user changed since it was sent
 * keeps its place, and what is sent anew gets a place beside it.
 */
import { createHash } from "node:crypto";
import { Effect, type Scope, Stream } from "effect";
import { type Attachment, attachmentPath } from "../domain/Attachment.ts";
import { attachmentsOf, type Message } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import { FileError, type SandboxError, type SandboxHandle, type SandboxService } from "../services/Sandbox.ts";

/** Places tried for one file: each that is taken holds a changed copy of the very same file. */
const placesMax = 100;

/** The bytes of stored files, by their ids. */
export type ReadStored = (id: string) => Stream.Stream<Uint8Array, { readonly _tag: string }>;

/** Whether what was read is what is expected; undefined when there is no file. */
const unlessMissing = <A>(read: Effect.Effect<A, SandboxError | FileError>) =>
  read.pipe(
    Effect.map((value): A | undefined | false => value),
    Effect.catchTag("FileError", (error) => {
      if (error.reason === "NotFound") return Effect.succeed(undefined);
      // What is no file, or cannot be read, is in the way like any other content.
      return error.reason === "IsDirectory" || error.reason === "UnsupportedFile" || error.reason === "PermissionDenied"
        ? Effect.succeed(false as const)
        : Effect.fail(error);
    }),
  );

/** Whether a file has this SHA-256; undefined when there is no file. */
const hashesTo = (handle: SandboxHandle, path: string, sha256: string) =>
  unlessMissing(
    Effect.map(
      Stream.runFold(handle.readBytes(path), () => createHash("sha256"), (hash, piece) => hash.update(piece)),
      (hash) => hash.digest("hex") === sha256,
    ),
  );

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
  return yield* unlessMissing(
    Effect.map(
      Stream.runFold(same, () => 0, (sum, piece) => sum + piece.length),
      (read) => read === content.length && position === content.length,
    ),
  );
});

/** What is put into the workspace, and whether a file is that already. */
interface Arriving {
  readonly found: (path: string) => Effect.Effect<boolean | undefined, SandboxError | FileError>;
  readonly content: Uint8Array | Stream.Stream<Uint8Array, FileError>;
}

/** What arrives with an attachment; undefined for one that is in the workspace already. */
const arrivingOf = (
  handle: SandboxHandle,
  { path, content, stored }: Attachment,
  readStored: ReadStored | undefined,
): Arriving | undefined => {
  if (content !== undefined) return { found: (at) => holds(handle, at, content), content };
  if (stored === undefined || readStored === undefined) return undefined;
  return {
    found: (at) => hashesTo(handle, at, stored.sha256),
    content: Stream.mapError(
      readStored(stored.id),
      () => new FileError({ path, reason: "Other", why: "the stored file cannot be read at the moment" }),
    ),
  };
};

/** Puts one file where it belongs, or beside what has taken its place, and returns it with its path. */
const place = Effect.fnUntraced(function* (
  handle: SandboxHandle,
  attachment: Attachment,
  { found: look, content }: Arriving,
): Effect.fn.Return<Attachment, SandboxError | FileError> {
  for (let number = 1; number <= placesMax; number++) {
    const path = attachmentPath(attachment, number);
    const found = yield* look(path);
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
  readStored?: ReadStored,
): Effect.fn.Return<ReadonlyArray<Message>, SandboxError | FileError, Scope.Scope> {
  if (!fresh.some((message) => attachmentsOf(message).length > 0)) return fresh;
  const handle = yield* sandbox.open(owner);
  return yield* Effect.forEach(
    fresh,
    (message) =>
      message.role === "assistant" || message.attachments === undefined ? Effect.succeed(message) : Effect.map(
        Effect.forEach(
          message.attachments,
          (attachment) => {
            const { content: _, stored: __, ...kept } = attachment;
            const arriving = arrivingOf(handle, attachment, readStored);
            return arriving === undefined ? Effect.succeed(kept) : place(handle, kept, arriving);
          },
        ),
        (attachments): Message => ({ ...message, attachments }),
      ),
  );
});
