import { Effect, Layer, Option, Redacted } from "effect";
import { TestClock } from "effect/testing";
import * as Memory from "../../src/adapters/containers/Memory.ts";
import * as RedisContainers from "../../src/adapters/containers/Redis.ts";
import * as Sqlite from "../../src/adapters/containers/Sqlite.ts";
import * as RedisConnection from "../../src/adapters/redis/RedisConnection.ts";
import { Settings } from "../../src/config.ts";
import { redisServer, redisSkip } from "../support/redisServer.ts";
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
  Layer.unwrap(
    Effect.map(TestClock.withLive(redisServer), ({ url }) => {
      const settings = Settings.layerWith({ redisUrl: Option.some(Redacted.make(url)) });
      const connection = RedisConnection.layer.pipe(Layer.provide(settings));
      return RedisContainers.layerOnConnection.pipe(Layer.provide(settings), Layer.provide(connection));
    }),
  ),
  redisSkip,
);
