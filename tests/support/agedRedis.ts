/**
 * A Redis store for the contract suites, in which time passes when a test says so.
 */
import { Effect, Layer, Option, Redacted } from "effect";
import { Redis } from "effect/persistence";
import { TestClock } from "effect/testing";
import * as RedisConnection from "../../src/adapters/redis/RedisConnection.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { redisServer } from "./redisServer.ts";

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

/** Lets time pass for the program and for the server; a key that never expires fails. */
export const pass = Effect.fnUntraced(function* (ms: number) {
  const redis = yield* Redis.Redis;
  yield* redis.eval(age)(ms);
  yield* TestClock.adjust(ms);
});

/** A store on a connection to a server of its own. */
export const onFreshRedis = <A, E>(
  store: Layer.Layer<A, E, Redis.Redis | Settings>,
  settings: Partial<SettingsService>,
) =>
  Layer.unwrap(
    Effect.map(TestClock.withLive(redisServer), ({ url }) =>
      store.pipe(
        Layer.provideMerge(RedisConnection.layer),
        Layer.provide(Settings.layerWith({ ...settings, redisUrl: Option.some(Redacted.make(url)) })),
      )),
  );
