import { Effect, Layer, Option, Redacted } from "effect";
import { Redis } from "effect/persistence";
import { TestClock } from "effect/testing";
import * as RedisConnection from "../../src/adapters/redis/RedisConnection.ts";
import * as RedisConversations from "../../src/adapters/responses/conversations/Redis.ts";
import { Settings } from "../../src/config.ts";
import { redisServer, redisSkip } from "../support/redisServer.ts";
import { conversationStoreSuite } from "./conversationStoreSuite.ts";

const days = 0.01;

/** Makes every key of Redis as much older, which is what waiting would do. */
const age = Redis.script((ms: number) => [ms], {
  numberOfKeys: 0,
  lua: `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left < 0 then return redis.error_reply('no expiry on ' .. key) end
  redis.call('PEXPIRE', key, left - ARGV[1])
end
`,
});

const layer = Layer.unwrap(
  Effect.map(TestClock.withLive(redisServer), ({ url }) => {
    const settings = Settings.layerWith({ redisUrl: Option.some(Redacted.make(url)), conversationRetentionDays: days });
    const connection = RedisConnection.layer.pipe(Layer.provide(settings));
    return Layer.provideMerge(RedisConversations.layerOnConnection.pipe(Layer.provide(settings)), connection);
  }),
);

conversationStoreSuite<Redis.Redis>("redis conversations", layer, {
  retentionMs: 864_000,
  pass: (ms) =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis;
      yield* redis.eval(age)(ms);
      yield* TestClock.adjust(ms);
    }),
  skip: redisSkip,
});
