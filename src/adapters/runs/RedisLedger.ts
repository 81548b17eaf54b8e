/**
 * The run ledger in Redis, for retries that reach another instance than the one they are retries of.
 *
 * A key holds `running:…` on a short lease that its instance renews, then the run's events. An
 * instance that dies lets its lease run out, and a retry runs anew.
 */
import { Duration, Effect, Fiber, Layer, Option, Schedule, Schema, Stream } from "effect";
import { Redis } from "effect/persistence";
import { AgentEvent } from "../../domain/AgentEvent.ts";
import { makeId } from "../../domain/ids.ts";
import { type RecordedRun, RunLedger, type RunLedgerService } from "../../services/RunLedger.ts";

/** How long an instance's word that it is at work is believed, in milliseconds, and how often it is renewed. */
const leaseMs = 15_000;
const renewEvery = Duration.seconds(5);

/** How long a finished run is kept for a client that did not get it, in milliseconds. */
const keptMs = 5 * 60_000;

/** Characters of a run that is kept; a longer one is only known to its own instance. */
const charactersMax = 1024 * 1024;

/** Time between two looks at a run that another instance is at. */
const lookEvery = Duration.millis(250);

const runningPrefix = "running:";
const keyOf = (key: string): string => `caisson:runs:${key}`;

const Stored = Schema.fromJsonString(Schema.Struct({
  fingerprint: Schema.String,
  events: Schema.Array(AgentEvent),
}));
const decodeStored = Schema.decodeUnknownOption(Stored);

/** Changes the key only while it still holds this instance's own word: another may have begun meanwhile. */
const whileMine = (change: string) =>
  Redis.script(
    (key: string, mine: string, ...values: ReadonlyArray<string | number>) => [key, mine, ...values],
    {
      numberOfKeys: 1,
      lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then ${change} end`,
    },
  );
const renewScript = whileMine(`redis.call('PEXPIRE', KEYS[1], ARGV[2])`);
const finishScript = whileMine(`redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])`);
const forgetScript = whileMine(`redis.call('DEL', KEYS[1])`);

/** Gathers the events of a run as JSON, up to the bound. */
class Gathered {
  readonly #texts: Array<string> = [];
  #characters = 0;

  add(events: ReadonlyArray<AgentEvent>): void {
    if (this.#characters > charactersMax) return;
    for (const event of events) {
      // For those who watched: the result has it whole.
      if (event._tag === "ToolOutput") continue;
      const text = JSON.stringify(event);
      this.#texts.push(text);
      this.#characters += text.length;
    }
    if (this.#characters > charactersMax) this.#texts.length = 0;
  }

  /** The stored form, undefined when it is too long. */
  stored(fingerprint: string): string | undefined {
    return this.#characters > charactersMax
      ? undefined
      : `{"fingerprint":${JSON.stringify(fingerprint)},"events":[${this.#texts.join(",")}]}`;
  }
}

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const renew = redis.eval(renewScript);
  const finish = redis.eval(finishScript);
  const forget = redis.eval(forgetScript);

  /** Nothing of a request depends on the ledger: what it cannot do is only logged. */
  const attempt = <A>(what: string, effect: Effect.Effect<A, Redis.RedisError>): Effect.Effect<Option.Option<A>> =>
    Effect.catch(
      Effect.map(effect, Option.some),
      (error) => Effect.as(Effect.logWarning(`the run ledger cannot ${what}`, error), Option.none<A>()),
    );

  const record: RunLedgerService["record"] = (name, run) =>
    Stream.unwrap(Effect.gen(function* () {
      const key = keyOf(name.key);
      const mine = `${runningPrefix}${makeId("run")}`;
      yield* attempt("begin a run", redis.send("SET", key, mine, "PX", String(leaseMs)));
      const renewing = yield* attempt("renew a run", renew(key, mine, leaseMs)).pipe(
        Effect.schedule(Schedule.spaced(renewEvery)),
        Effect.forkScoped,
      );
      const gathered = new Gathered();
      return run.pipe(
        Stream.mapArray((events) => {
          gathered.add(events);
          return events;
        }),
        Stream.onExit((exit) => {
          const stored = exit._tag === "Success" ? gathered.stored(name.fingerprint) : undefined;
          return Effect.andThen(
            Fiber.interrupt(renewing),
            stored === undefined
              ? attempt("forget a run", forget(key, mine))
              : attempt("keep a run", finish(key, mine, stored, keptMs)),
          );
        }),
      );
    }));

  const find = (key: string): Effect.Effect<Option.Option<RecordedRun>> =>
    Effect.gen(function* () {
      for (;;) {
        const answer = yield* attempt("find a run", redis.send<unknown>("GET", keyOf(key)));
        const value = Option.getOrNull(answer);
        if (typeof value !== "string" || !value.startsWith(runningPrefix)) return decodeStored(value);
        yield* Effect.sleep(lookEvery);
      }
    });

  return RunLedger.of({ record, find });
});

/** The run ledger of every instance on one Redis. */
export const layer: Layer.Layer<RunLedger, never, Redis.Redis> = Layer.effect(RunLedger, make);
