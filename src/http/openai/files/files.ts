/**
 * `/v1/files`: files that requests name by their ids, as OpenAI's clients know them.
 *
 * Another's file is answered 404 like any other that is not there.
 */
import { Effect, Stream } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { Settings } from "../../../config.ts";
import { Files } from "../../../runs/Files.ts";
import type { StoredFile } from "../../../services/FileStore.ts";
import { Bodies } from "../../../web/body.ts";
import { eventsOf } from "../../caisson/uploads.ts";
import { Caller } from "../../frame/Caller.ts";
import { disposition } from "../../frame/disposition.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { pageOf, type PageQuery, type UserQuery } from "../listPage.ts";
import { keeperOf } from "../responses/read.ts";
import { type FileDeleted, type FileList, type FileOut, filePageMax } from "./contract.ts";
import { readFileForm } from "./form.ts";

const mebibyte = 1024 * 1024;
/** Bytes of a form beside its file: heads and fields. */
const formBytesMax = 64 * 1024;

const seconds = (ms: number): number => Math.floor(ms / 1000);

const fileOut = (file: StoredFile): typeof FileOut.Type => ({
  id: file.id,
  object: "file",
  bytes: file.sizeBytes,
  created_at: seconds(file.createdAtMs),
  expires_at: seconds(file.expiresAtMs),
  filename: file.filename,
  purpose: file.purpose,
  status: "processed",
  status_details: null,
});

const ownerOf = (query: UserQuery) => Effect.map(Caller, (caller) => keeperOf(caller, query));

/** The field that every path names a file by. */
const param = "id";

/** Builds the handlers of files. */
export const make = Effect.gen(function* () {
  const files = yield* Files;
  const bodies = yield* Bodies;
  const bytesMax = (yield* Settings).artifactMbMax * mebibyte + formBytesMax;

  const create = Effect.fnUntraced(function* (query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const bytes = yield* bodies.stream(request, { bytesMax });
    const contentType = request.headers["content-type"] ?? "";
    if (!/^multipart\/form-data\b/i.test(contentType)) {
      const why = "Expected a form (multipart/form-data) with 'file' and 'purpose'";
      return yield* new InvalidRequest({ param: "file", why, code: "invalid_value" });
    }
    const incoming = yield* files.receive(yield* ownerOf(query));
    const about = yield* readFileForm(eventsOf(bytes, contentType), incoming);
    return fileOut(yield* incoming.keep(about));
  }, Effect.scoped);

  const list = Effect.fnUntraced(function* (query: PageQuery & { readonly purpose?: string }) {
    const owner = yield* ownerOf(query);
    // Strangers who share a principal see nothing of one another.
    const all = owner.user === "" && owner.principal === "anonymous" ? [] : yield* files.list(owner);
    const wanted = all.filter(({ purpose }) => query.purpose === undefined || purpose === query.purpose).map(fileOut);
    const page: typeof FileList.Type = yield* pageOf(wanted.toReversed(), { limit: filePageMax, ...query });
    return page;
  });

  const retrieve = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    return fileOut(yield* files.find(yield* ownerOf(query), id, param));
  });

  const content = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    const owner = yield* ownerOf(query);
    const file = yield* files.find(owner, id, param);
    // Looked for before the head is sent: what is not there is an error, not half an answer.
    yield* files.check(owner, id);
    return HttpServerResponse.stream(
      Stream.tapError(files.read(owner, id), (error) => Effect.logWarning("a download was cut", error)),
      {
        contentType: "application/octet-stream",
        contentLength: file.sizeBytes,
        headers: {
          "x-content-type-options": "nosniff",
          "content-disposition": disposition(file.filename, "attachment"),
        },
      },
    );
  });

  const remove = Effect.fnUntraced(function* (id: string, query: UserQuery) {
    yield* files.remove(yield* ownerOf(query), id, param);
    return { id, object: "file", deleted: true } satisfies typeof FileDeleted.Type;
  });

  return { create, list, retrieve, content, remove };
});
