/**
 * The servers that `bench/providers.ts` compares: ours with each provider's adapter, and two floors that do
 * no more than parse what the provider sends and write it as Chat Completions, one on `node:http` and one on
 * `Deno.serve`.
 *
 * `NAME URL [KEYS]`: NAME is `node`, `deno`, `gemini`, `openai` or `anthropic`, URL the loopback provider, KEYS what ours admits. They print
 * their port and answer a line on stdin with what they use, after a collection when the line is `memory`.
 */
import "../src/plainFibers.ts";
import { Buffer } from "node:buffer";
import { Agent, createServer, request as httpRequest } from "node:http";
import process from "node:process";
import { Effect, Layer, Logger, Option, Redacted } from "effect";
import * as Configured from "../src/adapters/model/Configured.ts";
import { Settings } from "../src/config.ts";
import { served } from "../tests/support/served.ts";

const [name = "", upstream = "", keys = ""] = Deno.args;

// Floors: the provider's format is Gemini's ------------------------------------------------------------

const path = "/v1beta/models/gemini-bench:streamGenerateContent?alt=sse";

/** The provider's request for a client's. */
const asked = (body: string): string =>
  JSON.stringify({ contents: [{ role: "user", parts: [{ text: JSON.parse(body).messages.at(-1).content }] }] });

/** One event of the provider as one of ours. */
const converted = (event: string): string => {
  const { candidates: [candidate] } = JSON.parse(event.slice(6));
  const text = (candidate.content.parts ?? []).map((part: { text: string }) => part.text).join("");
  const choice = {
    index: 0,
    delta: { content: text },
    finish_reason: candidate.finishReason === undefined ? null : "stop",
  };
  return `data: ${
    JSON.stringify({
      id: "chatcmpl-0123456789abcdef01234567",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gemini-bench",
      choices: [choice],
    })
  }\n\n`;
};

/** Takes text in and gives what it has of whole events, converted. */
const converter = () => {
  let rest = "";
  return (text: string): string => {
    const events = (rest + text).split("\r\n\r\n");
    rest = events.pop() ?? "";
    return events.map(converted).join("");
  };
};

const done = "data: [DONE]\n\n";

const node = () => {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => body += text);
    request.on("end", () => {
      const convert = converter();
      const sent = asked(body);
      const out = httpRequest(upstream + path, {
        method: "POST",
        agent,
        headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(sent)) },
      }, (incoming) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        incoming.setEncoding("utf8");
        incoming.on("data", (text: string) => {
          if (response.write(convert(text))) return;
          incoming.pause();
          response.once("drain", () => incoming.resume());
        });
        incoming.on("end", () => response.end(done));
      });
      response.on("close", () => out.destroy());
      out.on("error", () => response.destroy());
      out.end(sent);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") console.log(address.port);
  });
};

const deno = () => {
  Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) },
    async (request) => {
      const answer = await fetch(upstream + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: asked(await request.text()),
      });
      const convert = converter();
      const stream = answer.body?.pipeThrough(new TextDecoderStream()).pipeThrough(
        new TransformStream<string, string>({
          transform: (text, controller) => controller.enqueue(convert(text)),
          flush: (controller) => controller.enqueue(done),
        }),
      ).pipeThrough(new TextEncoderStream());
      return new Response(stream ?? null, { headers: { "content-type": "text/event-stream" } });
    },
  );
};

// Ours -------------------------------------------------------------------------------------------------

const key = Option.some(Redacted.make("bench-key"));
const models = {
  gemini: { geminiApiKey: key, geminiBaseUrl: Option.some(upstream) },
  openai: { openaiApiKey: key, openaiBaseUrl: Option.some(`${upstream}/v1`) },
  anthropic: { anthropicApiKey: key, anthropicBaseUrl: Option.some(upstream) },
} as const;

const ours = (provider: keyof typeof models) =>
  Effect.gen(function* () {
    const settings = {
      runOutputBytesMax: 1024 ** 3,
      runSecondsMax: 86_400,
      // Some of the measured crowds are one user.
      runsPerUserMax: 0,
      ...(keys === "" ? {} : { apiKeys: Option.some(Redacted.make(keys)) }),
      ...models[provider],
    };
    const base = yield* served({
      model: Layer.orDie(Layer.provide(Configured.layer, Settings.layerWith(settings))),
      settings,
    });
    console.log(new URL(base).port);
    return yield* Effect.never;
  }).pipe(Effect.scoped, Effect.provide(Logger.layer([])));

// Usage ------------------------------------------------------------------------------------------------

process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (text.startsWith("memory") && typeof collect === "function") collect();
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ rss, heapUsed, cpuMs: (user + system) / 1000 }));
});

if (name === "node") node();
else if (name === "deno") deno();
else if (name === "gemini" || name === "openai" || name === "anthropic") Effect.runFork(ours(name));
else throw new Error(`unknown server ${name}`);
