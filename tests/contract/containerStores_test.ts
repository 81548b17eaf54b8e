import { Effect, Layer } from "effect";
import * as Memory from "../../src/adapters/containers/Memory.ts";
import * as RedisContainers from "../../src/adapters/containers/Redis.ts";
import * as Sqlite from "../../src/adapters/containers/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { onFreshRedis } from "../support/agedRedis.ts";
import { redisSkip } from "../support/redisServer.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { containerStoreSuite } from "./containerStoreSuite.ts";

containerStoreSuite("containers in memory", Memory.layer.pipe(Layer.provide(Settings.layerWith({}))));

containerStoreSuite(
  "containers in sqlite",
  Layer.unwrap(
    Effect.map(temporaryDirectory, (dataPath) => Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath })))),
  ),
);

containerStoreSuite(
  "containers in redis",
  onFreshRedis(RedisContainers.layerOnConnection, {}),
  redisSkip,
);
