/**
 * While nobody needs a credential, no page of another origin can act: nothing runs, nothing is written,
 * nothing starts.
 */
import assert from "node:assert/strict";
import { Option, Redacted } from "effect";
import { OpenApi } from "effect/http-api";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { Api } from "../../src/http/api.ts";
import { isForeignPage } from "../../src/web/origins.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

const host = { host: "localhost:8000" };

Deno.test("isForeignPage knows its own pages, the allowed ones, and what is no page at all", () => {
  const allowed = new Set(["https://ui.example"]);
  const cases: ReadonlyArray<readonly [Record<string, string>, boolean]> = [
    [{}, false],
    [{ "sec-fetch-site": "none" }, false],
    [{ "sec-fetch-site": "same-origin" }, false],
    [{ origin: "http://localhost:8000" }, false],
    [{ origin: "https://ui.example", "sec-fetch-site": "cross-site" }, false],
    [{ origin: "http://localhost:3000", "sec-fetch-site": "same-site" }, true],
    [{ origin: "https://evil.example" }, true],
    [{ origin: "null" }, true],
    [{ "sec-fetch-site": "cross-site" }, true],
    [{ "sec-fetch-site": "same-site" }, true],
  ];
  for (const [headers, foreign] of cases) {
    assert.equal(isForeignPage({ ...host, ...headers }, allowed), foreign, JSON.stringify(headers));
  }
  assert.equal(isForeignPage({ ...host, origin: "https://evil.example" }, new Set(["*"])), false);
});

const operations = Object.entries(OpenApi.fromApi(Api).paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({ path: path.replaceAll(/\{[^}]+\}/g, "none"), method: method.toUpperCase() }))
);

const pages: ReadonlyArray<Record<string, string>> = [
  { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
  { origin: "null" },
  { "sec-fetch-site": "cross-site" },
  { origin: "http://localhost:3000", "sec-fetch-site": "same-site" },
];

Deno.test("a keyless server refuses every /v1 operation to a page of another origin, and starts nothing", () => {
  const sandbox = fakeSandbox();
  return withApp({ sandbox, steps: [Scripted.answers("never")] }, async (app) => {
    for (const { path, method } of operations.filter(({ path }) => path.startsWith("/v1/"))) {
      for (const page of pages) {
        const body = method === "POST" ? JSON.stringify({ messages: [{ role: "user", content: "hi" }] }) : undefined;
        const response = await app.send(
          new Request(`http://caisson.test${path}?user=ada&path=a`, {
            method,
            headers: { ...host, ...page, "content-type": "application/json" },
            ...(body === undefined ? {} : { body }),
          }),
        );
        assert.deepEqual([response.status, (await response.json()).error.code], [403, "origin_not_allowed"]);
      }
    }
    assert.deepEqual(sandbox.opened, []);
  });
});

Deno.test("a keyless server takes completions only as application/json, and from its own pages", () =>
  withApp({ steps: [Scripted.answers("hi")] }, async (app) => {
    const body = JSON.stringify({ messages: [{ role: "user", content: "hi" }] });
    const ask = (headers: Record<string, string>) =>
      app.send(
        new Request("http://caisson.test/v1/chat/completions", {
          method: "POST",
          headers: { ...host, ...headers },
          // As a page sends a Blob without a type.
          body: new Blob([body]),
        }),
      );
    for (const type of [{}, { "content-type": "text/plain" }, { "content-type": "multipart/form-data" }]) {
      assert.equal((await ask(type)).status, 415);
    }
    assert.equal((await ask({ "content-type": "application/json", origin: "http://localhost:8000" })).status, 200);
  }));

Deno.test("a server with keys leaves origins to CORS: the key is what a foreign page does not have", () =>
  withApp({
    settings: { apiKeys: Option.some(Redacted.make("alice:0123456789abcdef0123456789abcdef")) },
  }, async (app) => {
    const headers = { ...pages[0], authorization: "Bearer 0123456789abcdef0123456789abcdef" };
    assert.equal((await app.get("/v1/models", headers)).status, 200);
    assert.equal((await app.get("/v1/models", { ...pages[0] })).status, 401);
  }));
