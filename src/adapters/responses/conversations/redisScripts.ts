/**
 * What Redis does with conversations, each step as one script.
 *
 * A conversation is a hash, its entries are a list of ids in their order and two hashes by id: what clients read and
 * what a model reads. An owner's conversations are a sorted set of ids by their expiry. All keys of an owner share a
 * hash tag, so they lie on one node of a cluster.
 */
import { Redis } from "effect/persistence";
import type { OwnerKey } from "../../../domain/Owner.ts";
import type { ConversationEntry, StoredConversation } from "../../../services/ConversationStore.ts";
import { textsOf } from "./storedEntry.ts";

const prefixOf = (owner: OwnerKey): string => `caisson:{${owner}}:conversation:`;
const indexOf = (owner: OwnerKey): string => `caisson:{${owner}}:conversations`;

/** The keys of a conversation: itself, its order, what clients read, what a model reads, and those of its owner. */
export const keysOf = (owner: OwnerKey, id: string): readonly [string, string, string, string, string] => {
  const key = `${prefixOf(owner)}${id}`;
  return [key, `${key}:order`, `${key}:items`, `${key}:turns`, indexOf(owner)];
};

/** Counts a change and puts the expiry off; the new version. */
const touched = `
local function touched(id, now, kept)
  for place = 1, 4 do redis.call('PEXPIRE', KEYS[place], kept) end
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
  redis.call('ZADD', KEYS[5], now + kept, id)
  redis.call('PEXPIRE', KEYS[5], kept)
end
`;

/** Makes a conversation without entries. */
export const createScript = Redis.script(
  (owner: OwnerKey, { id, createdAtMs, metadata }: StoredConversation, nowMs: number, keptMs: number) => [
    ...keysOf(owner, id),
    id,
    nowMs,
    keptMs,
    createdAtMs,
    JSON.stringify(metadata),
  ],
  {
    numberOfKeys: 5,
    lua: `${touched}
redis.call('HSET', KEYS[1], 'created', ARGV[4], 'metadata', ARGV[5], 'version', 0)
touched(ARGV[1], ARGV[2], ARGV[3])
return 1
`,
  },
);

/** Puts metadata in its place; 0 when there is no such conversation. */
export const describeScript = Redis.script(
  (owner: OwnerKey, id: string, metadata: StoredConversation["metadata"], nowMs: number, keptMs: number) => [
    ...keysOf(owner, id),
    id,
    nowMs,
    keptMs,
    JSON.stringify(metadata),
  ],
  {
    numberOfKeys: 5,
    lua: `${touched}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'metadata', ARGV[4])
touched(ARGV[1], ARGV[2], ARGV[3])
return 1
`,
  },
);

/** Appends an entry; the new version, 0 when there is no such conversation. */
export const appendScript = Redis.script(
  (owner: OwnerKey, id: string, entry: ConversationEntry, nowMs: number, keptMs: number) => {
    const { items, turn } = textsOf(entry);
    return [...keysOf(owner, id), id, nowMs, keptMs, entry.id, items, turn];
  },
  {
    numberOfKeys: 5,
    lua: `${touched}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('HSET', KEYS[4], ARGV[4], ARGV[6])
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
touched(ARGV[1], ARGV[2], ARGV[3])
return version
`,
  },
);

/** Puts an entry in its place, or takes it out when it has no items; 0 when there is none. */
export const replaceScript = Redis.script(
  (owner: OwnerKey, id: string, entry: ConversationEntry, nowMs: number, keptMs: number) => {
    const { items, turn } = textsOf(entry);
    return [...keysOf(owner, id), id, nowMs, keptMs, entry.id, entry.items.length === 0 ? "" : items, turn];
  },
  {
    numberOfKeys: 5,
    lua: `${touched}
if redis.call('HEXISTS', KEYS[3], ARGV[4]) == 0 then return 0 end
if ARGV[5] == '' then
  redis.call('LREM', KEYS[2], 1, ARGV[4])
  redis.call('HDEL', KEYS[3], ARGV[4])
  redis.call('HDEL', KEYS[4], ARGV[4])
else
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
  redis.call('HSET', KEYS[4], ARGV[4], ARGV[6])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
touched(ARGV[1], ARGV[2], ARGV[3])
return 1
`,
  },
);

/** Everything that was said: ids in their order, what clients read, what a model reads, and the version of it. */
export const readScript = Redis.script((owner: OwnerKey, id: string) => [...keysOf(owner, id)], {
  numberOfKeys: 5,
  lua: `
local version = redis.call('HGET', KEYS[1], 'version')
local ids, items, turns = redis.call('LRANGE', KEYS[2], 0, -1), {}, {}
for place, id in ipairs(ids) do
  items[place] = redis.call('HGET', KEYS[3], id)
  turns[place] = redis.call('HGET', KEYS[4], id)
end
return {version or '', ids, items, turns}
`,
});

/** Removes a conversation; 0 when there is none. */
export const removeScript = Redis.script((owner: OwnerKey, id: string) => [...keysOf(owner, id), id], {
  numberOfKeys: 5,
  lua: `
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return redis.call('DEL', KEYS[1])
`,
});

/** Removes every conversation of an owner. */
export const eraseScript = Redis.script((owner: OwnerKey) => [indexOf(owner), prefixOf(owner)], {
  numberOfKeys: 2,
  lua: `
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = KEYS[2] .. id
  redis.call('DEL', key, key .. ':order', key .. ':items', key .. ':turns')
end
redis.call('DEL', KEYS[1])
return 1
`,
});
