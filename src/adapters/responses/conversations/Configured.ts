/**
 * The store of conversations beside the sessions that `CAISSON_SESSIONS` names.
 */
import type { Layer } from "effect";
import type { ConfigurationRefused, Settings } from "../../../config.ts";
import type { ConversationStore } from "../../../services/ConversationStore.ts";
import { besideSessions } from "../../storeChoice.ts";

/** Conversations as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<ConversationStore, ConfigurationRefused, Settings> = besideSessions<
  ConversationStore,
  ConfigurationRefused
>({
  memory: () => import("./Memory.ts"),
  sqlite: () => import("./Sqlite.ts"),
  redis: () => import("./Redis.ts"),
});
