/**
 * What a container is asked for, checked against what this server has.
 */
import { Effect, Schema } from "effect";
import type { SettingsService } from "../../../config.ts";
import { MemoryLimit } from "../../../services/ContainerStore.ts";
import { InvalidRequest } from "../../frame/errors.ts";

/** The wish as OpenAI's clients write it. */
export interface WrittenWish {
  readonly file_ids?: ReadonlyArray<string> | null;
  readonly memory_limit?: string | null;
  readonly skills?: ReadonlyArray<unknown> | null;
}

const isMemoryLimit = Schema.is(MemoryLimit);
const mebibytes: Readonly<Record<MemoryLimit, number>> = { "1g": 1024, "4g": 4096, "16g": 16_384, "64g": 65_536 };

/**
 * Reads a wish.
 *
 * *Fails with* `InvalidRequest`, naming the parameter, for memory beyond `CAISSON_SANDBOX_MEMORY_MB`, for
 * skills, which are the operator's, and for files of `/v1/files`, which are not kept here.
 */
export const readWish = (
  wish: WrittenWish,
  param: string,
  settings: Pick<SettingsService, "sandboxMemoryMb">,
): Effect.Effect<{ readonly memoryLimit: MemoryLimit }, InvalidRequest> => {
  const refuse = (field: string, why: string) =>
    Effect.fail(new InvalidRequest({ param: param === "" ? field : `${param}.${field}`, why, code: "invalid_value" }));
  const { file_ids: files, memory_limit: memory, skills } = wish;
  if (files !== undefined && files !== null && files.length > 0) {
    return refuse("file_ids", "This server has no /v1/files: put files into a container by its own /files");
  }
  if (skills !== undefined && skills !== null && skills.length > 0) {
    return refuse("skills", "The skills of this server are its operator's: they are in every container under /skills");
  }
  if (memory === undefined || memory === null) return Effect.succeed({ memoryLimit: "1g" });
  if (!isMemoryLimit(memory)) return refuse("memory_limit", "Expected one of '1g', '4g', '16g' and '64g'");
  if (memory !== "1g" && mebibytes[memory] > settings.sandboxMemoryMb) {
    return refuse("memory_limit", `Containers of this server have ${settings.sandboxMemoryMb} MiB`);
  }
  return Effect.succeed({ memoryLimit: memory });
};
