/**
 * The records of files beside the sessions that `CAISSON_SESSIONS` names.
 */
import type { Layer } from "effect";
import type { ConfigurationRefused, Settings } from "../../config.ts";
import type { FileStore } from "../../services/FileStore.ts";
import { besideSessions } from "../storeChoice.ts";

/** Records as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<FileStore, ConfigurationRefused, Settings> = besideSessions<
  FileStore,
  ConfigurationRefused
>({
  memory: () => import("./Memory.ts"),
  sqlite: () => import("./Sqlite.ts"),
  redis: () => import("./Redis.ts"),
});
