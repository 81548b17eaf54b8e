/**
 * Files that users keep here under `/v1/files`, to be named in requests instead of being sent with each.
 */
import { createHash, randomBytes } from "node:crypto";
import { Clock, Context, Effect, Layer, Option, Schedule, Schema, type Scope, type Stream } from "effect";
import { Settings } from "../config.ts";
import { ownerKey } from "../domain/ids.ts";
import type { Owner, OwnerKey } from "../domain/Owner.ts";
import {
  FileBytes,
  type FileBytesService,
  type FilePurpose,
  FileStore,
  type FileStoreService,
  type FilesUnavailable,
  type FilesUsed,
  type StoredFile,
} from "../services/FileStore.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";

/** Random bytes of a file's id: it cannot be guessed. */
const idBytes = 20;
const mebibyte = 1024 * 1024;
const dayMs = 24 * 60 * 60 * 1000;
/** Files of one keeper: as many as a list is made of quickly. */
const filesMax = 5_000;
/** Time between two looks for bytes that belong to no file; those of an expired one stay no longer beyond its time. */
const sweepEvery = "10 minutes";
/** Bytes younger than this may be a file in a moment, in milliseconds. */
const graceMs = 60 * 60 * 1000;

/** The owner has no such file. */
export class FileNotFound extends Schema.TaggedError<FileNotFound>()("FileNotFound", {
  id: Schema.String,
  /** The field of a request that named it. */
  param: Schema.String,
}) {}

/** The files of a user would come to more than they may. */
export class FilesFull extends Schema.TaggedError<FilesFull>()("FilesFull", {
  bytesMax: Schema.Int,
  filesMax: Schema.Int,
}) {}

/** What a client says of a file that it sends. */
export interface AboutFile {
  readonly filename: string;
  readonly purpose: FilePurpose;
  /** Absent, it is kept for as long as files are. */
  readonly keptSeconds?: number;
}

/** A file that is being sent. */
export interface IncomingFile {
  /** Adds bytes. *Fails with* `FilesFull`, `FilesUnavailable`. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, FilesFull | FilesUnavailable>;
  /** Keeps it. *Fails with* `FilesFull`, `FilesUnavailable`. */
  readonly keep: (about: AboutFile) => Effect.Effect<StoredFile, FilesFull | FilesUnavailable | SessionsUnavailable>;
}

/** What files offer; every operation *fails with* `SessionsUnavailable` when the store of records does not answer. */
export interface FilesService {
  /**
   * Begins to receive a file; when the scope closes, what was not kept is gone.
   *
   * *Fails with* `FilesFull` when there is no room for a byte, `FilesUnavailable`.
   */
  readonly receive: (
    keeper: Owner,
  ) => Effect.Effect<IncomingFile, FilesFull | FilesUnavailable | SessionsUnavailable, Scope.Scope>;
  /** A file of this keeper that `param` names. *Fails with* `FileNotFound`. */
  readonly find: (
    keeper: Owner,
    id: string,
    param: string,
  ) => Effect.Effect<StoredFile, FileNotFound | SessionsUnavailable>;
  /** The files of a keeper, those sent last first. */
  readonly list: (keeper: Owner) => Effect.Effect<ReadonlyArray<StoredFile>, SessionsUnavailable>;
  /** The bytes of a file in order. */
  readonly read: (keeper: Owner, id: string) => Stream.Stream<Uint8Array, FilesUnavailable>;
  /** Whether the bytes of a file can be read. *Fails with* `FilesUnavailable` where they cannot. */
  readonly check: (keeper: Owner, id: string) => Effect.Effect<void, FilesUnavailable>;
  /** Deletes a file. *Fails with* `FileNotFound`, `FilesUnavailable`. */
  readonly remove: (
    keeper: Owner,
    id: string,
    param: string,
  ) => Effect.Effect<void, FileNotFound | FilesUnavailable | SessionsUnavailable>;
  /** Deletes every file of a keeper. *Fails with* `FilesUnavailable`. */
  readonly erase: (keeper: Owner) => Effect.Effect<void, FilesUnavailable | SessionsUnavailable>;
}

/** The files of this server. */
export class Files extends Context.Service<Files, FilesService>()("caisson/runs/Files") {}

/** Bytes of each keeper that are arriving: they count before they are kept. */
class Arriving {
  readonly #bytes = new Map<OwnerKey, number>();

  /** Adds bytes, or takes them away, and says what is arriving then. */
  add(keeper: OwnerKey, bytes: number): number {
    const sum = (this.#bytes.get(keeper) ?? 0) + bytes;
    if (sum === 0) this.#bytes.delete(keeper);
    else this.#bytes.set(keeper, sum);
    return sum;
  }
}

/** Where files are kept, and how much of them. */
interface Parts {
  readonly store: FileStoreService;
  readonly bytes: FileBytesService;
  readonly most: FilesUsed;
  readonly keptMs: number;
  readonly arriving: Arriving;
}

const receiveInto = ({ store, bytes, most, keptMs, arriving }: Parts) =>
  Effect.fnUntraced(function* (
    keeper: OwnerKey,
  ): Effect.fn.Return<IncomingFile, FilesFull | FilesUnavailable | SessionsUnavailable, Scope.Scope> {
    const full = () => new FilesFull({ bytesMax: most.bytes, filesMax: most.files });
    const before = yield* store.used(keeper);
    if (before.bytes >= most.bytes || before.files >= most.files) return yield* full();
    const draft = yield* bytes.draft(keeper);
    const hash = createHash("sha256");
    let sizeBytes = 0;
    yield* Effect.addFinalizer(() => Effect.sync(() => arriving.add(keeper, -sizeBytes)));

    const write = Effect.fnUntraced(function* (piece: Uint8Array) {
      sizeBytes += piece.length;
      if (before.bytes + arriving.add(keeper, piece.length) > most.bytes) return yield* full();
      hash.update(piece);
      yield* draft.write(piece);
    });

    const keep = Effect.fnUntraced(function* ({ filename, purpose, keptSeconds }: AboutFile) {
      const id = `file-${randomBytes(idBytes).toString("hex")}`;
      const nowMs = yield* Clock.currentTimeMillis;
      const forMs = Math.min(keptMs, keptSeconds === undefined ? keptMs : keptSeconds * 1000);
      const file: StoredFile = {
        id,
        filename,
        purpose,
        sizeBytes,
        sha256: hash.digest("hex"),
        createdAtMs: nowMs,
        expiresAtMs: nowMs + forMs,
      };
      yield* draft.keep(id);
      return yield* Effect.onError(
        Effect.flatMap(store.add(keeper, file, most), (isKept) => isKept ? Effect.succeed(file) : Effect.fail(full())),
        () => Effect.ignore(bytes.remove(keeper, id)),
      );
    }, Effect.uninterruptible);

    return { write, keep };
  });

/** Removes bytes that belong to no file. */
const sweep = Effect.gen(function* () {
  const store = yield* FileStore;
  const bytes = yield* FileBytes;
  const once = Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis;
    yield* bytes.sweep(nowMs - graceMs, (keeper, id) => Effect.map(store.find(keeper, id), Option.isSome));
  });
  yield* Effect.catch(once, (error) => Effect.logWarning("files without records could not be looked for", error)).pipe(
    Effect.schedule(Schedule.spaced(sweepEvery)),
    Effect.forkScoped,
  );
});

const make = Effect.gen(function* () {
  const store = yield* FileStore;
  const bytes = yield* FileBytes;
  const { filesMb, fileRetentionDays } = yield* Settings;
  const parts: Parts = {
    store,
    bytes,
    most: { files: filesMax, bytes: filesMb * mebibyte },
    keptMs: Math.ceil(fileRetentionDays * dayMs),
    arriving: new Arriving(),
  };
  const receive = receiveInto(parts);

  const find = Effect.fnUntraced(function* (keeper: Owner, id: string, param: string) {
    const found = yield* store.find(ownerKey(keeper), id);
    return Option.isSome(found) ? found.value : yield* new FileNotFound({ id, param });
  });

  return Files.of({
    receive: (keeper) => receive(ownerKey(keeper)),
    find,
    list: (keeper) => store.list(ownerKey(keeper)),
    read: (keeper, id) => bytes.read(ownerKey(keeper), id),
    check: (keeper, id) => bytes.check(ownerKey(keeper), id),
    remove: Effect.fnUntraced(function* (keeper, id, param) {
      const file = yield* find(keeper, id, param);
      // Said first: whoever looks meanwhile finds no file, never one without its bytes.
      yield* store.remove(ownerKey(keeper), file.id);
      yield* bytes.remove(ownerKey(keeper), file.id);
    }, Effect.uninterruptible),
    erase: (keeper) => Effect.andThen(store.erase(ownerKey(keeper)), bytes.erase(ownerKey(keeper))),
  });
});

/**
 * Sweeps bytes that belong to no file until the scope closes.
 *
 * *Details*: only for a process that has all records; a task beside a server whose records are in memory has none.
 */
export const sweeping: Layer.Layer<never, never, FileStore | FileBytes> = Layer.effectDiscard(sweep);

/** Files over their records and bytes. */
export const layer: Layer.Layer<Files, never, FileStore | FileBytes | Settings> = Layer.effect(Files, make);
