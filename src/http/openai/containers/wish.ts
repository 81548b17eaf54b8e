/**
 * What a container is asked for, checked against what this server has.
 */
import { Effect, Schema } from "effect";
import type { SettingsService } from "../../../config.ts";
import { MemoryLimit } from "../../../services/ContainerStore.ts";
import type { Owner } from "../../../domain/Owner.ts";
import type { FileNotFound, FilesService } from "../../../runs/Files.ts";
import type { StoredFile } from "../../../services/FileStore.ts";
import type { SessionsUnavailable } from "../../../services/Sessions.ts";
import { InvalidRequest } from "../../frame/errors.ts";

/** Files that a container may begin with. */
const filesMax = 50;

/**
 * The files of `/v1/files` that a wish names, each once.
 *
 * *Fails with* `InvalidRequest` for too many, and `FileNotFound` for the first that is not its keeper's.
 */
export const wishedFiles = Effect.fnUntraced(function* (
  files: FilesService,
  keeper: Owner,
  { file_ids: named }: WrittenWish,
  place: string,
): Effect.fn.Return<ReadonlyArray<StoredFile>, InvalidRequest | FileNotFound | SessionsUnavailable> {
  const param = place === "" ? "file_ids" : `${place}.file_ids`;
  const ids = [...new Set(named ?? [])];
  if (ids.length > filesMax) {
    return yield* new InvalidRequest({ param, why: `At most ${filesMax} files are accepted`, code: "invalid_value" });
  }
  return yield* Effect.forEach(ids, (id) => files.find(keeper, id, param));
});

/** The wish as OpenAI's clients write it. */
export interface WrittenWish {
  readonly file_ids?: ReadonlyArray<string> | null;
  readonly memory_limit?: string | null;
}

const isMemoryLimit = Schema.is(MemoryLimit);
const mebibytes: Readonly<Record<MemoryLimit, number>> = { "1g": 1024, "4g": 4096, "16g": 16_384, "64g": 65_536 };

/**
 * Reads a wish.
 *
 * *Fails with* `InvalidRequest`, naming the parameter, for memory beyond `CAISSON_SANDBOX_MEMORY_MB`.
 */
export const readWish = (
  wish: WrittenWish,
  param: string,
  settings: Pick<SettingsService, "sandboxMemoryMb">,
): Effect.Effect<{ readonly memoryLimit: MemoryLimit }, InvalidRequest> => {
  const refuse = (field: string, why: string) =>
    Effect.fail(new InvalidRequest({ param: param === "" ? field : `${param}.${field}`, why, code: "invalid_value" }));
  const { memory_limit: memory } = wish;
  if (memory === undefined || memory === null) return Effect.succeed({ memoryLimit: "1g" });
  if (!isMemoryLimit(memory)) return refuse("memory_limit", "Expected one of '1g', '4g', '16g' and '64g'");
  if (memory !== "1g" && mebibytes[memory] > settings.sandboxMemoryMb) {
    return refuse("memory_limit", `Containers of this server have ${settings.sandboxMemoryMb} MiB`);
  }
  return Effect.succeed({ memoryLimit: memory });
};
