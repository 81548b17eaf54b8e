import assert from "node:assert/strict";
import { Context, Deferred, Effect, Fiber, Layer, Option, Redacted, Scope, Stream } from "effect";
import { Redis } from "effect/persistence";
import * as RedisConnection from "../../../../src/adapters/redis/RedisConnection.ts";
import * as RedisLedger from "../../../../src/adapters/runs/RedisLedger.ts";
import { Settings } from "../../../../src/config.ts";
import type { AgentEvent } from "../../../../src/domain/AgentEvent.ts";
import { RunLedger } from "../../../../src/services/RunLedger.ts";
import { it } from "../../../support/it.ts";
import { freePort } from "../../../support/freePort.ts";
import { redisServer, redisSkip } from "../../../support/redisServer.ts";

const skip = { skip: redisSkip };
const name = { key: "k", fingerprint: "f" };
const text = (value: string): AgentEvent => ({ _tag: "TextDelta", text: value });

const connect = Effect.fnUntraced(function* (url: string) {
  const settings = Settings.layerWith({ redisUrl: Option.some(Redacted.make(url)) });
  const layer = Layer.provideMerge(RedisLedger.layer, RedisConnection.layer).pipe(Layer.provide(settings));
  const context = yield* Layer.buildWithScope(Layer.fresh(layer), yield* Scope.Scope);
  return { ledger: Context.get(context, RunLedger), redis: Context.get(context, Redis.Redis) };
});

it.live("find returns the events of a run that finished and nothing of one that failed", () =>
  Effect.gen(function* () {
    const { ledger } = yield* connect((yield* redisServer).url);
    assert.deepEqual(yield* ledger.find("k"), Option.none());
    const events = [text("a"), text('"é\n💥'), text("b")];
    assert.deepEqual(yield* Stream.runCollect(ledger.record(name, Stream.fromIterable(events))), events);
    assert.deepEqual(yield* ledger.find("k"), Option.some({ fingerprint: "f", events }));
    yield* Effect.flip(Stream.runDrain(ledger.record(name, Stream.fail("broken"))));
    assert.deepEqual(yield* ledger.find("k"), Option.none());
    yield* Stream.runDrain(ledger.record(name, Stream.make(text("x".repeat(2_000_000)))));
    assert.deepEqual(yield* ledger.find("k"), Option.none());
  }), skip);

it.live("find stops waiting when the instance that was at the run is gone", () =>
  Effect.gen(function* () {
    const { ledger, redis } = yield* connect((yield* redisServer).url);
    const begun = yield* Deferred.make<void>();
    const running = yield* Effect.forkChild(Stream.runDrain(
      ledger.record(
        name,
        Stream.concat(
          Stream.make(text("a")),
          Stream.fromEffect(Effect.as(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), text("b"))),
        ),
      ),
    ));
    yield* Deferred.await(begun);
    const waiting = yield* Effect.forkChild(ledger.find("k"));
    // What a lease does that nobody renews.
    assert.ok((yield* redis.send<number>("PTTL", "caisson:runs:k")) <= 15_000);
    yield* redis.send("PEXPIRE", "caisson:runs:k", "1");
    assert.deepEqual(yield* Fiber.join(waiting), Option.none());
    yield* Fiber.interrupt(running);
  }), skip);

it.live("a run passes through and find knows nothing while Redis is down", () =>
  Effect.gen(function* () {
    const { ledger } = yield* connect(`redis://127.0.0.1:${freePort()}`);
    assert.deepEqual(yield* Stream.runCollect(ledger.record(name, Stream.make(text("a")))), [text("a")]);
    assert.deepEqual(yield* ledger.find("k"), Option.none());
  }), skip);
