import type { Redis } from "effect/persistence";
import * as RedisResponses from "../../src/adapters/responses/Redis.ts";
import { onFreshRedis, pass } from "../support/agedRedis.ts";
import { redisSkip } from "../support/redisServer.ts";
import { responseStoreSuite } from "./responseStoreSuite.ts";

responseStoreSuite<Redis.Redis>(
  "redis",
  onFreshRedis(RedisResponses.layerOnConnection, { responseRetentionDays: 0.01 }),
  { retentionMs: 864_000, pass, skip: redisSkip },
);
