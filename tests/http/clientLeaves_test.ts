/**
 * A client that leaves in the middle of an answer: the request to the provider behind it ends too.
 */
import assert from "node:assert/strict";
import { Duration, Effect, Layer, Option, Redacted } from "effect";
import * as Models from "../../src/adapters/model/Configured.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import * as anthropic from "../support/anthropicWire.ts";
import * as gemini from "../support/geminiWire.ts";
import { it } from "../support/it.ts";
import * as openai from "../support/openaiWire.ts";
import { served } from "../support/served.ts";
import { isPrompt } from "../support/timing.ts";
import { type Piece, serveWire, sse, stall, type WireServer } from "../support/wireServer.ts";

/** The promise made for a client that leaves. */
const departureMsMax = 100;
const key = Option.some(Redacted.make("k"));

const providers: ReadonlyArray<{
  readonly name: string;
  readonly model: string;
  readonly hello: ReadonlyArray<Piece>;
  readonly settings: (url: string) => Partial<SettingsService>;
}> = [
  {
    name: "Gemini",
    model: "gemini-flash-latest",
    hello: sse([gemini.chunk(gemini.text("Hello"))]),
    settings: (url) => ({ geminiApiKey: key, geminiBaseUrl: Option.some(url) }),
  },
  {
    name: "Anthropic",
    model: "claude-sonnet-5",
    hello: anthropic.named([anthropic.start, ...anthropic.text(0, "Hello").slice(0, 2)]),
    settings: (url) => ({ anthropicApiKey: key, anthropicBaseUrl: Option.some(url) }),
  },
  {
    name: "an OpenAI-compatible server",
    model: "gpt-test",
    hello: sse([openai.text("Hello")]),
    settings: (url) => ({ openaiApiKey: key, openaiBaseUrl: Option.some(url) }),
  },
];

/** Milliseconds from a client's leaving in the middle of an answer to the end of the request behind it. */
const leave = Effect.fnUntraced(function* (url: string, model: string, upstream: WireServer) {
  const client = new AbortController();
  yield* Effect.addFinalizer(() => Effect.sync(() => client.abort()));
  const response = yield* Effect.promise(() =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "hi" }] }),
      signal: client.signal,
    })
  );
  assert.equal(response.status, 200);
  yield* upstream.stalled.pipe(Effect.timeout("60 seconds"));
  client.abort();
  yield* Effect.promise(() => response.body?.cancel().catch(() => undefined) ?? Promise.resolve());
  const [passed] = yield* upstream.departure.pipe(Effect.timeout("60 seconds"), Effect.timed);
  assert.equal(upstream.openCount(), 0);
  return Duration.toMillis(passed);
});

for (const { name, model, hello, settings } of providers) {
  it.live(`chatCompletions ends the request to ${name} within ${departureMsMax} ms when the client leaves`, () =>
    Effect.gen(function* () {
      const upstream = yield* serveWire(({ method }) =>
        method === "GET" ? { status: 404, body: ["no list"] } : { body: [...hello, stall] }
      );
      const url = yield* served({
        model: Models.layer.pipe(Layer.provide(Settings.layerWith(settings(upstream.url))), Layer.orDie),
      });
      yield* isPrompt(departureMsMax, leave(url, model, upstream));
    }));
}
