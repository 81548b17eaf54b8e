/**
 * `GET /v1/models` tells which providers did not say what they have, and nothing of it where all did.
 */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import * as Offline from "../../src/adapters/model/Offline.ts";
import { Model } from "../../src/services/Model.ts";
import { withApp } from "../support/app.ts";

/** The offline model, among others whose providers are silent. */
const silent = (names: ReadonlyArray<string>) =>
  Layer.effect(Model, Effect.map(Model, (model) => Model.of({ ...model, unlisted: Effect.succeed(names) }))).pipe(
    Layer.provide(Offline.layer),
  );

for (const isObserved of [false, true]) {
  Deno.test(`GET /v1/models names the providers that are silent, where it is ${isObserved ? "" : "not "}measured`, async () => {
    for (const names of [["anthropic", "openai-compatible"], []]) {
      await withApp({ model: silent(names), isObserved }, async (app) => {
        const body = await (await app.get("/v1/models")).json();
        assert.deepEqual(body.not_listed, names.length === 0 ? undefined : names);
        assert.equal(body.data[0].id, "caisson-offline");
      });
    }
  });
}
