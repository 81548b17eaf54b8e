/**
 * Calls that wait for a person, in Redis: a hash for each, and an owner's as a sorted set of ids by their expiry.
 *
 * All keys of an owner share a hash tag, so they lie on one node of a cluster.
 */
import { Clock, Effect, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import type { OwnerKey } from "../../../domain/Owner.ts";
import { type WaitingCall, type WaitingCalls, waitingKeptMs } from "../../../services/ResponseStore.ts";
import type { Claim } from "../../../services/Sessions.ts";
import { readerOf } from "../../redis/answers.ts";
import { decodeWaiting } from "../bounds.ts";

const prefixOf = (owner: OwnerKey): string => `caisson:{${owner}}:waiting:`;
const indexOf = (owner: OwnerKey): string => `caisson:{${owner}}:waiting`;

/** Keeps a call; what is over leaves the index. */
const holdScript = Redis.script(
  (owner: OwnerKey, id: string, waiting: WaitingCall, nowMs: number) => [
    `${prefixOf(owner)}${id}`,
    indexOf(owner),
    id,
    waiting.response,
    JSON.stringify(waiting),
    nowMs,
    Math.max(1, waiting.expiresAtMs + waitingKeptMs - nowMs),
  ],
  {
    numberOfKeys: 2,
    lua: `
local id, response, call, now, kept = unpack(ARGV)
if redis.call('HSETNX', KEYS[1], 'call', call) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'response', response)
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + kept, id)
if redis.call('PTTL', KEYS[2]) < tonumber(kept) then redis.call('PEXPIRE', KEYS[2], kept) end
return 1
`,
  },
);

/** Takes a call: 1 for the one who wins it, else the outcome, where there is one. */
const claimScript = Redis.script((owner: OwnerKey, id: string) => [`${prefixOf(owner)}${id}`], {
  numberOfKeys: 1,
  lua: `
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HSETNX', KEYS[1], 'taken', 1) == 1 then return {'won', false} end
return {'taken', redis.call('HGET', KEYS[1], 'outcome')}
`,
});

const settleScript = Redis.script(
  (owner: OwnerKey, id: string, outcome: string) => [`${prefixOf(owner)}${id}`, outcome],
  {
    numberOfKeys: 1,
    lua: `
if redis.call('HEXISTS', KEYS[1], 'taken') == 1 then redis.call('HSETNX', KEYS[1], 'outcome', ARGV[1]) end
return 1
`,
  },
);

/** Removes the calls of a response. */
export const removeWaitingScript = Redis.script(
  (owner: OwnerKey, response: string) => [indexOf(owner), prefixOf(owner), response],
  {
    numberOfKeys: 2,
    lua: `
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('HGET', KEYS[2] .. id, 'response') == ARGV[1] then
    redis.call('DEL', KEYS[2] .. id)
    redis.call('ZREM', KEYS[1], id)
  end
end
return 1
`,
  },
);

/** Removes the calls of an owner. */
export const eraseWaitingScript = Redis.script((owner: OwnerKey) => [indexOf(owner), prefixOf(owner)], {
  numberOfKeys: 2,
  lua: `
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', KEYS[2] .. id) end
return redis.call('DEL', KEYS[1])
`,
});

const decodeClaim = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.Literals(["won", "taken"]), Schema.NullOr(Schema.String)]),
);
const decodeCall = Schema.decodeUnknownSync(Schema.NullOr(Schema.String));

const run = readerOf({ area: "responses", held: "a call that waits" });

/** Calls that wait, on a connection. */
export const waitingOn = (redis: Redis.Redis["Service"]): WaitingCalls => {
  const [hold, claim, settle] = [redis.eval(holdScript), redis.eval(claimScript), redis.eval(settleScript)];
  return {
    hold: (owner, id, waiting) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => run("hold", hold(owner, id, waiting, nowMs), () => undefined)),
    held: (owner, id) =>
      run("held", redis.send<unknown>("HGET", `${prefixOf(owner)}${id}`, "call"), (answer) => {
        const call = decodeCall(answer);
        return call === null ? Option.none() : Option.some(decodeWaiting(call));
      }),
    claim: (owner, id) =>
      run("claim", claim(owner, id), (answer): Claim => {
        const [word, outcome] = decodeClaim(answer);
        return word === "won" ? { _tag: "Won" } : { _tag: "Taken", outcome: outcome ?? undefined };
      }),
    settle: (owner, id, outcome) => run("settle", settle(owner, id, outcome), () => undefined),
  };
};
