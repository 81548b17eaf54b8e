/**
 * Sessions in Redis: several instances serve one session and lose nothing.
 *
 * Every operation is one script, so appends of two instances follow one another; Redis itself
 * expires what is idle.
 */
import { Clock, Effect, Layer, Schema } from "effect";
import { Redis } from "effect/persistence";
import { type ConfigurationRefused, Settings } from "../../config.ts";
import { makeId } from "../../domain/ids.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import { awaitsApproval, firstWords, type NewTurn, type Session, type SessionKey } from "../../domain/Session.ts";
import { type Claim, Sessions, type SessionsService, type SessionSummary } from "../../services/Sessions.ts";
import { readerOf } from "../redis/answers.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import {
  appendScript,
  claimScript,
  listScript,
  loadScript,
  noteUnnamedScript,
  removeScript,
  renameScript,
  secretScript,
  settleScript,
  takeUnnamedScript,
} from "./redisScripts.ts";
import { decodeTurn } from "./storedTurn.ts";
import { makeSecret } from "./storeSecret.ts";
import { tryStore } from "./tryStore.ts";
import { TurnCache } from "./TurnCache.ts";

const decodeAppended = Schema.decodeUnknownSync(Schema.Tuple([Schema.String, Schema.Int, Schema.String]));
const decodeLoaded = Schema.decodeUnknownSync(Schema.Union([
  Schema.Tuple([]),
  Schema.Tuple([Schema.String, Schema.String, Schema.Number, Schema.Int, Schema.Array(Schema.String)]),
]));
const decodeListed = Schema.decodeUnknownSync(
  Schema.Array(Schema.Tuple([Schema.String, Schema.Int, Schema.Number, Schema.Number, Schema.String, Schema.String])),
);
const decodeClaim = Schema.decodeUnknownSync(Schema.Tuple([Schema.Int, Schema.String]));
const decodeUnnamed = Schema.decodeUnknownSync(
  Schema.Array(Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.String]))),
);
const decodeSecret = Schema.decodeUnknownSync(Schema.String);
const decodeDone = Schema.decodeUnknownSync(Schema.Int);

const run = readerOf({ held: "a session" });

/** The owners whom nobody named, and when each was used. */
const unnamedIn = (redis: Redis.Redis["Service"]): Pick<SessionsService, "noteUnnamed" | "takeUnnamed"> => {
  const noteUnnamed = redis.eval(noteUnnamedScript);
  const takeUnnamed = redis.eval(takeUnnamedScript);
  return {
    noteUnnamed: ({ principal, user }: Owner, usedAtMs: number) =>
      run("noteUnnamed", noteUnnamed(JSON.stringify([principal, user]), usedAtMs), () => undefined),
    takeUnnamed: (unusedSinceMs: number, limit: number) =>
      run(
        "takeUnnamed",
        takeUnnamed(unusedSinceMs, limit),
        (answer) => decodeUnnamed(answer).map(([principal, user]): Owner => ({ principal, user, ephemeral: false })),
      ),
  };
};

/** Names that are taken in sessions. */
const claimsIn = (redis: Redis.Redis["Service"]): Pick<SessionsService, "claim" | "settle"> => {
  const claim = redis.eval(claimScript);
  const settle = redis.eval(settleScript);
  return {
    claim: (key: SessionKey, name: string) =>
      run("claim", claim(key, name), (answer): Claim => {
        const [won, outcome] = decodeClaim(answer);
        return won === 1 ? { _tag: "Won" } : { _tag: "Taken", outcome: outcome === "" ? undefined : outcome };
      }),
    settle: (key: SessionKey, name: string, outcome: string) =>
      run("settle", settle(key, name, outcome), () => undefined),
  };
};

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const { sessionTimeoutSeconds } = yield* Settings;
  const timeoutMs = Math.ceil(sessionTimeoutSeconds * 1000);
  const cache = new TurnCache();
  const append = redis.eval(appendScript);
  const load = redis.eval(loadScript);
  const list = redis.eval(listScript);
  const rename = redis.eval(renameScript);
  const remove = redis.eval(removeScript);
  const secretOf = redis.eval(secretScript);

  const nameOf = (key: SessionKey): string => `${key.owner} ${key.id}`;

  const store: Omit<SessionsService, "check"> = {
    kind: "redis",
    secret: Effect.suspend(() => run("secret", secretOf(makeSecret()), (answer) => decodeSecret(answer))),
    load: Effect.fnUntraced(function* (key: SessionKey) {
      const nowMs = yield* Clock.currentTimeMillis;
      const name = nameOf(key);
      return yield* run("load", load(key, cache.known(name), nowMs, timeoutMs), (answer): Session => {
        const loaded = decodeLoaded(answer);
        if (loaded.length === 0) return { key, turns: [], createdAtMs: nowMs, lastUsedAtMs: nowMs };
        const [life, title, createdAtMs, from, bodies] = loaded;
        // Another request may have taught the cache more while Redis answered: only what was known then counts.
        const turns = cache.turns(name, life).slice(0, from);
        bodies.forEach((body, index) => {
          const turn = decodeTurn(body);
          turns.push(turn);
          cache.add(name, life, from + index, turn, body.length);
        });
        return { key, title, turns, createdAtMs, lastUsedAtMs: nowMs };
      });
    }),
    append: Effect.fnUntraced(function* (key: SessionKey, { parent, ...turn }: NewTurn) {
      const nowMs = yield* Clock.currentTimeMillis;
      const input = {
        key,
        turnId: turn.id,
        parentTag: parent._tag,
        parentId: parent._tag === "After" ? parent.turn : "",
        body: JSON.stringify(turn),
        nowMs,
        timeoutMs,
        newLife: makeId("life"),
        title: firstWords(turn),
        awaits: awaitsApproval(turn),
      };
      return yield* run("append", append(input), (answer) => decodeTurn(decodeAppended(answer)[2]));
    }),
    list: Effect.fnUntraced(function* (owner: OwnerKey) {
      const nowMs = yield* Clock.currentTimeMillis;
      return yield* run(
        "list",
        list(owner, nowMs, timeoutMs),
        (answer) =>
          decodeListed(answer).map(([id, turns, createdAtMs, lastUsedAtMs, title, awaiting]): SessionSummary => ({
            key: { owner, id },
            ...(awaiting !== "" && { awaiting }),
            title,
            turns,
            createdAtMs,
            lastUsedAtMs,
          })),
      );
    }),
    ...claimsIn(redis),
    ...unnamedIn(redis),
    rename: (key: SessionKey, title: string) => run("rename", rename(key, title), (answer) => decodeDone(answer) === 1),
    remove: (key: SessionKey) => {
      cache.delete(nameOf(key));
      return run("remove", remove(key), (answer) => decodeDone(answer) === 1);
    },
  };
  return Sessions.of({ ...store, check: tryStore(store) });
});

/** Sessions on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<Sessions, never, Settings | Redis.Redis> = Layer.effect(Sessions, make);

/**
 * Sessions in the Redis of `CAISSON_REDIS_URL`.
 *
 * *Details*: starts whether or not Redis answers; operations fail with `SessionsUnavailable` until it does.
 *
 * *Fails with* `ConfigurationRefused` when there is no usable URL.
 */
export const layer: Layer.Layer<Sessions, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
