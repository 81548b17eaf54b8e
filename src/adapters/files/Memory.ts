/**
 * Records of files in the memory of this process: nothing survives a restart, and bytes without a record are swept.
 */
import { Clock, Effect, Layer, Option } from "effect";
import type { OwnerKey } from "../../domain/Owner.ts";
import { FileStore, type StoredFile } from "../../services/FileStore.ts";

/** Records in memory, a map for each keeper in the order in which its files were added. */
export const layer: Layer.Layer<FileStore> = Layer.sync(FileStore, () => {
  const keepers = new Map<OwnerKey, Map<string, StoredFile>>();

  /** The keeper's files; those whose time is over are forgotten here. */
  const alive = (keeper: OwnerKey, nowMs: number): ReadonlyMap<string, StoredFile> => {
    const files = keepers.get(keeper);
    if (files === undefined) return new Map();
    for (const { id, expiresAtMs } of files.values()) if (expiresAtMs <= nowMs) files.delete(id);
    if (files.size === 0) keepers.delete(keeper);
    return files;
  };
  const at = <A>(keeper: OwnerKey, look: (files: ReadonlyMap<string, StoredFile>) => A) =>
    Effect.map(Clock.currentTimeMillis, (nowMs) => look(alive(keeper, nowMs)));
  const usedOf = (files: ReadonlyMap<string, StoredFile>) => ({
    files: files.size,
    bytes: [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  });

  return FileStore.of({
    add: (keeper, file, most) =>
      at(keeper, (files) => {
        const used = usedOf(files);
        if (used.files + 1 > most.files || used.bytes + file.sizeBytes > most.bytes) return false;
        keepers.set(keeper, new Map([...files, [file.id, file]]));
        return true;
      }),
    find: (keeper, id) => at(keeper, (files) => Option.fromUndefinedOr(files.get(id))),
    list: (keeper) => at(keeper, (files) => [...files.values()].toReversed()),
    used: (keeper) => at(keeper, usedOf),
    remove: (keeper, id) => at(keeper, () => keepers.get(keeper)?.delete(id) ?? false),
    erase: (keeper) => Effect.sync(() => void keepers.delete(keeper)),
  });
});
