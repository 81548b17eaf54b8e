/**
 * Notices in Redis: whichever instance is there tells of the responses of one that is not.
 *
 * They are a sorted set of responses by the time at which they are due, and a hash of what is to be told.
 */
import { Effect, Layer, Schema } from "effect";
import { Redis } from "effect/persistence";
import type { ConfigurationRefused, Settings } from "../../../config.ts";
import { WebhookNotice, WebhookOutbox } from "../../../services/WebhookOutbox.ts";
import { readerOf } from "../../redis/answers.ts";
import * as RedisConnection from "../../redis/RedisConnection.ts";

/** The keys of the set and the hash. */
const keys = ["caisson:{webhooks}:due", "caisson:{webhooks}:notices"] as const;

const putScript = Redis.script(
  (notice: WebhookNotice, dueMs: number) => [...keys, notice.response, JSON.stringify(notice), dueMs],
  {
    numberOfKeys: 2,
    lua: `
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
`,
  },
);

const dueScript = Redis.script((response: string, dueMs: number) => [keys[0], response, dueMs], {
  numberOfKeys: 1,
  lua: `return redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])`,
});

const claimScript = Redis.script(
  (nowMs: number, heldUntilMs: number, most: number) => [...keys, nowMs, heldUntilMs, most],
  {
    numberOfKeys: 2,
    lua: `
local found = {}
for _, response in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  redis.call('ZADD', KEYS[1], ARGV[2], response)
  found[#found + 1] = redis.call('HGET', KEYS[2], response)
end
return found
`,
  },
);

const settleScript = Redis.script((response: string) => [...keys, response], {
  numberOfKeys: 2,
  lua: `
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`,
});

const decodeNotices = Schema.decodeUnknownSync(Schema.Array(Schema.fromJsonString(WebhookNotice)));

const run = readerOf({ area: "webhooks", held: "a notice" });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const [put, due, claim, settle] = [
    redis.eval(putScript),
    redis.eval(dueScript),
    redis.eval(claimScript),
    redis.eval(settleScript),
  ];
  const done = (operation: string, answer: Effect.Effect<unknown, Redis.RedisError>) =>
    run(operation, answer, () => undefined);
  return WebhookOutbox.of({
    put: (notice, dueMs) => done("put", put(notice, dueMs)),
    due: (response, dueMs) => done("due", due(response, dueMs)),
    claim: (nowMs, heldUntilMs, most) => run("claim", claim(nowMs, heldUntilMs, most), decodeNotices),
    settle: (response) => done("settle", settle(response)),
  });
});

/** Notices on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<WebhookOutbox, never, Redis.Redis> = Layer.effect(WebhookOutbox, make);

/** Notices in the Redis of `CAISSON_REDIS_URL`. *Fails with* `ConfigurationRefused` when there is none. */
export const layer: Layer.Layer<WebhookOutbox, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
