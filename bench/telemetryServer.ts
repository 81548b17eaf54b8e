/**
 * The servers that `bench/telemetry.ts` compares: the same agent API without any telemetry around its ports
 * (`plain`), with all of it switched off (`off`), and with traces, metrics and logs sent to a collector (`on`).
 *
 *   deno run bench/telemetryServer.ts MODE COLLECTOR
 *
 * It prints its port and answers each line on stdin with the CPU time that it has used. `hole` serves nothing: it ends
 * 60,000 spans against a collector that never answers, and prints its memory before and after.
 */
import process from "node:process";
import { Duration, Effect, Layer, Logger, Option, Schedule, Stream } from "effect";
import { HttpServer } from "effect/http";
import * as Scripted from "../src/adapters/model/Scripted.ts";
import { Settings } from "../src/config.ts";
import { textOf } from "../src/domain/Message.ts";
import * as Http from "../src/http/server.ts";
import { Model, type ModelEvent, type ModelInfo } from "../src/services/Model.ts";
import { Tracing } from "../src/services/Tracing.ts";
import * as Meter from "../src/telemetry/Meter.ts";
import * as Otlp from "../src/telemetry/otlp.ts";
import { services } from "../tests/support/app.ts";

const [mode = "", collector = ""] = Deno.args;

const info: ModelInfo = { id: "scripted", provider: "bench", vision: false };

/** Says as many words as its user asks for, each as an array of its own. */
const model = Layer.succeed(
  Model,
  Model.of({
    defaultModel: Effect.succeed(info.id),
    list: Effect.succeed([info]),
    find: () => Effect.succeed(info),
    stream: ({ messages }) =>
      Stream.concat(
        Stream.range(1, Number(messages.slice(-1).map(textOf).join(""))).pipe(
          Stream.rechunk(1),
          Stream.map((): ModelEvent => Scripted.text("some words of an answer ")),
        ),
        Stream.make(Scripted.finished()),
      ),
  }),
);

const settings = Settings.layerWith({
  apiPort: 0,
  runOutputBytesMax: 1024 ** 3,
  ...(mode === "on" || mode === "hole" ? { metrics: true, otlpEndpoint: Option.some(collector) } : {}),
});

const configured = services({
  model,
  isObserved: mode !== "plain",
  settings: { apiPort: 0, runOutputBytesMax: 1024 ** 3 },
});

const telemetry = mode === "on" || mode === "hole" ? Layer.provideMerge(Otlp.layer, Meter.layer) : Layer.empty;
const logging = mode === "on"
  ? Layer.unwrap(Effect.map(Otlp.logger, (sent) => Logger.layer(Option.toArray(sent))))
  : Logger.layer([]);

const serve = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer;
  if ("port" in address) console.log(address.port);
  return yield* Effect.never;
}).pipe(
  Effect.provide(
    Http.serve.pipe(
      Layer.provideMerge(configured),
      Layer.provideMerge(telemetry),
      Layer.provideMerge(logging),
      Layer.provide(settings),
    ),
  ),
);

const spans = 60_000;

/** Resident memory, and the heap after a collection, in MiB. */
const used = () => {
  const { rss } = process.memoryUsage();
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") collect();
  return { rssMb: rss / 2 ** 20, heapMb: process.memoryUsage().heapUsed / 2 ** 20 };
};

const hole = Effect.gen(function* () {
  const tracing = yield* Tracing;
  if (tracing === undefined) return yield* Effect.die(new Error("expected to trace"));
  const end = Effect.sync(() => {
    for (let at = 0; at < 100; at++) {
      tracing.begin("span", { attributes: { text: "y".repeat(200), at } }).end();
    }
  });
  const some = (count: number) =>
    Effect.repeat(Effect.andThen(end, Effect.sleep(Duration.millis(2))), {
      schedule: Schedule.recurs(count / 100 - 1),
    });
  // As many once before: by then the heap has the size that it keeps under this load, leak or none.
  yield* some(spans);
  const before = used();
  yield* some(spans);
  console.log(JSON.stringify({ before, after: used() }));
  return yield* Effect.sync(() => process.exit(0));
}).pipe(Effect.provide(telemetry), Effect.provide(settings), Effect.provide(Logger.layer([])));

process.stdin.setEncoding("utf8");
process.stdin.on("data", () => {
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1000);
});

Effect.runFork(mode === "hole" ? hole : serve);
