/**
 * The store of runs beside the sessions that `CAISSON_SESSIONS` names.
 *
 * With Redis each instance remembers its own runs in its data directory: they are looked at, not gone on from.
 */
import { Effect, Layer } from "effect";
import { Settings } from "../../config.ts";

/** Runs as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<never, never, Settings> = Layer.unwrap(
  Effect.flatMap(
    Settings,
    ({ sessions }) => Effect.promise(() => sessions === "memory" ? import("./Memory.ts") : import("./Sqlite.ts")),
  ).pipe(Effect.map(({ layer }) => layer)),
);
