import assert from "node:assert/strict";
import { Effect, Option, Redacted, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { withApp } from "../support/app.ts";

const keys = { apiKeys: Option.some(Redacted.make("alice:sk-alice,bob:sk-bob")) };
const as = (name: string, user = "u") => ({ authorization: `Bearer sk-${name}`, "x-user-id": user });
const hello = { messages: [{ role: "user", content: "hi" }] };
const answers = Array.from({ length: 20 }, () => Scripted.answers("Hello"));

Deno.test("POST /v1/chat/completions tells what is left of a minute and answers 429 when nothing is", () =>
  withApp({ steps: answers, settings: { ...keys, requestsPerMinute: 2 } }, async (app) => {
    for (const left of ["1", "0"]) {
      const response = await app.chat(hello, as("alice", `user ${left}`));
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-ratelimit-limit-requests"), "2");
      assert.equal(response.headers.get("x-ratelimit-remaining-requests"), left);
      assert.match(response.headers.get("x-ratelimit-reset-requests") ?? "", /^\d+s$/);
      await response.body?.cancel();
    }
    for (const stream of [true, false]) {
      const refused = await app.chat({ ...hello, stream }, as("alice"));
      assert.equal(refused.status, 429);
      assert.ok(Number(refused.headers.get("retry-after")) >= 1);
      assert.equal(refused.headers.get("x-ratelimit-remaining-requests"), "0");
      const { error } = await refused.json();
      assert.deepEqual([error.type, error.code], ["requests", "rate_limit_exceeded"]);
    }
    assert.equal((await app.chat(hello, as("bob"))).status, 200);
  }));

Deno.test("POST /v1/chat/completions answers 429 when a principal's tokens are used up", () =>
  withApp({ steps: answers, settings: { ...keys, tokensPerMinute: 15 } }, async (app) => {
    const first = await app.chat(hello, as("alice"));
    assert.equal(first.status, 200);
    await first.text();
    const refused = await app.chat(hello, as("alice"));
    assert.equal(refused.status, 429);
    assert.match((await refused.json()).error.message, /15 tokens per minute/);
  }));

Deno.test("POST /v1/chat/completions answers 429 to a user's second run at once and 200 when the first has ended", () => {
  const endless: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("…")), Stream.fromEffect(Effect.never));
  return withApp({ steps: [endless, ...answers], settings: { ...keys, runsPerUserMax: 1 } }, async (app) => {
    const running = await app.chat({ ...hello, stream: true }, as("alice"));
    assert.equal(running.status, 200);
    assert.equal((await app.chat(hello, as("alice"))).status, 429);
    assert.equal((await app.chat(hello, as("alice", "v"))).status, 200);
    await running.body?.cancel();
    assert.equal((await app.chat(hello, as("alice"))).status, 200);
  });
});

Deno.test("a page may call the API from a browser when its origin is allowed and not otherwise", async () => {
  const preflight = (origin: string) =>
    new Request("http://caisson.test/v1/chat/completions", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,authorization",
      },
    });
  const allowed = (response: Response) => response.headers.get("access-control-allow-origin");
  await withApp({ settings: { corsOrigins: "https://ui.example, https://other.example" } }, async (app) => {
    assert.equal(allowed(await app.send(preflight("https://ui.example"))), "https://ui.example");
    assert.equal(allowed(await app.send(preflight("https://evil.example"))), null);
    assert.equal(allowed(await app.get("/health", { origin: "https://other.example" })), "https://other.example");
  });
  await withApp({}, async (app) => {
    assert.equal(allowed(await app.send(preflight("https://ui.example"))), null);
    assert.equal(allowed(await app.get("/health", { origin: "https://ui.example" })), null);
  });
});
