/**
 * Copies of files of `/v1/files` in containers.
 */
import { Effect, Stream } from "effect";
import { nameInFolder } from "../domain/Attachment.ts";
import type { Owner } from "../domain/Owner.ts";
import { workspaceFolder } from "../domain/workspacePaths.ts";
import type { FilesUnavailable, StoredFile } from "../services/FileStore.ts";
import { FileError, type SandboxError, type SandboxHandle } from "../services/Sandbox.ts";
import type { SessionsUnavailable } from "../services/Sessions.ts";
import type { ContainerNotFound, ContainersService, KnownContainer } from "./Containers.ts";
import type { FilesService } from "./Files.ts";

/** What copying takes. */
export interface CopyParts {
  readonly containers: ContainersService;
  readonly files: FilesService;
  readonly keeper: Owner;
}

/** What copying fails with. */
export type CopyError = ContainerNotFound | FileError | FilesUnavailable | SandboxError | SessionsUnavailable;

/**
 * Writes a stored file to a path; one that breaks off leaves what was there.
 *
 * *Fails with* what reading and `writeFile` fail with.
 */
const writeStored = (handle: SandboxHandle, path: string, bytes: Stream.Stream<Uint8Array, FilesUnavailable>) =>
  Effect.suspend(() => {
    // The port knows only failures of its own.
    let broken: FilesUnavailable | undefined;
    const told = Stream.mapError(bytes, (error) => {
      broken = error;
      return new FileError({ path, reason: "Other", why: "the file cannot be read" });
    });
    return Effect.mapError(handle.writeFile(path, told), (error) => broken ?? error);
  });

/** Where a file goes: under its own name, or with its id before it where that is taken. */
const pathFor = ({ id, filename }: StoredFile, taken: ReadonlySet<string>): string => {
  const name = nameInFolder(filename);
  const path = `${workspaceFolder}/${name}`;
  return taken.has(path) ? `${workspaceFolder}/${id}-${name}` : path;
};

/**
 * Copies files into a container, each under its own name, and gives the container as it is then.
 *
 * *Details*: a file that was copied before and lies there still is left as it is, whatever became of it; nothing that
 * is there is overwritten.
 *
 * *Fails with* `ContainerNotFound` when it was deleted meanwhile, `FilesUnavailable`, `FileError`, `SandboxError`.
 */
export const copyFiles = Effect.fnUntraced(function* (
  { containers, files, keeper }: CopyParts,
  into: KnownContainer,
  wanted: ReadonlyArray<StoredFile>,
): Effect.fn.Return<KnownContainer, CopyError> {
  if (wanted.length === 0) return into;
  return yield* Effect.scoped(Effect.gen(function* () {
    const handle = yield* containers.open(into);
    const taken = new Set((yield* containers.files(into, handle)).map(({ path }) => path));
    let container = into;
    for (const file of wanted) {
      const copied = container.storedFiles?.find(({ id, path }) => id === file.id && taken.has(path));
      if (copied !== undefined) continue;
      const path = pathFor(file, taken);
      yield* writeStored(handle, path, files.read(keeper, file.id));
      container = yield* containers.uploaded(keeper, container, path, file.id);
      taken.add(path);
    }
    return container;
  }));
});
