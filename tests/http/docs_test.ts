/**
 * `/docs` is a page of our own: it asks nobody anything, shows every operation, and its samples work.
 */
import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { document } from "../../src/http/docs/document.ts";
import { understand } from "../../src/adapters/model/offline/understand.ts";
import { sample } from "../../src/http/docs/page.ts";
import { type App, withApp } from "../support/app.ts";
import { loopbackSandbox } from "../support/loopbackSandbox.ts";

const pageOf = async (app: App) => {
  const response = await app.get("/docs", { host: "localhost:8000" });
  return { response, text: await response.text() };
};

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
);

Deno.test("GET /docs loads nothing and runs nothing, by its own policy", () =>
  withApp({}, async (app) => {
    const { response, text } = await pageOf(app);
    assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none'; style-src 'sha256-/);
    assert.ok(!/<script|<link|<img|<iframe|@import|url\(|\sstyle=|\son\w+=/i.test(text));
    for (const [address] of text.matchAll(/https?:\/\/[^\s'"<&]+/g)) {
      assert.ok(address.startsWith("http://localhost:8000"), address);
    }
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? "";
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    assert.ok(policy.includes(btoa(String.fromCharCode(...new Uint8Array(hash)))));
  }));

Deno.test("GET /docs shows every operation with its summary, chat first", () =>
  withApp({}, async (app) => {
    const { text } = await pageOf(app);
    for (const { path, operation } of operations) {
      const shown = operation.summary.replaceAll("'", "&#39;");
      assert.ok(text.includes(path) && text.includes(shown), path);
    }
    const order = document.tags.map(({ name }) => text.indexOf(`<h2>${name}</h2>`));
    assert.deepEqual(order, order.toSorted((a, b) => a - b));
    assert.equal(document.tags[0]?.name, "Chat");
  }));

Deno.test("a host that is none does not reach the page", () =>
  withApp({}, async (app) => {
    const text = await (await app.get("/docs", { host: '"><script>' })).text();
    assert.ok(!text.includes("<script>"));
  }));

/** Reads a sample as a shell would: its address, method, headers and body. */
const requestOf = (command: string): Request => {
  const words = [...command.replaceAll("\\\n", " ").matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)]
    .map(([, single, double, plain]) => single ?? double ?? plain ?? "");
  const after = (flag: string) => words.flatMap((word, index) => words[index - 1] === flag ? [word] : []);
  const headers = new Headers(
    after("-H").map((header): [string, string] => {
      const [name = "", value = ""] = header.split(/:\s*/);
      return [name, value];
    }),
  );
  const form = new FormData();
  for (const field of after("-F")) {
    const [name = "", value = ""] = field.split("=");
    form.set(name, value.startsWith("@") ? new File(["a,b"], value.slice(1)) : value);
  }
  const body = after("-d")[0] ?? (after("-F").length > 0 ? form : undefined);
  const method = after("-X")[0] ?? (body === undefined ? "GET" : "POST");
  return new Request(words[1] ?? "", { method, headers, ...(body === undefined ? {} : { body }) });
};

/** Ports of sandboxes can be looked at. */
const previewed = { previews: true, sandbox: loopbackSandbox([]), settings: { previewPort: 0 } };

for (const { path, method, operation } of operations) {
  Deno.test(`the sample of ${method} ${path} works`, () =>
    withApp({ ...previewed, steps: [Scripted.answers("42")] }, async (app) => {
      const shown = sample("http://localhost:8000", path, method, operation);
      // What must name a model shows the one that is always there; here it is the script.
      const response = await app.send(requestOf(shown.replace("caisson-offline", Scripted.scriptedModel)));
      // What a path names by a word of the reader is not there, and what is no connection cannot become one.
      const status = path.includes("{") ? 404 : "101" in operation.responses ? 426 : 200;
      assert.equal(response.status, status, await response.text());
    }));
}

Deno.test("the sample of a chat is one that the stand-in carries out, for who has no model yet", () => {
  const chat = operations.find(({ path }) => path === "/v1/chat/completions")?.operation;
  const example = JSON.stringify(chat?.requestBody?.content["application/json"]?.example);
  const [, words = ""] = /"content":"([^"]+)"/.exec(example) ?? [];
  assert.equal(understand(words, { file: undefined, tools: ["execute_bash"] }).length, 1, example);
});

Deno.test("GET /docs and /openapi.json are compressed for clients that take it", () =>
  withApp({}, async (app) => {
    for (const path of ["/docs", "/openapi.json"]) {
      const plain = await (await app.get(path)).text();
      const response = await app.get(path, { "accept-encoding": "br, gzip;q=0.5" });
      assert.equal(response.headers.get("content-encoding"), "gzip");
      const bytes = new Uint8Array(await response.arrayBuffer());
      assert.ok(bytes.length < plain.length / 3, `${bytes.length} of ${plain.length}`);
      const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
      assert.equal(text, plain);
      assert.equal((await app.get(path, { "accept-encoding": "gzip;q=0" })).headers.get("content-encoding"), null);
    }
  }));
