/**
 * `/health` says what a completion would meet, part by part; `/health/ready` follows it.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Stream } from "effect";
import { Model, ModelNotFound } from "../../src/services/Model.ts";
import { nothing, UsageLedgerUnavailable } from "../../src/services/UsageLedger.ts";
import { type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

const missing = new ModelNotFound({ model: "none", why: "its key is missing", available: [] });
const noModel = Layer.succeed(
  Model,
  Model.of({
    defaultModel: Effect.fail(missing),
    list: Effect.succeed([]),
    find: () => Effect.fail(missing),
    stream: () => Stream.fail(missing),
  }),
);

const fullDisk: AppOptions["usageLedger"] = {
  check: Effect.fail(new UsageLedgerUnavailable({ detail: "ENOSPC at /srv/secret" })),
  charge: () => Effect.void,
  today: () => Effect.succeed({ user: nothing, principal: nothing }),
  record: () => Effect.void,
  report: () => Effect.succeed([]),
};

Deno.test("/health is healthy and /health/ready ready when every part works", () =>
  withApp({}, async (app) => {
    const health = await (await app.get("/health")).json();
    // The event loop of a busy machine may have been held in truth.
    assert.equal(health.status, health.event_loop.healthy ? "healthy" : "degraded", JSON.stringify(health));
    for (const part of ["sandbox", "sessions", "model", "disk"]) {
      assert.equal(health[part].healthy, true, part);
    }
    assert.deepEqual(await (await app.get("/health/ready")).json(), { status: "ready" });
    assert.deepEqual(await (await app.get("/health/live")).json(), { status: "alive" });
  }));

const broken: ReadonlyArray<readonly [string, AppOptions]> = [
  ["model", { model: noModel }],
  ["disk", { usageLedger: fullDisk }],
];

for (const [part, options] of broken) {
  Deno.test(`/health is degraded and /health/ready 503 when the ${part} does not work`, () =>
    withApp({ sandbox: fakeSandbox(), ...options }, async (app) => {
      const response = await app.get("/health");
      const text = await response.text();
      const health = JSON.parse(text);
      assert.deepEqual([response.status, health.status, health[part].healthy], [200, "degraded", false]);
      assert.ok(health[part].detail !== "" && !text.includes("/srv/secret"), text);
      const ready = await app.get("/health/ready");
      assert.deepEqual([ready.status, await ready.json()], [503, { status: "degraded", parts: [part] }]);
      assert.equal((await app.get("/health/live")).status, 200);
    }));
}
