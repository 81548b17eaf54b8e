import assert from "node:assert/strict";
import { Context, Effect, Exit, Layer, Option, Redacted, Schedule, Scope } from "effect";
import { Redis } from "effect/persistence";
import * as Counted from "../../../../src/adapters/limits/Counted.ts";
import * as RedisConnection from "../../../../src/adapters/redis/RedisConnection.ts";
import * as RedisSessions from "../../../../src/adapters/sessions/Redis.ts";
import { Settings } from "../../../../src/config.ts";
import { assistant, user } from "../../../../src/domain/Message.ts";
import { OwnerKey } from "../../../../src/domain/Owner.ts";
import { type NewTurn, pathTo } from "../../../../src/domain/Session.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import { Limits } from "../../../../src/services/Limits.ts";
import { Sessions } from "../../../../src/services/Sessions.ts";
import { it } from "../../../support/it.ts";
import { freePort } from "../../../support/freePort.ts";
import { redisServer, redisSkip, startRedis } from "../../../support/redisServer.ts";

const skip = { skip: redisSkip };
const key = { owner: OwnerKey.make("a".repeat(32)), id: "s" };

const turn = (id: string): NewTurn => ({
  id,
  parent: { _tag: "Newest" },
  messages: [user("said"), assistant(`answer ${id}`)],
  status: "completed",
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

const settings = (url: string) =>
  Settings.layerWith({ redisUrl: Option.some(Redacted.make(url)), requestsPerMinute: 10 });

/** One instance of the service: its own connection and its own cache. */
const instance = Effect.fnUntraced(function* (url: string) {
  const layer = Layer.mergeAll(RedisSessions.layerOnConnection, Counted.layerRedis).pipe(
    Layer.provideMerge(RedisConnection.layer),
    Layer.provide(settings(url)),
  );
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), yield* Scope.Scope);
  return {
    sessions: Context.get(context, Sessions),
    limits: Context.get(context, Limits),
    redis: Context.get(context, Redis.Redis),
  };
});

it.live("append loses no turn when two instances write one session at once", () =>
  Effect.gen(function* () {
    const { url } = yield* redisServer;
    const [one, two] = [yield* instance(url), yield* instance(url)];
    const ids = Array.from({ length: 100 }, (_, n) => `t${n}`);
    yield* Effect.forEach(ids, (id, n) => (n % 2 === 0 ? one : two).sessions.append(key, turn(id)), {
      concurrency: "unbounded",
      discard: true,
    });
    const seen = [yield* one.sessions.load(key), yield* two.sessions.load(key)].map(({ turns }) => turns);
    assert.deepEqual(seen[0], seen[1]);
    assert.deepEqual(seen[0]?.map(({ id }) => id).toSorted(), ids.toSorted());
    assert.equal(pathTo(seen[0] ?? [], seen[0]?.at(-1)?.id ?? null).length, ids.length);
    yield* two.sessions.remove(key);
    yield* two.sessions.append(key, turn("anew"));
    assert.deepEqual((yield* one.sessions.load(key)).turns.map(({ id }) => id), ["anew"]);
  }), skip);

it.live("secret is the same for every instance on one Redis", () =>
  Effect.gen(function* () {
    const { url } = yield* redisServer;
    const [one, two] = [yield* instance(url), yield* instance(url)];
    const secrets = yield* Effect.all([one.sessions.secret, two.sessions.secret], { concurrency: "unbounded" });
    assert.equal(secrets[0], secrets[1]);
  }), skip);

it.live("a turn costs two round trips when the scripts are known", () =>
  Effect.gen(function* () {
    const { url } = yield* redisServer;
    const { sessions, redis } = yield* instance(url);
    const round = Effect.andThen(sessions.load(key), sessions.append(key, turn("1")));
    yield* round;
    // Commands inside a script count as well, so round trips are read from the script calls themselves.
    const scripts = Effect.map(redis.send<string>("INFO", "commandstats"), (info) =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1]));
    const others = Effect.map(redis.send<string>("INFO", "commandstats"), (info) =>
      [...info.matchAll(/cmdstat_(script\|load|eval|get|watch|multi):calls=(\d+)/g)].length);
    const [before, othersBefore] = [yield* scripts, yield* others];
    yield* round;
    assert.deepEqual([(yield* scripts) - before, (yield* others) - othersBefore], [2, 0]);
  }), skip);

it.live(
  "operations fail while Redis is down and work when it is back, without a restart",
  () =>
    Effect.gen(function* () {
      const port = freePort();
      const { sessions, limits } = yield* instance(`redis://127.0.0.1:${port}`);
      const error = yield* Effect.flip(sessions.append(key, turn("0")));
      assert.deepEqual([error._tag, error.store, error.operation], ["SessionsUnavailable", "redis", "append"]);
      assert.match(error.detail, /ECONNREFUSED/);
      const owner = { principal: "p", user: "u", ephemeral: false };
      assert.equal((yield* Effect.flip(Effect.scoped(limits.admit(owner))))._tag, "LimitsUnavailable");

      const eventually = Effect.retry(Schedule.spaced("20 millis"));
      for (const id of ["1", "2"]) {
        const server = yield* Scope.make();
        yield* Scope.provide(startRedis(port), server);
        yield* eventually(sessions.append(key, turn(id)));
        assert.deepEqual((yield* sessions.load(key)).turns.map((t) => t.id), [id]);
        yield* Effect.scoped(limits.admit(owner));
        yield* Scope.close(server, Exit.void);
        assert.equal((yield* Effect.flip(sessions.load(key)))._tag, "SessionsUnavailable");
      }
    }),
  skip,
);

it.live("load starts anew when Redis lost a part of a session", () =>
  Effect.gen(function* () {
    const { url } = yield* redisServer;
    const { sessions, redis } = yield* instance(url);
    yield* sessions.append(key, turn("1"));
    yield* redis.send("DEL", `caisson:{${key.owner}}:turns:${key.id}`);
    assert.deepEqual((yield* sessions.load(key)).turns, []);
    assert.equal((yield* sessions.append(key, turn("2"))).parent, null);
    yield* redis.send("SET", `caisson:{${key.owner}}:meta:other`, "not a hash");
    assert.equal((yield* Effect.flip(sessions.load({ ...key, id: "other" })))._tag, "SessionsUnavailable");
  }), skip);

it.live("admit counts over all instances when they share one Redis", () =>
  Effect.gen(function* () {
    const { url } = yield* redisServer;
    const instances = [yield* instance(url), yield* instance(url)];
    const owner = { principal: "p", user: "u", ephemeral: false };
    for (let n = 0; n < 10; n++) {
      const { limits } = instances[n % 2] ?? assert.fail();
      const { requests } = yield* Effect.scoped(limits.admit(owner));
      assert.equal(requests?.remaining, 9 - n);
    }
    for (const { limits } of instances) {
      assert.equal((yield* Effect.flip(Effect.scoped(limits.admit(owner))))._tag, "TooManyRequests");
    }
  }), skip);

it.effect("RedisConnection.layer refuses a URL that is none and does not show it", () =>
  Effect.gen(function* () {
    const urls = [[Option.none(), "not set"], [
      Option.some(Redacted.make("http://u:secretword@host")),
      "<redacted>",
    ]] as const;
    for (const [redisUrl, is] of urls) {
      const layer = RedisConnection.layer.pipe(Layer.provide(Settings.layerWith({ redisUrl })));
      const error = yield* Effect.flip(Effect.provide(Effect.asVoid(Redis.Redis), layer));
      assert.ok(error.message.includes(`CAISSON_REDIS_URL is ${is}`), error.message);
    }
  }));
