/**
 * What a turn costs a session store at 10, 100 and 1,000 stored turns: load, align, append.
 *
 * Run with `deno task bench:sessions`; `CAISSON_REDIS_URL` adds Redis.
 */
import { Clock, Config, Effect, Layer, Option } from "effect";
import * as Memory from "../src/adapters/sessions/Memory.ts";
import * as RedisSessions from "../src/adapters/sessions/Redis.ts";
import * as Sqlite from "../src/adapters/sessions/Sqlite.ts";
import { Settings } from "../src/config.ts";
import { align } from "../src/domain/alignment.ts";
import { assistant, type Message, user } from "../src/domain/Message.ts";
import { OwnerKey } from "../src/domain/Owner.ts";
import type { NewTurn } from "../src/domain/Session.ts";
import { zero } from "../src/domain/Usage.ts";
import { Sessions } from "../src/services/Sessions.ts";

const sizes = [10, 100, 1_000];
const repetitions = 50;

/** A turn like those of an analyst's chat: a call, two kilobytes of output, an answer. */
const turn = (id: string, said: string): NewTurn => ({
  id,
  parent: { _tag: "Newest" },
  messages: [
    user(said),
    {
      role: "assistant",
      parts: [{ _tag: "ToolCall", call: { id: `c${id}`, name: "execute_bash", argumentsJson: '{"command":"ls -l"}' } }],
    },
    { role: "tool", callId: `c${id}`, name: "execute_bash", content: "x".repeat(2_000), isError: false },
    assistant(`Answer ${id}: ${"word ".repeat(80)}`),
  ],
  status: "completed",
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
/** Median and best: on a busy machine the best is closer to what the code costs. */
const summary = (values: ReadonlyArray<number>) =>
  `${median(values).toFixed(3)} (best ${Math.min(...values).toFixed(3)})`;
const nowMs = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6);

const measure = Effect.fnUntraced(function* (size: number) {
  const sessions = yield* Sessions;
  const key = { owner: OwnerKey.make("b".repeat(32)), id: `bench-${size}-${crypto.randomUUID()}` };
  const shown: Array<Message> = [];
  for (let n = 0; n < size; n++) {
    const stored = yield* sessions.append(key, turn(`${n}`, `question ${n}`));
    shown.push(user(`question ${n}`), ...stored.messages.slice(-1));
  }
  const newest: Array<number> = [];
  const whole: Array<number> = [];
  for (let n = 0; n < repetitions; n++) {
    for (const [times, messages] of [[newest, [user(`more ${n}`)]], [whole, [...shown, user(`more ${n}`)]]] as const) {
      const started = yield* nowMs;
      const { turns } = yield* sessions.load(key);
      const { parent } = align(turns, messages);
      yield* sessions.append(key, { ...turn(`${n}-${times === whole}`, `more ${n}`), parent });
      times.push((yield* nowMs) - started);
    }
  }
  yield* sessions.remove(key);
  return { newest: summary(newest), whole: summary(whole) };
});

const report = Effect.fnUntraced(function* (store: string) {
  const rows: Array<readonly [number, string, string]> = [];
  for (const size of sizes) {
    const { newest, whole } = yield* measure(size);
    rows.push([size, newest, whole]);
  }
  console.log(`\n${store}: milliseconds a turn (load + align + append), median of ${repetitions}`);
  for (const [size, newest, whole] of rows) {
    console.log(
      `  ${String(size).padStart(5)} stored turns: ${newest} newest message only, ${whole} whole history resent`,
    );
  }
});

const dataPath = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir()),
  (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
);

const program = Effect.gen(function* () {
  yield* report("memory").pipe(Effect.provide(Memory.layer.pipe(Layer.provide(Settings.layerWith()))));
  const settings = Settings.layerWith({ dataPath: yield* dataPath });
  yield* report("sqlite").pipe(Effect.provide(Sqlite.layer.pipe(Layer.provide(settings))));
  const redisUrl = yield* Config.option(Config.Redacted("CAISSON_REDIS_URL"));
  if (Option.isSome(redisUrl)) {
    yield* report("redis").pipe(
      Effect.provide(RedisSessions.layer.pipe(Layer.provide(Settings.layerWith({ redisUrl })))),
    );
  }
});

await Effect.runPromise(Effect.scoped(program));
