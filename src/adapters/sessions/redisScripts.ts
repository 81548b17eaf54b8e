/**
 * What the Redis store does in Redis: each script is one atomic step in one round trip.
 *
 * A session is a hash `meta` (life, created, used, title, n turns, newest, which is `awaiting` when it waits for a
 * person, the position of every turn id, and every claimed name with its outcome) and a list of turns as JSON. An
 * owner's sessions are a sorted set of names by their last use. All keys of an owner share a hash tag, so they lie on
 * one node of a cluster.
 */
import { Redis } from "effect/persistence";
import type { OwnerKey } from "../../domain/Owner.ts";
import type { SessionKey } from "../../domain/Session.ts";
import { sessionsPerOwnerMax } from "./bounds.ts";

const ownerPrefix = (owner: OwnerKey): string => `caisson:{${owner}}:`;
const indexKey = (owner: OwnerKey): string => `${ownerPrefix(owner)}sessions`;

/** The three keys of every script on a session: its meta hash, its turns, its owner's index. */
const keysOf = (key: SessionKey): ReadonlyArray<string> => {
  const prefix = ownerPrefix(key.owner);
  return [`${prefix}meta:${key.id}`, `${prefix}turns:${key.id}`, indexKey(key.owner)];
};

/** Finds the session alive and whole, or clears what is left of it. */
const find = `
local meta, turns, index = KEYS[1], KEYS[2], KEYS[3]
local life = redis.call('HGET', meta, 'life')
local n = tonumber(redis.call('HGET', meta, 'n') or '0')
if life and redis.call('LLEN', turns) ~= n then life = false end
if not life then redis.call('DEL', meta, turns); n = 0 end
`;

const keep = `
local function keep(id, now, timeout)
  redis.call('HSET', meta, 'used', now)
  redis.call('PEXPIRE', meta, timeout)
  redis.call('PEXPIRE', turns, timeout)
  redis.call('ZADD', index, now, id)
  redis.call('PEXPIRE', index, timeout)
end
`;

export interface AppendInput {
  readonly key: SessionKey;
  readonly turnId: string;
  readonly parentTag: string;
  readonly parentId: string;
  /** The turn as a JSON object without its parent. */
  readonly body: string;
  readonly nowMs: number;
  readonly timeoutMs: number;
  /** The life of the session if it begins with this turn. */
  readonly newLife: string;
  /** Its title then. */
  readonly title: string;
  /** The turn waits for a person. */
  readonly awaits: boolean;
}

/** Places and stores a turn; returns life, position and the stored JSON. */
export const appendScript = Redis.script(
  (input: AppendInput) => [
    ...keysOf(input.key),
    input.key.id,
    input.turnId,
    input.parentTag,
    input.parentId,
    input.body,
    input.nowMs,
    input.timeoutMs,
    input.newLife,
    sessionsPerOwnerMax,
    ownerPrefix(input.key.owner),
    input.title,
    input.awaits ? input.turnId : "",
  ],
  {
    numberOfKeys: 3,
    lua: `${find}${keep}
local id, turn, tag, parent, body, now, timeout, newLife, most, prefix, title, awaiting = unpack(ARGV)
local position = life and redis.call('HGET', meta, 't:' .. turn)
if position then
  keep(id, now, timeout)
  return { life, tonumber(position), redis.call('LINDEX', turns, position) }
end
if not life then
  life = newLife
  redis.call('ZREMRANGEBYSCORE', index, '-inf', tonumber(now) - tonumber(timeout))
  if redis.call('ZCARD', index) >= tonumber(most) and not redis.call('ZSCORE', index, id) then
    for _, oldest in ipairs(redis.call('ZRANGE', index, 0, 0)) do
      redis.call('DEL', prefix .. 'meta:' .. oldest, prefix .. 'turns:' .. oldest)
      redis.call('ZREM', index, oldest)
    end
  end
  redis.call('HSET', meta, 'life', life, 'created', now, 'title', title)
end
local placed = redis.call('HGET', meta, 'newest')
if tag == 'Root' then placed = false end
if tag == 'After' and redis.call('HEXISTS', meta, 't:' .. parent) == 1 then placed = parent end
local stored = '{"parent":' .. (placed and cjson.encode(placed) or 'null') .. ',' .. string.sub(body, 2)
redis.call('RPUSH', turns, stored)
redis.call('HSET', meta, 't:' .. turn, n, 'newest', turn, 'n', n + 1, 'awaiting', awaiting)
keep(id, now, timeout)
return { life, n, stored }
`,
  },
).withReturnType<unknown>();

/** Loads a session: life, title, created, the position of the first turn returned, and the turns not known yet. */
export const loadScript = Redis.script(
  (key: SessionKey, known: { readonly life: string; readonly count: number }, nowMs: number, timeoutMs: number) => [
    ...keysOf(key),
    key.id,
    known.life,
    known.count,
    nowMs,
    timeoutMs,
  ],
  {
    numberOfKeys: 3,
    lua: `${find}${keep}
local id, knownLife, knownCount, now, timeout = unpack(ARGV)
if not life then redis.call('ZREM', index, id); return {} end
keep(id, now, timeout)
local from = knownLife == life and tonumber(knownCount) or 0
return { life, redis.call('HGET', meta, 'title') or '', tonumber(redis.call('HGET', meta, 'created')), from, redis.call('LRANGE', turns, from, -1) }
`,
  },
).withReturnType<unknown>();

/** Lists an owner's sessions: name, turns, created, used, title and awaiting turn of each, last used first. */
export const listScript = Redis.script(
  (owner: OwnerKey, nowMs: number, timeoutMs: number) => [indexKey(owner), nowMs - timeoutMs, ownerPrefix(owner)],
  {
    numberOfKeys: 1,
    lua: `
local index, expired, prefix = KEYS[1], ARGV[1], ARGV[2]
redis.call('ZREMRANGEBYSCORE', index, '-inf', expired)
local listed = {}
for _, id in ipairs(redis.call('ZREVRANGE', index, 0, -1)) do
  local meta = redis.call('HMGET', prefix .. 'meta:' .. id, 'n', 'created', 'used', 'title', 'awaiting')
  if meta[1] then
    listed[#listed + 1] = { id, tonumber(meta[1]), tonumber(meta[2]), tonumber(meta[3]), meta[4] or '', meta[5] or '' }
  else
    redis.call('ZREM', index, id)
  end
end
return listed
`,
  },
).withReturnType<unknown>();

/** Claims a name: returns 1 when it was free, else 0 and its outcome, which is empty before there is one. */
export const claimScript = Redis.script(
  (key: SessionKey, name: string) => [...keysOf(key), `c:${name}`],
  {
    numberOfKeys: 3,
    lua: `${find}
if not life then return { 0, '' } end
if redis.call('HSETNX', meta, ARGV[1], '') == 1 then return { 1, '' } end
return { 0, redis.call('HGET', meta, ARGV[1]) }
`,
  },
).withReturnType<unknown>();

/** Settles the outcome of a claimed name that has none. */
export const settleScript = Redis.script(
  (key: SessionKey, name: string, outcome: string) => [...keysOf(key), `c:${name}`, outcome],
  {
    numberOfKeys: 3,
    lua: `${find}
if life and redis.call('HGET', meta, ARGV[1]) == '' then redis.call('HSET', meta, ARGV[1], ARGV[2]) end
return 1
`,
  },
).withReturnType<unknown>();

/** Gives a session another title and returns 1 if there is one. */
export const renameScript = Redis.script(
  (key: SessionKey, title: string) => [...keysOf(key), title],
  {
    numberOfKeys: 3,
    lua: `${find}
if life then redis.call('HSET', meta, 'title', ARGV[1]) end
return life and 1 or 0
`,
  },
).withReturnType<unknown>();

/** Removes a session and returns 1 if there was one. */
export const removeScript = Redis.script(
  (key: SessionKey) => [...keysOf(key), key.id],
  {
    numberOfKeys: 3,
    lua: `${find}
redis.call('DEL', meta, turns)
redis.call('ZREM', index, ARGV[1])
return life and 1 or 0
`,
  },
).withReturnType<unknown>();

const unnamedKey = "caisson:unnamed";

/** Remembers when an unnamed owner was used; the set is sorted by that. */
export const noteUnnamedScript = Redis.script(
  (member: string, usedAtMs: number) => [unnamedKey, member, usedAtMs],
  { numberOfKeys: 1, lua: "return redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])" },
).withReturnType<unknown>();

/** Takes unnamed owners that were used no later than a time. */
export const takeUnnamedScript = Redis.script(
  (unusedSinceMs: number, limit: number) => [unnamedKey, unusedSinceMs, limit],
  {
    numberOfKeys: 1,
    lua: `
local unused = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(unused) do redis.call('ZREM', KEYS[1], member) end
return unused
`,
  },
).withReturnType<unknown>();

/** Returns the secret of the store, which is the given one when there was none. */
export const secretScript = Redis.script(
  (secret: string) => ["caisson:secret", secret],
  {
    numberOfKeys: 1,
    lua: `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
`,
  },
).withReturnType<unknown>();
