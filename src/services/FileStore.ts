/**
 * The ports of `/v1/files`: what is known of files that users keep here, and their bytes.
 *
 * The two are apart because they are kept apart: records beside the sessions, bytes on a disk. A file is there when its
 * record is; bytes without a record are what a crash left, and are swept away.
 */
import { Context, type Effect, type Option, Schema, type Scope, type Stream } from "effect";
import type { OwnerKey } from "../domain/Owner.ts";
import type { SessionsUnavailable } from "./Sessions.ts";

/** What a file is for, in OpenAI's words; here all are treated alike. */
export const FilePurpose = Schema.Literals(["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]);
export type FilePurpose = typeof FilePurpose.Type;

/** A file as it is known. */
export const StoredFile = Schema.Struct({
  id: Schema.String,
  /** The client's own name of it: no path, and not safe in one. */
  filename: Schema.String,
  purpose: FilePurpose,
  sizeBytes: Schema.Int,
  /** SHA-256 of its bytes, in hexadecimal. */
  sha256: Schema.String,
  createdAtMs: Schema.Number,
  /** It is not there any more from this time on. */
  expiresAtMs: Schema.Number,
});
export type StoredFile = typeof StoredFile.Type;

/** What the files of one keeper come to. */
export interface FilesUsed {
  readonly files: number;
  readonly bytes: number;
}

/**
 * What a store of records offers. Every operation *fails with* `SessionsUnavailable` when the store does not answer.
 *
 * *Details*: a file whose time is over is in no answer and counts nowhere.
 */
export interface FileStoreService {
  /**
   * Keeps a new file where the keeper's files do not come to more than `most` with it, and says whether it did.
   *
   * *Details*: nothing comes between counting and keeping.
   */
  readonly add: (keeper: OwnerKey, file: StoredFile, most: FilesUsed) => Effect.Effect<boolean, SessionsUnavailable>;
  readonly find: (keeper: OwnerKey, id: string) => Effect.Effect<Option.Option<StoredFile>, SessionsUnavailable>;
  /** The files of a keeper, those added last first. */
  readonly list: (keeper: OwnerKey) => Effect.Effect<ReadonlyArray<StoredFile>, SessionsUnavailable>;
  readonly used: (keeper: OwnerKey) => Effect.Effect<FilesUsed, SessionsUnavailable>;
  /** Forgets a file and says whether there was one. */
  readonly remove: (keeper: OwnerKey, id: string) => Effect.Effect<boolean, SessionsUnavailable>;
  /** Forgets every file of a keeper. */
  readonly erase: (keeper: OwnerKey) => Effect.Effect<void, SessionsUnavailable>;
}

/** The FileStore port. */
export class FileStore extends Context.Service<FileStore, FileStoreService>()("caisson/services/FileStore") {}

/** Bytes of files cannot be written or read; `detail` is for the log only. */
export class FilesUnavailable extends Schema.TaggedError<FilesUnavailable>()("FilesUnavailable", {
  /** The disk is full, the bytes are not on this one, or anything else. */
  reason: Schema.Literals(["NoSpace", "Missing", "Failed"]),
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `the bytes of files: ${this.reason}`;
  }
}

/** Bytes that are being written. */
export interface FileDraft {
  /** Adds bytes behind those before; they may be changed afterwards. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, FilesUnavailable>;
  /** Makes what was written the bytes of a file, all at once. */
  readonly keep: (id: string) => Effect.Effect<void, FilesUnavailable>;
}

/** What keeps bytes. Every operation *fails with* `FilesUnavailable`. */
export interface FileBytesService {
  /** Begins to write; when the scope closes, what was not kept is gone. */
  readonly draft: (keeper: OwnerKey) => Effect.Effect<FileDraft, FilesUnavailable, Scope.Scope>;
  /** The bytes of a file in order. */
  readonly read: (keeper: OwnerKey, id: string) => Stream.Stream<Uint8Array, FilesUnavailable>;
  /** Whether the bytes of a file can be read, told by an error where they cannot. */
  readonly check: (keeper: OwnerKey, id: string) => Effect.Effect<void, FilesUnavailable>;
  /** Removes the bytes of a file; there may be none. */
  readonly remove: (keeper: OwnerKey, id: string) => Effect.Effect<void, FilesUnavailable>;
  /** Removes all bytes of a keeper. */
  readonly erase: (keeper: OwnerKey) => Effect.Effect<void, FilesUnavailable>;
  /**
   * Removes bytes that were written last before a time and belong to no file, drafts that a crash left included.
   *
   * *Details*: returns how many; a question that fails ends it with the error.
   */
  readonly sweep: <E>(
    beforeMs: number,
    isKept: (keeper: OwnerKey, id: string) => Effect.Effect<boolean, E>,
  ) => Effect.Effect<number, FilesUnavailable | E>;
}

/** The FileBytes port. */
export class FileBytes extends Context.Service<FileBytes, FileBytesService>()("caisson/services/FileBytes") {}
