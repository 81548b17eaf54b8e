/**
 * Files that a client sends inside its messages: they are written into the owner's workspace, so that
 * the tools can work on them.
 */
import { createHash } from "node:crypto";
import { Effect, type Scope } from "effect";
import type { Owner } from "../domain/Owner.ts";
import { type FileError, Sandbox, type SandboxError } from "../services/Sandbox.ts";

/** A file on its way into a workspace. */
export interface Attachment {
  /** Absolute path inside the sandbox. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** Where attachments are put. */
const folder = "/workspace/uploads";
/** Characters of a client's file name that are kept. */
const nameMax = 100;
/** Hex characters of the content's hash in front of the name: two files of one name do not collide. */
const hashLength = 8;

/**
 * Makes an attachment whose path depends on its name and content only.
 *
 * Chat clients resend their files with every request: the same file always gets the same path, so
 * what the model was told about it stays true.
 */
export const makeAttachment = (name: string, content: Uint8Array): Attachment => {
  const safe = name.replace(/^.*[\\/]/, "").replace(/[^\w.-]+/g, "_").replace(/^\.+/, "").slice(-nameMax);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, hashLength);
  return { path: `${folder}/${hash}-${safe === "" ? "file" : safe}`, content };
};

/** Writes attachments into the owner's workspace; it opens the sandbox only when there are any. */
export const placeAttachments = Effect.fnUntraced(
  function* (
    owner: Owner,
    attachments: ReadonlyArray<Attachment>,
  ): Effect.fn.Return<void, SandboxError | FileError, Sandbox | Scope.Scope> {
    if (attachments.length === 0) return;
    const sandbox = yield* Sandbox;
    const handle = yield* sandbox.open(owner);
    for (const { path, content } of attachments) yield* handle.writeFile(path, content);
  },
);
