/**
 * The servers that `bench/http.ts` compares: ours with a scripted model, a bare route on the same HTTP
 * host (Effect's Node server), and a bare `node:http` server below both.
 *
 * All send the same bytes for a request whose user message is `CHUNKS PAUSE_MS`: that many chunks with
 * that pause between them. They print their port and answer a line on stdin with what they use, after a collection when
 * the line is `memory`.
 */
import { createServer } from "node:http";
import process from "node:process";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import { Context, Duration, Effect, Layer, Logger, Schema, Stream } from "effect";
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http";
import * as OpenAiChunks from "../src/adapters/converter/OpenAiChunks.ts";
import * as Scripted from "../src/adapters/model/Scripted.ts";
import { textOf } from "../src/domain/Message.ts";
import { Model, type ModelEvent, type ModelInfo } from "../src/services/Model.ts";
import { served } from "../tests/support/served.ts";

const word = "some words of an answer ";

const parse = (text: string): { readonly chunks: number; readonly pauseMs: number } => {
  const [chunks = 0, pauseMs = 0] = text.trim().split(" ").map(Number);
  return { chunks, pauseMs };
};

// Ours -------------------------------------------------------------------------------------------

const info: ModelInfo = { id: "scripted", provider: "bench", vision: false };

/** Says one word at a time, each as an array of its own as a provider's network reads come. */
const model = Layer.succeed(
  Model,
  Model.of({
    defaultModel: Effect.succeed(info.id),
    list: Effect.succeed([info]),
    find: () => Effect.succeed(info),
    stream: (request) => {
      const { chunks, pauseMs } = parse(request.messages.slice(-1).map(textOf).join(""));
      const words = Stream.range(1, chunks).pipe(Stream.rechunk(1), Stream.map((): ModelEvent => Scripted.text(word)));
      const paced = pauseMs === 0 ? words : Stream.tap(words, () => Effect.sleep(Duration.millis(pauseMs)));
      return Stream.concat(paced, Stream.make(Scripted.finished()));
    },
  }),
);

const ours = Effect.gen(function* () {
  const base = yield* served({ model, settings: { runOutputBytesMax: 1024 ** 3, runSecondsMax: 86_400 } });
  console.log(new URL(base).port);
  return yield* Effect.never;
}).pipe(Effect.scoped, Effect.provide(Logger.layer([])));

// Bare -------------------------------------------------------------------------------------------

const frames = (() => {
  const conversion = OpenAiChunks.make.start({
    view: "text",
    id: "chatcmpl-0123456789abcdef01234567",
    createdSeconds: 1_700_000_000,
    model: "scripted",
    includeUsage: false,
    answerOnly: false,
  });
  const text = (event: Parameters<typeof conversion.step>[0]) =>
    conversion.step(event).map((json) => `data: ${json}\n\n`).join("");
  const first = text({ _tag: "TextDelta", text: word });
  return { first, next: text({ _tag: "TextDelta", text: word }) };
})();

const encoder = new TextEncoder();
const decodeBody = Schema.decodeUnknownSync(
  Schema.Struct({ messages: Schema.Array(Schema.Struct({ content: Schema.String })) }),
);

/** A route that streams ready-made frames, paced by the same clock as ours. */
const route = HttpRouter.add(
  "POST",
  "/v1/chat/completions",
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const { chunks, pauseMs } = parse(decodeBody(yield* request.json).messages[0]?.content ?? "");
    const frame = Stream.range(1, chunks).pipe(
      Stream.rechunk(1),
      Stream.map((index) => index === 1 ? frames.first : frames.next),
    );
    const paced = pauseMs === 0 ? frame : Stream.tap(frame, () => Effect.sleep(Duration.millis(pauseMs)));
    return HttpServerResponse.stream(
      Stream.map(Stream.concat(paced, Stream.make("data: [DONE]\n\n")), (text) => encoder.encode(text)),
      { contentType: "text/event-stream" },
    );
  }),
);

const bareRoute = Effect.gen(function* () {
  const context = yield* Layer.build(
    HttpRouter.serve(route, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
    ),
  );
  const { address } = Context.get(context, HttpServer.HttpServer);
  if ("port" in address) console.log(address.port);
  return yield* Effect.never;
}).pipe(Effect.scoped, Effect.provide(Logger.layer([])));

const bareNode = () => {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => body += text);
    request.on("end", async () => {
      const { chunks, pauseMs } = parse(JSON.parse(body).messages[0].content);
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let index = 0; index < chunks && !response.destroyed; index++) {
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        const more = response.write(index === 0 ? frames.first : frames.next);
        if (!more) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end("data: [DONE]\n\n");
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") console.log(address.port);
  });
};

// Usage ------------------------------------------------------------------------------------------

process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (text.startsWith("memory") && typeof collect === "function") collect();
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ rss, heapUsed, cpuMs: (user + system) / 1000 }));
});

if (Deno.args[0] === "ours") Effect.runFork(ours);
else if (Deno.args[0] === "route") Effect.runFork(bareRoute);
else bareNode();
