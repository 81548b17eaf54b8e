/**
 * The store of responses beside the sessions that `CAISSON_SESSIONS` names.
 */
import type { Layer } from "effect";
import type { ConfigurationRefused, Settings } from "../../config.ts";
import type { ResponseStore } from "../../services/ResponseStore.ts";
import { besideSessions } from "../storeChoice.ts";

/** Responses as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<ResponseStore, ConfigurationRefused, Settings> = besideSessions<
  ResponseStore,
  ConfigurationRefused
>({
  memory: () => import("./Memory.ts"),
  sqlite: () => import("./Sqlite.ts"),
  redis: () => import("./Redis.ts"),
});
