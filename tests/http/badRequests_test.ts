import assert from "node:assert/strict";
import { Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { withApp } from "../support/app.ts";

const messages = [{ role: "user", content: "hi" }];
const png = "data:image/png;base64,iVBORw0KGgo=";

/** A body, the status, the `param` and the `code` it is answered with. */
const refused: ReadonlyArray<readonly [unknown, number, string | null, string | null]> = [
  ["{", 400, null, "invalid_json"],
  ["", 400, null, "invalid_json"],
  ["[]", 400, null, "invalid_type"],
  ["null", 400, null, "invalid_type"],
  [{}, 400, "messages", "invalid_value"],
  [{ messages: [] }, 400, "messages", "invalid_value"],
  [{ messages: "x" }, 400, "messages", "invalid_value"],
  [{ messages: [{ role: "wizard", content: "x" }] }, 400, "messages.0.role", "invalid_value"],
  [{ messages: [{ content: "x" }] }, 400, "messages.0.role", "invalid_value"],
  [{ messages: [{ role: "user" }] }, 400, "messages.0.content", "invalid_value"],
  [{ messages: [{ role: "user", content: 5 }] }, 400, "messages.0.content", "invalid_value"],
  [{ messages: [{ role: "user", content: [{ type: "video" }] }] }, 400, "messages.0.content.0.type", "invalid_value"],
  [{ messages: [{ role: "system", content: "x" }] }, 400, "messages", "invalid_value"],
  [{ messages: [{ role: "tool", tool_call_id: "c", content: "x" }] }, 400, "messages", "invalid_value"],
  [{ messages, model: 7 }, 400, "model", "invalid_value"],
  [{ messages, model: "nope" }, 404, "model", "model_not_found"],
  [{ messages, stream: "yes" }, 400, "stream", "invalid_value"],
  [{ messages, temperature: 5 }, 400, "temperature", "invalid_value"],
  [{ messages, max_tokens: 0 }, 400, "max_tokens", "invalid_value"],
  [{ messages, stop: ["a", "b", "c", "d", "e"] }, 400, "stop", "invalid_value"],
  [{ messages, n: 2 }, 400, "n", "unsupported_value"],
  [{ messages, logprobs: true }, 400, "logprobs", "unsupported_value"],
  [{ messages, frequency_penalty: 3 }, 400, "frequency_penalty", "invalid_value"],
  [{ messages, store: "yes" }, 400, "store", "invalid_value"],
  [{ messages, audio: { voice: "x", format: "wav" } }, 400, "audio", "unsupported_parameter"],
  [{ messages, web_search_options: {} }, 400, "web_search_options", "unsupported_parameter"],
  [
    `{"messages":[{"role":"user","content":"hi"}],"metadata":${"[".repeat(9_000)}${"]".repeat(9_000)}}`,
    400,
    null,
    "json_too_complex",
  ],
  [{ messages, top_q: 3 }, 400, "top_q", "unknown_parameter"],
  [`{"messages":[${"{},".repeat(300_000)}{}]}`, 400, null, "json_too_complex"],
  [{ messages, tools: Array(200).fill({}) }, 400, "tools", "invalid_value"],
  [
    { messages, tools: [{ type: "function", function: { name: "f", parameters: { enum: Array(30_000).fill(1) } } }] },
    400,
    "tools",
    "invalid_value",
  ],
  [{ messages: [{ role: "user", content: Array(20_000).fill({}) }] }, 400, "messages", "invalid_value"],
  [
    { messages, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, ""])) },
    400,
    "metadata",
    "invalid_value",
  ],
  [{ messages, metadata: { ["k".repeat(65)]: "" } }, 400, "metadata", "invalid_value"],
  [{ messages, metadata: { k: "v".repeat(513) } }, 400, "metadata.k", "invalid_value"],
  [{ messages, max_tokens: 5, max_completion_tokens: 5 }, 400, "max_tokens", "invalid_parameter_combination"],
  [{ messages, metadata: { a: 1 } }, 400, "metadata.a", "invalid_value"],
  [{ messages, metadata: { view: "fancy" } }, 400, "metadata.view", "unknown_view"],
  [{ messages, response_format: { type: "xml" } }, 400, "response_format.type", "invalid_value"],
  [{ messages, response_format: { type: "json_schema" } }, 400, "response_format.json_schema", "invalid_value"],
  [{ messages, tools: [{ type: "custom" }] }, 400, "tools.0.type", "invalid_value"],
  [
    { messages, tools: [{ type: "function", function: { name: "execute_bash" } }] },
    400,
    "tools.0.function.name",
    "tool_name_taken",
  ],
  [{ messages, tool_choice: { type: "function", function: { name: "q" } } }, 400, "tool_choice", "invalid_value"],
  [
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://10.0.0.1/x.png" } }] }] },
    400,
    "messages.0.content.0.image_url.url",
    "invalid_value",
  ],
  [
    { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "***", format: "wav" } }] }] },
    400,
    "messages.0.content.0.input_audio.data",
    "invalid_value",
  ],
  [
    { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] },
    404,
    "messages.0.content.0.file.file_id",
    null,
  ],
];

for (const [body, status, param, code] of refused) {
  Deno.test(`POST /v1/chat/completions refuses ${JSON.stringify(body).slice(0, 100)} with ${status} and param ${param}`, () =>
    withApp({ steps: [Scripted.answers("never")] }, async (app) => {
      for (const stream of typeof body === "string" ? [false] : [false, true]) {
        const response = await app.chat(
          typeof body === "string" ? body : stream ? { stream: true, ...Object(body) } : body,
        );
        const { error } = await response.json();
        assert.deepEqual({ status: response.status, param: error.param, code: error.code }, { status, param, code });
        assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
        assert.ok(response.headers.get("x-request-id"));
      }
    }));
}

Deno.test("POST /v1/chat/completions takes stream_options with a stream only, and only those that there are", () =>
  withApp({ steps: [Scripted.answers("fine")] }, async (app) => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [{ messages, stream_options: { include_usage: true } }, "stream_options"],
      [{ messages, stream: false, stream_options: {} }, "stream_options"],
      [{ messages, stream: true, stream_options: { usage: true } }, "stream_options.usage"],
    ];
    for (const [body, param] of cases) {
      const response = await app.chat(body);
      assert.deepEqual([response.status, (await response.json()).error.param], [400, param]);
    }
    assert.equal((await app.chat({ messages, seed: 2 ** 63 - 1 })).status, 200);
  }));

/** Parameters that every client may send without harm. */
const accepted: ReadonlyArray<Record<string, unknown>> = [
  { n: 1, logprobs: false, top_logprobs: null, frequency_penalty: 0, presence_penalty: 0, logit_bias: {} },
  { store: false, service_tier: "auto", modalities: ["text"], verbosity: "medium", prompt_cache_key: "k" },
  { temperature: null, stop: null, tools: null, metadata: null, stream_options: null, unheard_of: null },
  { tools: [], tool_choice: "auto", parallel_tool_calls: true },
  { max_completion_tokens: 100, temperature: 0, top_p: 1, seed: 7, reasoning_effort: "low" },
];

for (const parameters of accepted) {
  Deno.test(`POST /v1/chat/completions accepts ${JSON.stringify(parameters)}`, () =>
    withApp({ steps: [Scripted.answers("fine")] }, async (app) => {
      const response = await app.chat({ messages, ...parameters });
      assert.equal(response.status, 200);
      assert.equal((await response.json()).choices[0].message.content, "fine");
    }));
}

Deno.test("POST /v1/chat/completions accepts an image and a file as data", () =>
  withApp({ steps: [Scripted.answers("seen")] }, async (app) => {
    const content = [
      { type: "text", text: "look" },
      { type: "image_url", image_url: { url: png } },
      { type: "file", file: { filename: "../../etc/passwd", file_data: "aGVsbG8=" } },
    ];
    assert.equal((await app.chat({ messages: [{ role: "user", content }] })).status, 200);
  }));

Deno.test("the API answers an unknown URL, a wrong method, a wrong type and a large body with the envelope", () =>
  withApp({ settings: { bodyBytesMax: 1024 } }, async (app) => {
    const url = "http://caisson.test/v1/chat/completions";
    const large = JSON.stringify({ messages: [{ role: "user", content: "x".repeat(2000) }] });
    const chunked = new Request(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: ReadableStream.from([new TextEncoder().encode(large)]),
    });
    const cases: ReadonlyArray<readonly [Request, number, string]> = [
      [new Request("http://caisson.test/nope"), 404, "unknown_url"],
      [new Request("http://caisson.test/v1/models/a/b"), 404, "unknown_url"],
      [new Request(url), 405, "method_not_supported"],
      [new Request("http://caisson.test/health", { method: "DELETE" }), 405, "method_not_supported"],
      [new Request("http://caisson.test/v1/models/x", { method: "PUT" }), 405, "method_not_supported"],
      [new Request(url, { method: "POST", body: "{}" }), 415, "unsupported_media_type"],
      [
        new Request(url, { method: "POST", headers: { "content-type": "application/json" }, body: large }),
        413,
        "request_too_large",
      ],
      [chunked, 413, "request_too_large"],
    ];
    for (const [request, status, code] of cases) {
      const response = await app.send(request);
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code, error.type], [status, code, "invalid_request_error"]);
      assert.ok(response.headers.get("x-request-id"));
      if (status === 405) assert.ok(response.headers.get("allow"));
    }
  }));

Deno.test("the API asks for a credential on every /v1 path and not on /health when keys are configured", () =>
  withApp({
    settings: { apiKeys: Option.some(Redacted.make("alice:0123456789abcdef0123456789abcdef")) },
    steps: [Scripted.answers("hi")],
  }, async (app) => {
    for (const response of [await app.get("/v1/models"), await app.get("/v1/models/scripted"), await app.chat("{")]) {
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.equal((await response.json()).error.code, "invalid_api_key");
    }
    assert.equal((await app.get("/health")).status, 200);
    const authorization = "Bearer 0123456789abcdef0123456789abcdef";
    assert.equal((await app.get("/v1/models", { authorization })).status, 200);
    assert.equal((await app.chat({ messages }, { authorization })).status, 200);
  }));
