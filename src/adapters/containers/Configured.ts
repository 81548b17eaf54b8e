/**
 * The store of containers beside the sessions that `CAISSON_SESSIONS` names.
 */
import type { Layer } from "effect";
import type { ConfigurationRefused, Settings } from "../../config.ts";
import type { ContainerStore } from "../../services/ContainerStore.ts";
import { besideSessions } from "../storeChoice.ts";

/** Containers as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<ContainerStore, ConfigurationRefused, Settings> = besideSessions<
  ContainerStore,
  ConfigurationRefused
>({
  memory: () => import("./Memory.ts"),
  sqlite: () => import("./Sqlite.ts"),
  redis: () => import("./Redis.ts"),
});
