/**
 * Files of `/v1/files` that messages name by their ids.
 */
import { Effect, Stream } from "effect";
import type { Owner } from "../../domain/Owner.ts";
import type { FileNotFound, FilesService } from "../../runs/Files.ts";
import type { FilesUnavailable, StoredFile } from "../../services/FileStore.ts";
import type { SessionsUnavailable } from "../../services/Sessions.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** Bytes that files of one request may have together whose content the model itself is given, images above all. */
const readBytesMax = 16 * 1024 * 1024;

/** What naming a file fails with. */
export type NamedFileError = FileNotFound | FilesUnavailable | InvalidRequest | SessionsUnavailable;

/** The files of one keeper, for one request. */
export interface NamedFiles {
  /** A file, and that its bytes can be read. *Fails with* `FileNotFound` naming `param`, `FilesUnavailable`. */
  readonly find: (id: string, param: string) => Effect.Effect<StoredFile, NamedFileError>;
  /** The content of a file. *Fails with* `InvalidRequest` beyond what a request may have read. */
  readonly content: (file: StoredFile, param: string) => Effect.Effect<Uint8Array, NamedFileError>;
  /** The bytes of a file in order. */
  readonly read: (id: string) => Stream.Stream<Uint8Array, FilesUnavailable>;
}

/** The files that a request may name. */
export const namedFiles = (files: FilesService, keeper: Owner): NamedFiles => {
  let left = readBytesMax;
  return {
    find: (id, param) => Effect.tap(files.find(keeper, id, param), () => files.check(keeper, id)),
    content: Effect.fnUntraced(function* (file, param) {
      left -= file.sizeBytes;
      if (left < 0) {
        const why = `Files that the model reads itself may have ${readBytesMax} bytes in one request`;
        return yield* new InvalidRequest({ param, why, code: "invalid_value" });
      }
      const bytes = new Uint8Array(file.sizeBytes);
      yield* Stream.runFold(files.read(keeper, file.id), () => 0, (at, piece) => {
        bytes.set(piece.subarray(0, bytes.length - at), at);
        return Math.min(bytes.length, at + piece.length);
      });
      return bytes;
    }),
    read: (id) => files.read(keeper, id),
  };
};

/** The image types that models take, by how their files begin. */
const beginnings: ReadonlyArray<readonly [mediaType: string, at: number, text: string]> = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
];

/** The type of an image by its first bytes; undefined for what is none that models take. */
export const imageTypeOf = (bytes: Uint8Array): string | undefined =>
  beginnings.find(([, at, text]) => [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0)))?.[0];
