import assert from "node:assert/strict";
import { Effect, Option, Redacted, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { withApp } from "../support/app.ts";

const keys = { apiKeys: Option.some(Redacted.make("alice:sk-alice,bob:sk-bob")) };
const as = (name: string, user = "u") => ({ authorization: `Bearer sk-${name}`, "x-user-id": user });
const hello = { messages: [{ role: "user", content: "hi" }] };
const endless: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("…")), Stream.fromEffect(Effect.never));
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
  return withApp({ steps: [endless, ...answers], settings: { ...keys, runsPerUserMax: 1 } }, async (app) => {
    const running = await app.chat({ ...hello, stream: true }, as("alice"));
    assert.equal(running.status, 200);
    assert.equal((await app.chat(hello, as("alice"))).status, 429);
    assert.equal((await app.chat(hello, as("alice", "v"))).status, 200);
    await running.body?.cancel();
    assert.equal((await app.chat(hello, as("alice"))).status, 200);
  });
});

/** A request whose body is made when it is asked for, and how often that was. */
const lazy = (path: string, headers: Readonly<Record<string, string>>) => {
  const seen = { pulls: 0 };
  const body = new ReadableStream({
    pull: (controller) => {
      seen.pulls += 1;
      controller.enqueue(new TextEncoder().encode(JSON.stringify({ ...hello, input: "hi" })));
      controller.close();
    },
  }, { highWaterMark: 0 });
  const sent = new Request(`http://caisson.test${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { sent, seen };
};

for (const path of ["/v1/chat/completions", "/v1/responses"]) {
  Deno.test(`POST ${path} answers 429 before it reads the body when the principal has as many runs as it may`, () =>
    withApp({ steps: [endless, ...answers], settings: { ...keys, runsPerPrincipalMax: 1 } }, async (app) => {
      const running = await app.chat({ ...hello, stream: true }, as("alice"));
      const { sent, seen } = lazy(path, as("alice", "v"));
      const refused = await app.send(sent);
      assert.deepEqual([refused.status, seen.pulls], [429, 0]);
      assert.equal(refused.headers.get("retry-after"), "1");
      const { error } = await refused.json();
      assert.deepEqual([error.type, error.code], ["requests", "rate_limit_exceeded"]);
      assert.match(error.message, /1 runs at once \(CAISSON_RUNS_PER_PRINCIPAL_MAX\)/);
      await running.body?.cancel();
      // Nothing was taken: the place is there for who asks next.
      const next = lazy(path, as("alice", "v"));
      const answered = await app.send(next.sent);
      assert.ok(next.seen.pulls > 0);
      assert.notEqual(answered.status, 429);
      await answered.body?.cancel();
    }));
}

Deno.test("POST /v1/chat/completions lets a second try join its run where there is no further place", () =>
  withApp({ steps: [endless, ...answers], settings: { ...keys, runsPerPrincipalMax: 1 } }, async (app) => {
    const tries = (count: string) => ({ ...as("alice"), "x-stainless-retry-count": count });
    const first = await app.chat({ ...hello, stream: true }, tries("0"));
    const again = await app.chat({ ...hello, stream: true }, tries("1"));
    assert.deepEqual([first.status, again.status], [200, 200]);
    const other = await app.chat({ ...hello, stream: true, user: "v" }, tries("1"));
    assert.equal(other.status, 429);
    for (const { body } of [first, again]) await body?.cancel();
  }));

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
