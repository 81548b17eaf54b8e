/**
 * Containers in Redis: several instances know them.
 *
 * A keeper's containers are one hash of texts by id, and all that may expire one sorted set by the time; the set is
 * only a hint, what stands in the hash decides.
 */
import { Effect, Layer, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import { OwnerKey } from "../../domain/Owner.ts";
import { type Container, ContainerStore, expiryOf } from "../../services/ContainerStore.ts";
import type { SessionsUnavailable } from "../../services/Sessions.ts";
import { readerOf } from "../redis/answers.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import { dayMs, decodeContainer, encoded, expiredMax } from "./bounds.ts";

const hashOf = (keeper: OwnerKey): string => `caisson:{${keeper}}:containers`;
const dueName = "caisson:containers:due";
const memberOf = (keeper: OwnerKey, id: string): string => `${keeper} ${id}`;

/** Writes a field where it stands as it was read; a new one was read as "". */
const swapScript = Redis.script(
  (keeper: OwnerKey, id: string, before: string, after: string, keptMs: number) => [
    hashOf(keeper),
    id,
    before,
    after,
    keptMs,
  ],
  {
    numberOfKeys: 1,
    lua: `
local id, before, after, kept = unpack(ARGV)
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 0 end
redis.call('HSET', KEYS[1], id, after)
redis.call('PEXPIRE', KEYS[1], kept)
return 1
`,
  },
);

const decodeText = Schema.decodeUnknownSync(Schema.NullOr(Schema.String));
const decodeTexts = Schema.decodeUnknownSync(Schema.Array(Schema.String));

const run = readerOf({ area: "containers", held: "a container" });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const { responseRetentionDays } = yield* Settings;
  const keptMs = Math.ceil(responseRetentionDays * dayMs);
  const swap = redis.eval(swapScript);

  const ignored = () => undefined;

  const find = (keeper: OwnerKey, id: string) =>
    run("find", redis.send<unknown>("HGET", hashOf(keeper), id), (answer) => {
      const text = decodeText(answer);
      return text === null ? Option.none<Container>() : Option.some(decodeContainer(text));
    });

  /** Writes a container where it stands as it was read, and notes first when to look at it. */
  const replace = (keeper: OwnerKey, before: string, container: Container) => {
    const member = memberOf(keeper, container.id);
    const noted = container.isEmptied
      ? redis.send("ZREM", dueName, member)
      : redis.send("ZADD", dueName, String(Math.ceil(expiryOf(container))), member);
    return Effect.andThen(
      run("replace", noted, ignored),
      run("replace", swap(keeper, container.id, before, encoded(container), keptMs), (answer) => answer === 1),
    );
  };

  const change = (
    keeper: OwnerKey,
    id: string,
    next: (container: Container) => Container,
  ): Effect.Effect<Option.Option<Container>, SessionsUnavailable> =>
    Effect.gen(function* () {
      const before = yield* run("change", redis.send<unknown>("HGET", hashOf(keeper), id), decodeText);
      if (before === null) return Option.none();
      const changed = next(decodeContainer(before));
      // Whoever was faster is read again.
      return (yield* replace(keeper, before, changed)) ? Option.some(changed) : yield* change(keeper, id, next);
    });

  const expired = Effect.fnUntraced(function* (nowMs: number) {
    const members = yield* run(
      "expired",
      redis.send<unknown>("ZRANGEBYSCORE", dueName, "-inf", String(nowMs), "LIMIT", "0", String(expiredMax)),
      decodeTexts,
    );
    const found: Array<readonly [OwnerKey, Container]> = [];
    for (const member of members) {
      const [keeper = "", id = ""] = member.split(" ");
      const owner = OwnerKey.make(keeper);
      const container = yield* find(owner, id);
      if (Option.isNone(container)) yield* run("expired", redis.send("ZREM", dueName, member), ignored);
      else if (!container.value.isEmptied && expiryOf(container.value) <= nowMs) found.push([owner, container.value]);
    }
    return found;
  });

  return ContainerStore.of({
    add: (keeper, container) => Effect.asVoid(replace(keeper, "", container)),
    change,
    find,
    list: (keeper) =>
      run(
        "list",
        redis.send<unknown>("HVALS", hashOf(keeper)),
        (answer) =>
          decodeTexts(answer).map((text) => decodeContainer(text)).toSorted((a, b) => b.createdAtMs - a.createdAtMs),
      ),
    remove: (keeper, id) =>
      Effect.andThen(
        run("remove", redis.send("ZREM", dueName, memberOf(keeper, id)), ignored),
        run("remove", redis.send<unknown>("HDEL", hashOf(keeper), id), (answer) => answer === 1),
      ),
    expired,
  });
});

/** Containers on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<ContainerStore, never, Settings | Redis.Redis> = Layer.effect(
  ContainerStore,
  make,
);

/** Containers in the Redis of `CAISSON_REDIS_URL`. *Fails with* `ConfigurationRefused` when there is no usable URL. */
export const layer: Layer.Layer<ContainerStore, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
