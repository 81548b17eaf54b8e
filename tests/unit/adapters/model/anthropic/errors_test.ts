import assert from "node:assert/strict";
import { explain, explainBody } from "../../../../../src/adapters/model/anthropic/errors.ts";

/** An error as the SDK throws it. */
const thrown = (
  status: number | undefined,
  type: string | null,
  message: string,
  headers: Record<string, string> = {},
) => Object.assign(new Error(message), { status, type, headers: new Headers(headers) });

const cases: ReadonlyArray<readonly [string, unknown, Record<string, unknown>]> = [
  ["the key is refused", thrown(401, "authentication_error", "no"), { _tag: "BadCredentials" }],
  [
    "the balance is empty",
    thrown(400, "invalid_request_error", "Your credit balance is too low"),
    { _tag: "QuotaExhausted" },
  ],
  ["billing fails", thrown(402, "billing_error", "no"), { _tag: "QuotaExhausted" }],
  ["the prompt is too long", thrown(400, "invalid_request_error", "prompt is too long: 3 > 2"), {
    _tag: "ContextTooLong",
  }],
  ["the body is too large", thrown(413, "request_too_large", "no"), { _tag: "RequestRefused" }],
  ["there is no such model", thrown(404, "not_found_error", "model: claude-x"), { _tag: "UnknownModel" }],
  ["the path is wrong", thrown(404, "not_found_error", "Not Found"), { _tag: "RequestRefused" }],
  [
    "the rate is exceeded",
    thrown(429, "rate_limit_error", "slow down", { "retry-after": "1.5" }),
    { _tag: "RateLimited", retryAfterMs: 1500 },
  ],
  ["there is no connection", thrown(undefined, null, "Connection error."), { _tag: "ConnectionLost" }],
  ["a parameter is wrong", thrown(400, "invalid_request_error", "messages.0.content: no"), {
    _tag: "RequestRefused",
    param: "messages.0.content",
  }],
];
for (const [what, error, expected] of cases) {
  Deno.test(`explain gives ${expected["_tag"]} when ${what}`, () => {
    assert.deepEqual({ ...explain(error).reason }, expected);
  });
}

const midStream: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
  ["overloaded_error", { _tag: "Unavailable", status: 529 }],
  ["rate_limit_error", { _tag: "RateLimited" }],
  ["novel_error", { _tag: "Unavailable", status: 500 }],
];
for (const [type, expected] of midStream) {
  Deno.test(`explainBody gives ${expected["_tag"]} when ${type} comes mid-stream`, () => {
    assert.deepEqual({ ...explainBody({ type, message: "?" }).reason }, expected);
  });
}
