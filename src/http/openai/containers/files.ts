/**
 * `/v1/containers/{id}/files`: the files of a container.
 */
import { Effect, Option, Schema, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { Settings } from "../../../config.ts";
import { uploadsFolder, workspaceFolder } from "../../../domain/workspacePaths.ts";
import {
  type ContainerFile,
  Containers,
  type ContainersService,
  type KnownContainer,
} from "../../../runs/Containers.ts";
import { Files } from "../../../runs/Files.ts";
import { copyFiles } from "../../../runs/storedFiles.ts";
import type { StoredFile } from "../../../services/FileStore.ts";
import type { SandboxHandle } from "../../../services/Sandbox.ts";
import { Bodies, isJsonType, parseJson } from "../../../web/body.ts";
import { removeFile as removeFromSandbox } from "../../caisson/removeFile.ts";
import { seeFirstByte } from "../../caisson/firstByte.ts";
import { readUpload, writeUpload } from "../../caisson/uploads.ts";
import { Caller } from "../../frame/Caller.ts";
import { ContainerFileNotFound, InvalidRequest } from "../../frame/errors.ts";
import { keeperOf } from "../responses/read.ts";
import type { ContainerFileDeleted, ContainerFileList, ContainerFileOut } from "./contract.ts";
import { pageOf, type PageQuery, type UserQuery } from "../listPage.ts";

const mebibyte = 1024 * 1024;
/** Bytes of a request that names a file. */
const copyBytesMax = 16 * 1024;

const decodeCopy = Schema.decodeUnknownOption(Schema.Struct({ file_id: Schema.String }));

const seconds = (ms: number): number => Math.floor(ms / 1000);

const fileOut = (container: KnownContainer, file: ContainerFile): typeof ContainerFileOut.Type => ({
  id: file.id,
  object: "container.file",
  created_at: seconds(file.modifiedAtMs),
  bytes: file.sizeBytes,
  container_id: container.id,
  path: file.clientPath,
  source: file.source,
});

/** The file that stands at a path now, as its client sees it. */
const showAt = (containers: ContainersService) =>
  Effect.fnUntraced(function* (container: KnownContainer, handle: SandboxHandle, path: string) {
    const file = (yield* containers.files(container, handle)).find((each) => each.path === path);
    return file === undefined ? yield* new ContainerFileNotFound({ id: path }) : fileOut(container, file);
  });

/** The id of the file of `/v1/files` that a body names. */
const namedIn = (body: unknown): Effect.Effect<string, InvalidRequest> => {
  const why = "Expected the id of a file of /v1/files, or a form with 'file'";
  return Option.match(decodeCopy(body), {
    onNone: () => Effect.fail(new InvalidRequest({ param: "file_id", why, code: "invalid_value" })),
    onSome: ({ file_id: id }) => Effect.succeed(id),
  });
};

/** Where the copy of a stored file is. */
const copyOf = ({ storedFiles }: KnownContainer, { id, filename }: StoredFile): string =>
  storedFiles?.find((copy) => copy.id === id)?.path ?? filename;

/** Builds the handlers of containers' files. */
export const make = Effect.gen(function* () {
  const containers = yield* Containers;
  const files = yield* Files;
  const bodies = yield* Bodies;
  const settings = yield* Settings;

  /** A container that is used, and its sandbox. */
  const opened = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = keeperOf(yield* Caller, query);
    const container = yield* containers.use(owner, id);
    return { owner, container, handle: yield* containers.open(container) };
  });

  const found = Effect.fnUntraced(function* (container: KnownContainer, handle: SandboxHandle, id: string) {
    const file = (yield* containers.files(container, handle)).find((each) => each.id === id);
    return file ?? (yield* new ContainerFileNotFound({ id }));
  });

  const shownAt = showAt(containers);
  const addFile = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    if (isJsonType(request.headers["content-type"] ?? "")) {
      const text = yield* bodies.text(request, { bytesMax: copyBytesMax, typed: true });
      const named = yield* namedIn(yield* parseJson(text));
      const { owner: keeper, container, handle } = yield* opened(id, query);
      const stored = yield* files.find(keeper, named, "file_id");
      const filled = yield* copyFiles({ containers, files, keeper }, container, [stored]);
      return yield* shownAt(filled, handle, copyOf(filled, stored));
    }
    const sent = yield* readUpload(bodies, request, undefined, settings.artifactMbMax * mebibyte);
    const { owner, container, handle } = yield* opened(id, query);
    const path = sent.path.replace(`${uploadsFolder}/`, `${workspaceFolder}/`);
    yield* writeUpload(handle, { ...sent, path, placeField: "file" });
    return yield* shownAt(yield* containers.uploaded(owner, container, path), handle, path);
  });

  const listFiles = Effect.fnUntraced(function* (id: string, query: PageQuery) {
    const { container, handle } = yield* opened(id, query);
    const all = (yield* containers.files(container, handle)).map((file) => fileOut(container, file));
    const page: typeof ContainerFileList.Type = yield* pageOf(all.toReversed(), query);
    return page;
  });

  const showFile = Effect.fnUntraced(function* (id: string, file: string, query: UserQuery) {
    const { container, handle } = yield* opened(id, query);
    return fileOut(container, yield* found(container, handle, file));
  });

  const content = Effect.fnUntraced(function* (id: string, file: string, query: UserQuery) {
    const { container, handle } = yield* opened(id, query);
    const { path, sizeBytes } = yield* found(container, handle, file);
    yield* seeFirstByte(handle, { path, sizeBytes });
    const bytes = sizeBytes === 0 ? Stream.empty : handle.readBytes(path, { offset: 0, length: sizeBytes });
    return HttpServerResponse.stream(
      Stream.tapError(bytes, (error) => Effect.logWarning("a download was cut", error)),
      {
        contentType: "application/octet-stream",
        contentLength: sizeBytes,
        headers: { "x-content-type-options": "nosniff", "content-disposition": "attachment" },
      },
    );
  });

  const removeFile = Effect.fnUntraced(function* (id: string, file: string, query: UserQuery) {
    const { container, handle } = yield* opened(id, query);
    const { path } = yield* found(container, handle, file);
    yield* removeFromSandbox(handle, path);
    return { id: file, object: "container.file.deleted", deleted: true } satisfies typeof ContainerFileDeleted.Type;
  });

  return { addFile, listFiles, showFile, content, removeFile };
});
