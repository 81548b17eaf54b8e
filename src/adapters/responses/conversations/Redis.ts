/**
 * Conversations in Redis: several instances answer for one another; Redis itself expires what is old.
 */
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import { type ConfigurationRefused, Settings } from "../../../config.ts";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { type ConversationEntry, ConversationStore } from "../../../services/ConversationStore.ts";
import { readerOf } from "../../redis/answers.ts";
import * as RedisConnection from "../../redis/RedisConnection.ts";
import { dayMs } from "../bounds.ts";
import { Chains, knownChain } from "../chains.ts";
import {
  appendScript,
  createScript,
  describeScript,
  eraseScript,
  keysOf,
  readScript,
  removeScript,
  replaceScript,
} from "./redisScripts.ts";
import { decodeItems, decodeMetadata, decodeTurn } from "./storedEntry.ts";

const texts = Schema.Array(Schema.String);
const decodeFound = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.NullOr(Schema.String), Schema.NullOr(Schema.String)]),
);
const decodeVersion = Schema.decodeUnknownSync(Schema.NullOr(Schema.String));
const decodeRead = Schema.decodeUnknownSync(Schema.Tuple([Schema.String, texts, texts, texts]));

const run = readerOf({ area: "conversations", held: "a conversation" });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const { conversationRetentionDays } = yield* Settings;
  const keptMs = Math.ceil(conversationRetentionDays * dayMs);
  const chains = new Chains();
  const [create, describe, append] = [redis.eval(createScript), redis.eval(describeScript), redis.eval(appendScript)];
  const [replace, read] = [redis.eval(replaceScript), redis.eval(readScript)];
  const [remove, erase] = [redis.eval(removeScript), redis.eval(eraseScript)];

  /** Reads an answer; both it and its reading can show that Redis does not work as it should. */
  const at = <A, E>(work: (nowMs: number) => Effect.Effect<A, E>) => Effect.flatMap(Clock.currentTimeMillis, work);

  const addTo = (owner: OwnerKey, id: string, entry: ConversationEntry) =>
    at((nowMs) => run("append", append(owner, id, entry, nowMs, keptMs), Number));

  const chain = Effect.fnUntraced(function* (owner: OwnerKey, id: string) {
    const nowMs = yield* Clock.currentTimeMillis;
    const [key] = keysOf(owner, id);
    const version = yield* run("chain", redis.send<unknown>("HGET", key, "version"), decodeVersion);
    if (version === null) return Option.none();
    const known = chains.get(owner, id, version, nowMs);
    if (known !== undefined) return Option.some(known);
    const found = yield* run("chain", read(owner, id), (answer) => {
      const [now, , , turns] = decodeRead(answer);
      const links = turns.map((turn) => ({ turn: decodeTurn(turn), expiresAtMs: Infinity, characters: turn.length }));
      return knownChain(links, now);
    });
    chains.add(owner, id, found);
    return Option.some(found.chain);
  });

  return ConversationStore.of({
    create: Effect.fnUntraced(function* (owner, conversation, entries) {
      const nowMs = yield* Clock.currentTimeMillis;
      yield* run("create", create(owner, conversation, nowMs, keptMs), () => undefined);
      yield* Effect.forEach(entries, (entry) => addTo(owner, conversation.id, entry), { discard: true });
    }),
    find: (owner, id) =>
      run("find", redis.send<unknown>("HMGET", keysOf(owner, id)[0], "created", "metadata"), (answer) => {
        const [created, metadata] = decodeFound(answer);
        return created === null
          ? Option.none()
          : Option.some({ id, createdAtMs: Number(created), metadata: decodeMetadata(metadata) });
      }),
    describe: (owner, id, metadata) =>
      at((nowMs) => run("describe", describe(owner, id, metadata, nowMs, keptMs), (answer) => answer === 1)),
    entries: (owner, id) =>
      run("entries", read(owner, id), (answer) => {
        const [version, ids, items, turns] = decodeRead(answer);
        return version === "" ? Option.none() : Option.some(ids.map((entry, place) => ({
          id: entry,
          items: decodeItems(items[place]),
          turn: decodeTurn(turns[place]),
        })));
      }),
    chain,
    append: Effect.fnUntraced(function* (owner, id, entry) {
      const version = yield* addTo(owner, id, entry);
      if (version === 0) return false;
      const link = { turn: entry.turn, expiresAtMs: Infinity, characters: JSON.stringify(entry.turn).length };
      chains.advance(owner, id, String(version - 1), String(version), link);
      return true;
    }),
    replace: (owner, id, entry) =>
      at((nowMs) => run("replace", replace(owner, id, entry, nowMs, keptMs), (answer) => answer === 1)),
    remove: (owner, id) => run("remove", remove(owner, id), (answer) => answer === 1),
    erase: (owner) => run("erase", erase(owner), () => undefined),
  });
});

/** Conversations on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<ConversationStore, never, Settings | Redis.Redis> = Layer.effect(
  ConversationStore,
  make,
);

/** Conversations in the Redis of `CAISSON_REDIS_URL`. *Fails with* `ConfigurationRefused` when there is none. */
export const layer: Layer.Layer<ConversationStore, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
