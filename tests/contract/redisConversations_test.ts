import type { Redis } from "effect/persistence";
import * as RedisConversations from "../../src/adapters/responses/conversations/Redis.ts";
import { onFreshRedis, pass } from "../support/agedRedis.ts";
import { redisSkip } from "../support/redisServer.ts";
import { conversationStoreSuite } from "./conversationStoreSuite.ts";

conversationStoreSuite<Redis.Redis>(
  "redis conversations",
  onFreshRedis(RedisConversations.layerOnConnection, { conversationRetentionDays: 0.01 }),
  { retentionMs: 864_000, pass, skip: redisSkip },
);
