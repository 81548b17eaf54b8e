import assert from "node:assert/strict";
import { explain, explainBody } from "../../../../../src/adapters/model/gemini/errors.ts";
import { errorBody, retryInfo } from "../../../../support/geminiWire.ts";

/** An error as the SDK throws it. */
const thrown = (status: number, body: unknown) =>
  Object.assign(new Error(JSON.stringify(body)), { name: "ApiError", status });
const quota = (quotaId: string) => ({
  "@type": "type.googleapis.com/google.rpc.QuotaFailure",
  violations: [{ quotaId }],
});

const cases: ReadonlyArray<readonly [string, unknown, Record<string, unknown>]> = [
  [
    "the key is refused as a bad request",
    thrown(400, errorBody(400, "INVALID_ARGUMENT", "no", [{ reason: "API_KEY_INVALID" }])),
    { _tag: "BadCredentials" },
  ],
  ["the key may not use the model", thrown(403, errorBody(403, "PERMISSION_DENIED", "no")), { _tag: "BadCredentials" }],
  ["an argument is wrong", thrown(400, errorBody(400, "INVALID_ARGUMENT", "no")), { _tag: "RequestRefused" }],
  [
    "the conversation is too long",
    thrown(
      400,
      errorBody(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
    ),
    { _tag: "ContextTooLong" },
  ],
  ["there is no such model", thrown(404, errorBody(404, "NOT_FOUND", "no")), { _tag: "UnknownModel" }],
  [
    "a rate is exceeded for a while",
    thrown(429, errorBody(429, "RESOURCE_EXHAUSTED", "slow down", [quota("PerMinutePerModel"), retryInfo("17.25s")])),
    { _tag: "RateLimited", retryAfterMs: 17250 },
  ],
  [
    "a rate is exceeded without a hint",
    thrown(429, errorBody(429, "RESOURCE_EXHAUSTED", "slow down")),
    { _tag: "RateLimited" },
  ],
  [
    "the day's quota is spent",
    thrown(
      429,
      errorBody(429, "RESOURCE_EXHAUSTED", "spent", [quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")]),
    ),
    { _tag: "QuotaExhausted" },
  ],
  [
    "a field is wrong",
    thrown(
      400,
      errorBody(400, "INVALID_ARGUMENT", "no", [{ fieldViolations: [{ field: "generation_config.top_k" }] }]),
    ),
    { _tag: "RequestRefused", param: "generation_config.top_k" },
  ],
  ["the body is a page", thrown(502, { error: { message: "<html>", code: 502 } }), {
    _tag: "Unavailable",
    status: 502,
  }],
  ["the body is not JSON", Object.assign(new Error("?"), { name: "ApiError", status: 500 }), {
    _tag: "Unavailable",
    status: 500,
  }],
  ["the connection is refused", new TypeError("error sending request"), { _tag: "ConnectionLost" }],
];
for (const [what, error, expected] of cases) {
  Deno.test(`explain gives ${expected["_tag"]} when ${what}`, () => {
    assert.deepEqual({ ...explain(error).reason }, expected);
  });
}

Deno.test("explain keeps a bounded part of the provider's words when they are long", () => {
  assert.ok(explain(thrown(500, { error: { message: "x".repeat(100_000) } })).detail.length <= 2001);
});

Deno.test("explainBody gives Unavailable and the wait when the upstream breaks mid-stream", () => {
  const { error } = errorBody(503, "UNAVAILABLE", "overloaded", [retryInfo("1s")]);
  assert.deepEqual({ ...explainBody(error).reason }, { _tag: "Unavailable", status: 503, retryAfterMs: 1000 });
});
