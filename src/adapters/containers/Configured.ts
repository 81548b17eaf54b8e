/**
 * The store of containers beside the sessions that `CAISSON_SESSIONS` names.
 */
import { Effect, Layer } from "effect";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import type { ContainerStore } from "../../services/ContainerStore.ts";

/** Containers as configured; only the chosen store and its driver are loaded. */
export const layer: Layer.Layer<ContainerStore, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.gen(function* (): Effect.fn.Return<
    Layer.Layer<ContainerStore, ConfigurationRefused, Settings>,
    never,
    Settings
  > {
    const { sessions } = yield* Settings;
    switch (sessions) {
      case "memory":
        return (yield* Effect.promise(() => import("./Memory.ts"))).layer;
      case "sqlite":
        return (yield* Effect.promise(() => import("./Sqlite.ts"))).layer;
      case "redis":
        return (yield* Effect.promise(() => import("./Redis.ts"))).layer;
    }
  }),
);
