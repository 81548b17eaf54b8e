/**
 * Responses in Redis: several instances answer for one another; Redis itself expires what is old.
 *
 * A response is a hash, an owner's responses a sorted set of ids by their expiry. What an owner deletes changes a
 * word, so that no instance goes by chains that it read before. All keys of an owner share a hash
 * tag, so they lie on one node of a cluster.
 */
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import { makeToken } from "../../domain/ids.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { chainMax, ResponseStore, type StoredResponse } from "../../services/ResponseStore.ts";
import { readerOf } from "../redis/answers.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import { dayMs, decodeBody, decodeTurn, encoded } from "./bounds.ts";
import { Chains, knownChain, type Link } from "./chains.ts";
import { eraseWaitingScript, removeWaitingScript, waitingOn } from "./waiting/Redis.ts";

const prefixOf = (owner: OwnerKey): string => `caisson:{${owner}}:response:`;
const indexOf = (owner: OwnerKey): string => `caisson:{${owner}}:responses`;
const versionOf = (owner: OwnerKey): string => `caisson:{${owner}}:responses:version`;

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
local turns, id, left, alive = {}, ARGV[1], -1, 0
while id and id ~= '' and #turns < ${chainMax} do
  local key = KEYS[1] .. id
  local found = redis.call('HMGET', key, 'turn', 'previous', 'alive')
  if not found[1] then break end
  turns[#turns + 1] = found[1]
  alive = math.max(alive, tonumber(found[3]) or 0)
  local ttl = redis.call('PTTL', key)
  if left < 0 or ttl < left then left = ttl end
  id = found[2]
end
return {tostring(left), tostring(alive), turns}
`,
});

/** Deletes, and writes the word that says so; it need not outlive the chains that were read before it. */
const removeScript = Redis.script(
  (owner: OwnerKey, id: string, version: string, keptMs: number) => [
    `${prefixOf(owner)}${id}`,
    indexOf(owner),
    versionOf(owner),
    id,
    version,
    keptMs,
  ],
  {
    numberOfKeys: 3,
    lua: `
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
`,
  },
);

const eraseScript = Redis.script(
  (owner: OwnerKey, version: string, keptMs: number) => [
    indexOf(owner),
    prefixOf(owner),
    versionOf(owner),
    version,
    keptMs,
  ],
  {
    numberOfKeys: 3,
    lua: `
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', KEYS[2] .. id) end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return 1
`,
  },
);

const decodeVersion = Schema.decodeUnknownSync(Schema.NullOr(Schema.String));
const decodeChain = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.String, Schema.String, Schema.Array(Schema.String)]),
);
const decodeFound = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.NullOr(Schema.String), Schema.NullOr(Schema.String), Schema.NullOr(Schema.String)]),
);

const run = readerOf({ area: "responses", held: "a response" });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const { responseRetentionDays } = yield* Settings;
  const keptMs = Math.ceil(responseRetentionDays * dayMs);
  const chains = new Chains();
  const [put, renew, chain] = [redis.eval(putScript), redis.eval(renewScript), redis.eval(chainScript)];
  const [remove, erase] = [redis.eval(removeScript), redis.eval(eraseScript)];
  const [removeWaiting, eraseWaiting] = [redis.eval(removeWaitingScript), redis.eval(eraseWaitingScript)];

  /** Reads an answer; both it and its reading can show that Redis does not work as it should. */

  const found = (answer: unknown): Option.Option<StoredResponse> => {
    const [alive, turn, body] = decodeFound(answer);
    return alive === null
      ? Option.none()
      : Option.some({ ...decodeBody(body), turn: decodeTurn(turn), aliveUntilMs: Number(alive) });
  };

  const readVersion = (owner: OwnerKey) =>
    run("chain", redis.send<unknown>("GET", versionOf(owner)), (answer) => decodeVersion(answer) ?? "");

  const readChain = Effect.fnUntraced(function* (owner: OwnerKey, id: string) {
    const version = yield* readVersion(owner);
    const nowMs = yield* Clock.currentTimeMillis;
    const known = chains.get(owner, id, version, nowMs);
    if (known !== undefined) return Option.some(known);
    const [leftMs, alive, texts] = yield* run("chain", chain(owner, id), decodeChain);
    const expiresAtMs = nowMs + Number(leftMs);
    const links = yield* run(
      "chain",
      Effect.succeed(texts),
      () => texts.map((text): Link => ({ turn: decodeTurn(text), expiresAtMs, characters: text.length })).reverse(),
    );
    if (links.length === 0) return Option.none();
    const read = knownChain(links, version);
    if (Number(alive) === 0) chains.add(owner, id, read);
    return Option.some(read.chain);
  });

  const keep = Effect.fnUntraced(function* (owner: OwnerKey, response: StoredResponse) {
    const nowMs = yield* Clock.currentTimeMillis;
    const { id, previous, turn, aliveUntilMs } = response;
    const { turn: text } = encoded(response);
    yield* run("put", put(owner, response, nowMs, keptMs), () => undefined);
    if (aliveUntilMs > 0 || previous === null) return chains.delete(owner, id);
    // The version is that of the chain before it: what was deleted meanwhile makes both invalid.
    chains.extend(owner, previous, id, { turn, expiresAtMs: nowMs + keptMs, characters: text.length }, "");
  });

  return ResponseStore.of({
    put: keep,
    renew: (owner, id, aliveUntilMs) => run("renew", renew(owner, id, aliveUntilMs), () => undefined),
    find: (owner, id) =>
      run("find", redis.send<unknown>("HMGET", `${prefixOf(owner)}${id}`, "alive", "turn", "body"), found),
    chain: readChain,
    ...waitingOn(redis),
    remove: (owner, id) =>
      Effect.andThen(
        run("remove", removeWaiting(owner, id), () => undefined),
        run("remove", remove(owner, id, makeToken(), keptMs), (answer) => answer === 1),
      ),
    erase: (owner) =>
      Effect.andThen(
        run("erase", eraseWaiting(owner), () => undefined),
        run("erase", erase(owner, makeToken(), keptMs), () => undefined),
      ),
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
