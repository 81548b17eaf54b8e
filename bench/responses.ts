/**
 * What the Responses API costs: a turn of a long chain beside one of a short one, and its stream beside chat's.
 *
 * Run with `deno task bench:responses`; `CAISSON_REDIS_URL` adds Redis.
 */
import process from "node:process";
import { Config, Effect, Layer, Option, Stream } from "effect";
import * as Scripted from "../src/adapters/model/Scripted.ts";
import * as MemoryResponses from "../src/adapters/responses/Memory.ts";
import * as RedisResponses from "../src/adapters/responses/Redis.ts";
import * as SqliteResponses from "../src/adapters/responses/Sqlite.ts";
import type { SettingsService } from "../src/config.ts";
import { Model, type ModelEvent } from "../src/services/Model.ts";
import { type App, type AppOptions, makeApp } from "../tests/support/app.ts";

/** Stored responses of the chains that are compared. */
const [short, long] = [10, 1_000] as const;
const turnsMeasured = 60;
/** Text events of a streamed answer, and streams of each dialect in a round. */
const deltas = 2_000;
const streams = 20;
const rounds = 6;

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const modelOf = (answer: ReadonlyArray<ModelEvent>): Layer.Layer<Model> =>
  Layer.succeed(
    Model,
    Model.of({
      defaultModel: Effect.succeed("bench"),
      list: Effect.succeed([]),
      find: () => Effect.succeed({ id: "bench", provider: "bench", vision: false }),
      stream: () => Stream.fromIterable(answer),
    }),
  );

const post = (app: App, path: string, body: unknown) =>
  app.send(
    new Request(`http://bench.test/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );

/** Milliseconds of a turn that goes on from `size` stored ones: chains are forked, so that they do not grow. */
const chained = async (app: App, length: number) => {
  let previous: string | undefined;
  for (let n = 0; n < length; n++) {
    const response = await post(app, "responses", {
      input: `question ${n} ${"word ".repeat(60)}`,
      ...(previous !== undefined && { previous_response_id: previous }),
    });
    previous = (await response.json()).id;
  }
  return async () => {
    const started = performance.now();
    await (await post(app, "responses", { input: "more", previous_response_id: previous })).json();
    return performance.now() - started;
  };
};

/** The same in a conversation, which grows by the turns that are measured. */
const conversed = async (app: App, length: number) => {
  const { id: conversation } = await (await post(app, "conversations", {})).json();
  for (let n = 0; n < length; n++) {
    await (await post(app, "responses", { input: `question ${n} ${"word ".repeat(60)}`, conversation })).json();
  }
  return async () => {
    const started = performance.now();
    await (await post(app, "responses", { input: "more", conversation })).json();
    return performance.now() - started;
  };
};

const compareChains = async (name: string, options: AppOptions, begin = chained) => {
  const answer = [Scripted.text(`Answer: ${"word ".repeat(120)}`), Scripted.finished()];
  const app = makeApp({ ...options, model: modelOf(answer) });
  try {
    const [ofShort, ofLong] = [await begin(app, short), await begin(app, long)];
    const [few, many]: readonly [Array<number>, Array<number>] = [[], []];
    for (let n = 0; n < turnsMeasured; n++) {
      few.push(await ofShort());
      many.push(await ofLong());
    }
    const ratio = median(many) / median(few);
    console.log(
      `  ${name.padEnd(8)} ${median(few).toFixed(2)} ms after ${short}, ${median(many).toFixed(2)} ms after ${long}: ` +
        `${ratio.toFixed(2)} (wanted ≤ 1.5)`,
    );
  } finally {
    await app.dispose();
  }
};

const streamed = async (app: App, path: string, body: unknown) => {
  const started = performance.now();
  const cpu = process.cpuUsage();
  const response = await post(app, path, body);
  let first = 0;
  for await (const _ of response.body ?? []) if (first === 0) first = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { first, cpuSeconds: (user + system) / 1e6 };
};

const compareDialects = async () => {
  const answer = [...Array.from({ length: deltas }, (_, n) => Scripted.text(`word ${n} `)), Scripted.finished()];
  const app = makeApp({ model: modelOf(answer) });
  const asked = {
    "chat/completions": { stream: true, messages: [{ role: "user", content: "Hi" }] },
    "responses": { stream: true, store: false, input: "Hi" },
  };
  const kept = { stream: true, input: "Hi" };
  const sorts = [...Object.entries(asked), ["responses", kept]] as const;
  const firsts = sorts.map(() => new Array<number>());
  const rates = sorts.map(() => new Array<number>());
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [index, [path, body]] of sorts.entries()) {
        for (let n = 0; n < streams; n++) {
          const { first, cpuSeconds } = await streamed(app, path, body);
          if (round === 0) continue;
          firsts[index]?.push(first);
          rates[index]?.push(deltas / cpuSeconds);
        }
      }
    }
  } finally {
    await app.dispose();
  }
  const [chatFirst = 0, ...otherFirsts] = firsts.map(median);
  const [chatRate = 0, ...otherRates] = rates.map(median);
  for (const [index, name] of ["not stored", "stored"].entries()) {
    console.log(
      `  ${name.padEnd(11)} first event ${((otherFirsts[index] ?? 0) / chatFirst).toFixed(2)} times chat's, ` +
        `CPU of an event ${(chatRate / (otherRates[index] ?? 1)).toFixed(2)} times chat's (wanted ≤ 1.15)`,
    );
  }
};

const dataPath = await Deno.makeTempDir();
try {
  console.log("A turn at the end of a chain of stored responses:");
  await compareChains("memory", { responses: MemoryResponses.layer });
  await compareChains("sqlite", { responses: SqliteResponses.layer, settings: { dataPath } });
  const redisUrl = await Effect.runPromise(Config.option(Config.Redacted("CAISSON_REDIS_URL")));
  const settings: Partial<SettingsService> = { redisUrl };
  if (Option.isSome(redisUrl)) await compareChains("redis", { responses: RedisResponses.layer, settings });
  console.log("A turn at the end of a conversation, in memory:");
  await compareChains("memory", {}, conversed);
  console.log(`A stream of ${deltas} events that are ready:`);
  await compareDialects();
} finally {
  await Deno.remove(dataPath, { recursive: true });
}
