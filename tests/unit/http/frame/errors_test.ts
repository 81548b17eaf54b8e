import assert from "node:assert/strict";
import { errorTable } from "../../../../src/http/frame/errorTable.ts";
import { InvalidRequest, MethodNotAllowed } from "../../../../src/http/frame/errors.ts";
import { toReply } from "../../../../src/http/frame/reply.ts";
import { ModelError, RateLimited, TimedOut, Unavailable } from "../../../../src/services/Model.ts";
import { NoCapacity, SandboxError, SandboxLost } from "../../../../src/services/Sandbox.ts";

const model = (reason: ModelError["reason"]) =>
  new ModelError({ provider: "acme", model: "m", reason, detail: "sk-secret at /srv/internal" });

Deno.test("errorTable calls every 5xx a server_error and nothing else", () => {
  for (const { status, type } of Object.values(errorTable)) {
    assert.ok(status >= 400 && status <= 599);
    assert.equal(status >= 500 ? type === "server_error" : type !== "server_error", true);
  }
});

Deno.test("toReply tells nothing of the detail, and all four keys", () => {
  const { envelope } = toReply(model(new TimedOut({ phase: "connect", limitMs: 30_000 })));
  assert.deepEqual(envelope, {
    error: {
      message: "acme did not answer within 30 seconds (connect).",
      type: "server_error",
      param: null,
      code: "provider_timeout",
    },
  });
});

Deno.test("toReply allows a retry where it can help, and says when", () => {
  const { headers } = toReply(model(new Unavailable({ retryAfterMs: 1_200 })));
  assert.deepEqual(headers, { "x-should-retry": "true", "retry-after": "2", "retry-after-ms": "1200" });
});

Deno.test("toReply forbids a retry after a tool has run, over a long wait, and after a lost sandbox", () => {
  const busy = model(new RateLimited({ retryAfterMs: 1_000 }));
  assert.equal(toReply(busy).headers["x-should-retry"], "true");
  assert.equal(toReply(busy, { toolsHaveRun: true }).headers["x-should-retry"], "false");
  assert.equal(toReply(model(new RateLimited({ retryAfterMs: 61_000 }))).headers["x-should-retry"], "false");
  const lost = new SandboxError({ reason: new SandboxLost(), detail: "" });
  assert.equal(toReply(lost).headers["x-should-retry"], "false");
});

Deno.test("toReply sends x-should-retry only where clients would retry by themselves", () => {
  const wrong = new InvalidRequest({ param: "n", why: "no", code: null });
  assert.deepEqual(toReply(wrong).headers, {});
  const method = new MethodNotAllowed({ method: "GET", path: "/x", allow: ["POST"] });
  assert.deepEqual(toReply(method).headers, { allow: "POST" });
  const full = new SandboxError({ reason: new NoCapacity({ scope: "server", limit: 3 }), detail: "" });
  assert.equal(toReply(full).headers["x-should-retry"], "true");
});
