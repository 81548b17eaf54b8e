import { Effect, Layer } from "effect";
import * as Memory from "../../src/adapters/files/Memory.ts";
import * as RedisFiles from "../../src/adapters/files/Redis.ts";
import * as Sqlite from "../../src/adapters/files/Sqlite.ts";
import { Settings } from "../../src/config.ts";
import { onFreshRedis } from "../support/agedRedis.ts";
import { redisSkip } from "../support/redisServer.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { fileStoreSuite } from "./fileStoreSuite.ts";

fileStoreSuite("files in memory", Memory.layer);

fileStoreSuite(
  "files in sqlite",
  Layer.unwrap(
    Effect.map(temporaryDirectory, (dataPath) => Sqlite.layer.pipe(Layer.provide(Settings.layerWith({ dataPath })))),
  ),
);

fileStoreSuite("files in redis", onFreshRedis(RedisFiles.layerOnConnection, {}), redisSkip);
