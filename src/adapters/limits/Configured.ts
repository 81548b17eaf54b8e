/**
 * Limits as configured: shared through Redis when there is one, of this process otherwise.
 */
import { Effect, Layer, Option } from "effect";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import type { Limits } from "../../services/Limits.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import { layerMemory, layerRedis } from "./Counted.ts";

/** Limits as configured. */
export const layer: Layer.Layer<Limits, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.map(
    Settings,
    ({ redisUrl }) => Option.isNone(redisUrl) ? layerMemory : Layer.provide(layerRedis, RedisConnection.layer),
  ),
);
