import assert from "node:assert/strict";
import { explain } from "../../../../../src/adapters/model/openai/errors.ts";

const body = (error: unknown) => JSON.stringify({ error });
const cases: ReadonlyArray<readonly [string, number, string, Record<string, unknown>]> = [
  ["the account is empty", 429, body({ code: "insufficient_quota", message: "no" }), { _tag: "QuotaExhausted" }],
  ["payment is required", 402, body({ message: "no" }), { _tag: "QuotaExhausted" }],
  ["the rate is exceeded", 429, body({ code: "rate_limit_exceeded" }), { _tag: "RateLimited", retryAfterMs: 1500 }],
  [
    "llama.cpp's context is full",
    400,
    body({ code: 400, message: "no", type: "exceed_context_size_error" }),
    { _tag: "ContextTooLong" },
  ],
  [
    "vLLM's context is full",
    400,
    JSON.stringify({ object: "error", message: "This model's maximum context length is 10 tokens", code: 400 }),
    { _tag: "ContextTooLong" },
  ],
  [
    "a filter stops the prompt",
    400,
    body({ code: "content_filter", message: "no" }),
    { _tag: "PromptBlocked", why: "content_filter" },
  ],
  ["a parameter is wrong", 400, body({ message: "no" }), { _tag: "RequestRefused" }],
  [
    "Ollama lacks the model",
    404,
    body({ message: "model 'x' not found, try pulling it first", type: "api_error" }),
    { _tag: "UnknownModel" },
  ],
  ["the path is wrong", 404, "404 page not found", { _tag: "RequestRefused" }],
  ["the body is a text", 500, "oops", { _tag: "Unavailable", status: 500, retryAfterMs: 1500 }],
];
for (const [what, status, text, expected] of cases) {
  Deno.test(`explain gives ${expected["_tag"]} when ${what}`, () => {
    assert.deepEqual({ ...explain({ status, text, retryAfterMs: 1500 }).reason }, expected);
  });
}
