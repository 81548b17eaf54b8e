/**
 * `/v1/containers/{id}/files`: the files of a container.
 */
import { Effect, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { Settings } from "../../../config.ts";
import { uploadsFolder, workspaceFolder } from "../../../domain/workspacePaths.ts";
import { type ContainerFile, Containers, type KnownContainer } from "../../../runs/Containers.ts";
import type { SandboxHandle } from "../../../services/Sandbox.ts";
import { Bodies } from "../../../web/body.ts";
import { removeFile as removeFromSandbox } from "../../caisson/removeFile.ts";
import { readUpload, writeUpload } from "../../caisson/uploads.ts";
import { Caller } from "../../frame/Caller.ts";
import { ContainerFileNotFound, InvalidRequest } from "../../frame/errors.ts";
import { keeperOf } from "../responses/read.ts";
import type { ContainerFileDeleted, ContainerFileList, ContainerFileOut } from "./contract.ts";
import { pageOf, type PageQuery, type UserQuery } from "../listPage.ts";

const mebibyte = 1024 * 1024;

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

/** Builds the handlers of containers' files. */
export const make = Effect.gen(function* () {
  const containers = yield* Containers;
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

  const addFile = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { "content-type": type = "", "content-encoding": encoding } = request.headers;
    if (type.startsWith("application/json") && encoding === undefined) {
      const why = "This server has no /v1/files: send the file itself, as a form";
      return yield* new InvalidRequest({ param: "file_id", why, code: "unsupported_value" });
    }
    const sent = yield* readUpload(bodies, request, undefined, settings.artifactMbMax * mebibyte);
    const { owner, container, handle } = yield* opened(id, query);
    const path = sent.path.replace(`${uploadsFolder}/`, `${workspaceFolder}/`);
    yield* writeUpload(handle, { ...sent, path });
    yield* containers.uploaded(owner, container, path);
    const files = yield* containers.files({ ...container, uploads: [...container.uploads, path] }, handle);
    const file = files.find((each) => each.path === path);
    return file === undefined ? yield* new ContainerFileNotFound({ id: path }) : fileOut(container, file);
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
