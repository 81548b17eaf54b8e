import assert from "node:assert/strict";
import { Validator } from "npm:@seriousme/openapi-schema-validator@2.11.0";
import { Schema } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ErrorEnvelope } from "../../src/http/frame/reply.ts";
import { type App, withApp } from "../support/app.ts";
import { random, sampler } from "../support/jsonSchemaSamples.ts";

const documentOf = async (app: App) => await (await app.get("/openapi.json")).json();

const isEnvelope = Schema.is(ErrorEnvelope);

/** Requests in one run; with the seed they are always the same ones. */
const requests = 600;
const seed = 20_261_122;

Deno.test("GET /openapi.json is a valid OpenAPI document", () =>
  withApp({}, async (app) => {
    const result = await new Validator().validate(await documentOf(app));
    assert.ok(result.valid, JSON.stringify(result.errors));
  }));

Deno.test("GET /openapi.json describes the stream, the credential and the harmless parameters", () =>
  withApp({}, async (app) => {
    const document = await documentOf(app);
    const chat = document.paths["/v1/chat/completions"].post;
    assert.deepEqual(Object.keys(chat.responses["200"].content), ["application/json", "text/event-stream"]);
    assert.deepEqual(
      chat.responses["200"].content["text/event-stream"].schema.anyOf.map((each: { $ref: string }) => each.$ref),
      ["#/components/schemas/CreateChatCompletionStreamResponse", "#/components/schemas/ErrorResponse"],
    );
    assert.deepEqual(chat.security, [{ bearer: [] }]);
    assert.equal(document.components.securitySchemes.bearer.scheme.toLowerCase(), "bearer");
    assert.equal(document.paths["/health"].get.security?.length ?? 0, 0);
    const { properties } = document.components.schemas.CreateChatCompletionRequest;
    assert.deepEqual(properties.n.enum, [1, null]);
    assert.ok(!JSON.stringify(document).includes("x-effect-stream"));
  }));

for (const wrongness of [0, 0.05, 0.3]) {
  Deno.test(`requests made from /openapi.json with ${wrongness * 100}% wrong values are never answered 500`, () =>
    withApp({ steps: Array.from({ length: requests }, () => Scripted.answers("fine")) }, async (app) => {
      const document = await documentOf(app);
      const sample = sampler(document, random(seed), wrongness);
      const schema = document.components.schemas.CreateChatCompletionRequest;
      const statuses = new Map<number, number>();
      for (let index = 0; index < requests; index++) {
        const body = sample(schema);
        const response = await app.chat(JSON.stringify(body));
        const text = await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        assert.notEqual(response.status, 500, JSON.stringify(body));
        if (response.status !== 200) assert.ok(isEnvelope(JSON.parse(text)), text);
      }
      assert.ok((statuses.get(200) ?? 0) > 0 || wrongness > 0, JSON.stringify([...statuses]));
    }));
}
