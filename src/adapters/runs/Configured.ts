/**
 * The run ledger as configured: shared through Redis when there is one.
 */
import { Effect, Layer, Option } from "effect";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import { RunLedger } from "../../services/RunLedger.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import * as RedisLedger from "./RedisLedger.ts";

/** The ledger of a single instance: its own memory of runs is all there is to know. */
export const layerAlone: Layer.Layer<RunLedger> = Layer.succeed(
  RunLedger,
  RunLedger.of({ record: (_name, run) => run, find: () => Effect.succeedNone }),
);

/** The run ledger as configured. */
export const layer: Layer.Layer<RunLedger, ConfigurationRefused, Settings> = Layer.unwrap(
  Effect.map(
    Settings,
    ({ redisUrl }) => Option.isNone(redisUrl) ? layerAlone : Layer.provide(RedisLedger.layer, RedisConnection.layer),
  ),
);
