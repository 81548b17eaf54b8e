/**
 * The session store that `CAISSON_SESSIONS` names.
 */
import type { Layer } from "effect";
import type { ConfigurationRefused, Settings } from "../../config.ts";
import type { Sessions, SessionsUnavailable } from "../../services/Sessions.ts";
import { besideSessions } from "../storeChoice.ts";

/** Sessions as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<Sessions, SessionsUnavailable | ConfigurationRefused, Settings> = besideSessions<
  Sessions,
  SessionsUnavailable | ConfigurationRefused
>({
  memory: () => import("./Memory.ts"),
  sqlite: () => import("./Sqlite.ts"),
  redis: () => import("./Redis.ts"),
});
