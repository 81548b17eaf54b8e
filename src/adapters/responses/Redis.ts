/**
 * Responses in Redis: several instances answer for one another; Redis itself expires what is old.
 *
 * A response is a hash, an owner's responses a sorted set of ids by their expiry. All keys of an owner share a hash
 * tag, so they lie on one node of a cluster.
 */
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { chainMax, ResponseStore, type StoredResponse } from "../../services/ResponseStore.ts";
import { SessionsUnavailable } from "../../services/Sessions.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import { dayMs, decodeBody, decodeTurn, encoded } from "./bounds.ts";

const prefixOf = (owner: OwnerKey): string => `caisson:{${owner}}:response:`;
const indexOf = (owner: OwnerKey): string => `caisson:{${owner}}:responses`;

const putScript = Redis.script(
  (owner: OwnerKey, response: StoredResponse, nowMs: number, keptMs: number) => {
    const { turn, body } = encoded(response);
    const { id, previous, aliveUntilMs } = response;
    return [`${prefixOf(owner)}${id}`, indexOf(owner), id, previous ?? "", aliveUntilMs, turn, body, nowMs, keptMs];
  },
  {
    numberOfKeys: 2,
    lua: `
local id, previous, alive, turn, body, now, kept = unpack(ARGV)
redis.call('HSET', KEYS[1], 'previous', previous, 'alive', alive, 'turn', turn, 'body', body)
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + kept, id)
redis.call('PEXPIRE', KEYS[2], kept)
return 1
`,
  },
);

const renewScript = Redis.script(
  (owner: OwnerKey, id: string, aliveUntilMs: number) => [`${prefixOf(owner)}${id}`, aliveUntilMs],
  {
    numberOfKeys: 1,
    lua: `
if tonumber(redis.call('HGET', KEYS[1], 'alive') or '0') > 0 then redis.call('HSET', KEYS[1], 'alive', ARGV[1]) end
return 1
`,
  },
);

const chainScript = Redis.script((owner: OwnerKey, id: string) => [prefixOf(owner), id], {
  numberOfKeys: 1,
  lua: `
local turns, id = {}, ARGV[1]
while id and id ~= '' and #turns < ${chainMax} do
  local found = redis.call('HMGET', KEYS[1] .. id, 'turn', 'previous')
  if not found[1] then break end
  turns[#turns + 1] = found[1]
  id = found[2]
end
return turns
`,
});

const removeScript = Redis.script((owner: OwnerKey, id: string) => [`${prefixOf(owner)}${id}`, indexOf(owner), id], {
  numberOfKeys: 2,
  lua: `
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
`,
});

const eraseScript = Redis.script((owner: OwnerKey) => [indexOf(owner), prefixOf(owner)], {
  numberOfKeys: 2,
  lua: `
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', KEYS[2] .. id) end
redis.call('DEL', KEYS[1])
return 1
`,
});

const decodeTexts = Schema.decodeUnknownSync(Schema.Array(Schema.String));
const decodeFound = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.NullOr(Schema.String), Schema.NullOr(Schema.String), Schema.NullOr(Schema.String)]),
);

const unavailable = (operation: string) => (cause: unknown) =>
  new SessionsUnavailable({
    store: "redis",
    operation: `responses: ${operation}`,
    detail: Schema.is(Redis.RedisError)(cause) ? String(cause.cause) : "Redis holds what is not a response",
    cause,
  });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const { responseRetentionDays } = yield* Settings;
  const [put, renew, chain] = [redis.eval(putScript), redis.eval(renewScript), redis.eval(chainScript)];
  const [remove, erase] = [redis.eval(removeScript), redis.eval(eraseScript)];

  /** Reads an answer; both it and its reading can show that Redis does not work as it should. */
  const run = <A>(operation: string, answer: Effect.Effect<unknown, Redis.RedisError>, read: (answer: unknown) => A) =>
    Effect.flatMap(
      Effect.mapError(answer, unavailable(operation)),
      (value) => Effect.try({ try: () => read(value), catch: unavailable(operation) }),
    );

  const found = (answer: unknown): Option.Option<StoredResponse> => {
    const [alive, turn, body] = decodeFound(answer);
    return alive === null
      ? Option.none()
      : Option.some({ ...decodeBody(body), turn: decodeTurn(turn), aliveUntilMs: Number(alive) });
  };

  return ResponseStore.of({
    put: (owner, response) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (nowMs) => run("put", put(owner, response, nowMs, Math.ceil(responseRetentionDays * dayMs)), () => undefined),
      ),
    renew: (owner, id, aliveUntilMs) => run("renew", renew(owner, id, aliveUntilMs), () => undefined),
    find: (owner, id) =>
      run("find", redis.send<unknown>("HMGET", `${prefixOf(owner)}${id}`, "alive", "turn", "body"), found),
    chain: (owner, id) =>
      run("chain", chain(owner, id), (answer) => decodeTexts(answer).map((text) => decodeTurn(text)).reverse()),
    remove: (owner, id) => run("remove", remove(owner, id), (answer) => answer === 1),
    erase: (owner) => run("erase", erase(owner), () => undefined),
  });
});

/** Responses on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<ResponseStore, never, Settings | Redis.Redis> = Layer.effect(
  ResponseStore,
  make,
);

/** Responses in the Redis of `CAISSON_REDIS_URL`. *Fails with* `ConfigurationRefused` when there is no usable URL. */
export const layer: Layer.Layer<ResponseStore, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
