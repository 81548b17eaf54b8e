import type { Redis } from "effect/persistence";
import * as RedisSessions from "../../src/adapters/sessions/Redis.ts";
import { onFreshRedis, pass } from "../support/agedRedis.ts";
import { redisSkip } from "../support/redisServer.ts";
import { sessionsSuite } from "./sessionsSuite.ts";

const timeoutMs = 60_000;

sessionsSuite<Redis.Redis>(
  "redis",
  onFreshRedis(RedisSessions.layerOnConnection, { sessionTimeoutSeconds: timeoutMs / 1000 }),
  { timeoutMs, pass, skip: redisSkip },
);
