import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import {
  BadCredentials,
  ConnectionLost,
  ContextTooLong,
  ModelError,
  type ModelErrorReason,
  QuotaExhausted,
  RateLimited,
  Unavailable,
} from "../../src/services/Model.ts";
import { withApp } from "../support/app.ts";
import { contentOf, finishesOf, readStream } from "../support/sse.ts";

const hello = { messages: [{ role: "user", content: "hi" }] };

const failing = (reason: ModelErrorReason) =>
  new ModelError({ provider: "acme", model: "scripted", reason, detail: "secret upstream text" });

const fails = (reason: ModelErrorReason): Scripted.Step => () => Stream.fail(failing(reason));

/** A reason, and the status, type, code and retry headers it is told with before the first byte. */
const told: ReadonlyArray<readonly [ModelErrorReason, number, string, string, Record<string, string>]> = [
  [new RateLimited({ retryAfterMs: 2500 }), 429, "requests", "rate_limit_exceeded", {
    "retry-after": "3",
    "retry-after-ms": "2500",
    "x-should-retry": "true",
  }],
  [new RateLimited({ retryAfterMs: 90_000 }), 429, "requests", "rate_limit_exceeded", {
    "retry-after": "90",
    "x-should-retry": "false",
  }],
  [new QuotaExhausted(), 429, "insufficient_quota", "insufficient_quota", { "x-should-retry": "false" }],
  [new ContextTooLong(), 400, "invalid_request_error", "context_length_exceeded", {}],
  [new BadCredentials(), 502, "server_error", "provider_credentials", { "x-should-retry": "false" }],
  [new Unavailable({}), 503, "server_error", "provider_unavailable", { "x-should-retry": "true" }],
];

for (const [reason, status, type, code, headers] of told) {
  for (const stream of [false, true]) {
    Deno.test(`POST /v1/chat/completions tells ${reason._tag} as ${status} before the first byte, stream ${stream}`, () =>
      withApp({ steps: [fails(reason)] }, async (app) => {
        const response = await app.chat({ ...hello, stream });
        const text = await response.text();
        const { error } = JSON.parse(text);
        assert.deepEqual([response.status, error.type, error.code], [status, type, code]);
        for (const [name, value] of Object.entries(headers)) assert.equal(response.headers.get(name), value);
        assert.ok(!text.includes("secret"));
      }));
  }
}

Deno.test("POST /v1/chat/completions tells a failure after the first byte as one error frame that ends the stream", () =>
  withApp({
    steps: [() => Stream.concat(Stream.make(Scripted.text("half an ")), Stream.fail(failing(new ConnectionLost())))],
  }, async (app) => {
    const response = await app.chat({ ...hello, stream: true });
    assert.equal(response.status, 200);
    const read = readStream(await response.text());
    assert.equal(contentOf(read), "half an ");
    assert.deepEqual(finishesOf(read), []);
    assert.equal(read.done, false);
    assert.deepEqual(read.errors, [{
      error: {
        message: "The connection to acme was lost.",
        type: "server_error",
        param: null,
        code: "provider_connection",
      },
    }]);
  }));

Deno.test("POST /v1/chat/completions forbids a retry when a tool has already run", () =>
  withApp({
    steps: [
      Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "true" })),
      fails(new Unavailable({})),
    ],
  }, async (app) => {
    const response = await app.chat(hello);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("x-should-retry"), "false");
  }));

Deno.test("POST /v1/chat/completions tells a bug as 500 without its cause, before and after the first byte", async () => {
  const bug = () => Stream.fromEffect(Effect.die(new Error("secret detail")));
  await withApp({ steps: [bug] }, async (app) => {
    const response = await app.chat(hello);
    const text = await response.text();
    assert.equal(response.status, 500);
    assert.equal(JSON.parse(text).error.code, "internal_error");
    assert.ok(!text.includes("secret"));
  });
  await withApp({ steps: [() => Stream.concat(Stream.make(Scripted.text("x")), bug())] }, async (app) => {
    const text = await (await app.chat({ ...hello, stream: true })).text();
    assert.equal(readStream(text).errors[0]?.error.code, "internal_error");
    assert.ok(!text.includes("secret"));
  });
});

Deno.test("POST /v1/chat/completions sends headers and comments when the model is silent for the keep-alive time", () =>
  withApp({ settings: { keepAliveSeconds: 0.05 }, steps: [() => Stream.never] }, async (app) => {
    const response = await app.chat({ ...hello, stream: true });
    assert.equal(response.status, 200);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader?.read())?.value, ": keep-alive\n\n");
    await reader?.cancel();
  }));
