/**
 * The OpenAPI document tells the truth: every operation is asked with and without a key, with wrong
 * queries and with wrong bodies, and answers as the document says.
 */
import assert from "node:assert/strict";
import { Option, Redacted, Schema } from "effect";
import { OpenApi } from "effect/http-api";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { Api } from "../../src/http/api.ts";
import { ErrorEnvelope } from "../../src/http/frame/reply.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";

const key = "0123456789abcdef0123456789abcdef";
const keyed: AppOptions = {
  settings: { apiKeys: Option.some(Redacted.make(`alice:${key}`)) },
  steps: Array.from({ length: 20 }, () => Scripted.answers("hi")),
};

const Document = Schema.Struct({
  paths: Schema.Record(
    Schema.String,
    Schema.Record(
      Schema.String,
      Schema.Struct({
        summary: Schema.String,
        security: Schema.Array(Schema.Record(Schema.String, Schema.Array(Schema.String))),
        parameters: Schema.Array(Schema.Struct({ name: Schema.String, in: Schema.String })),
        requestBody: Schema.optionalKey(Schema.Struct({ content: Schema.Record(Schema.String, Schema.Unknown) })),
        responses: Schema.Record(Schema.String, Schema.Unknown),
      }),
    ),
  ),
});
const document = Schema.decodeUnknownSync(Document)(OpenApi.fromApi(Api));

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation }))
);
type Operation = typeof operations[number];

const isEnvelope = Schema.is(ErrorEnvelope);

interface Asked {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
}

/** Asks an operation and checks that its status is declared, and that a failure has the envelope. */
const ask = async (app: App, { path, method, responses }: Operation, { query = "", headers = {}, body }: Asked) => {
  const url = `http://caisson.test${path.replaceAll(/\{[^}]+\}/g, "none")}${query}`;
  const response = await app.send(new Request(url, { method, headers, ...(body === undefined ? {} : { body }) }));
  const text = await response.text();
  const told = `${method} ${url}: ${response.status} ${text.slice(0, 200)}`;
  assert.ok(String(response.status) in responses, `not declared: ${told}`);
  assert.notEqual(response.status, 500, told);
  if (response.status >= 400) assert.ok(isEnvelope(JSON.parse(text)), told);
  return { status: response.status, error: response.status >= 400 ? JSON.parse(text).error : undefined, told };
};

const authorization = `Bearer ${key}`;

Deno.test("every operation asks for a key exactly where the document says so", () =>
  withApp(keyed, async (app) => {
    for (const operation of operations) {
      const needsKey = operation.security.length > 0;
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic YTpi" }]) {
        const { status, told } = await ask(app, operation, { headers });
        assert.equal(status === 401, needsKey, told);
      }
      const { status, told } = await ask(app, operation, { headers: { authorization } });
      assert.notEqual(status, 401, told);
    }
  }));

Deno.test("every operation refuses a wrong query by the name of its parameter, or does without it", () =>
  withApp(keyed, async (app) => {
    for (const operation of operations) {
      for (const { name } of operation.parameters.filter((parameter) => parameter.in === "query")) {
        for (const value of ["", "x".repeat(600), "-1", "1e9", "%00", "a&" + name + "=b"]) {
          const { status, error, told } = await ask(app, operation, {
            query: `?${name}=${value}`,
            headers: { authorization },
          });
          if (status === 400 && operation.requestBody === undefined) assert.equal(error?.param, name, told);
        }
      }
      const long = await ask(app, operation, { headers: { authorization, "x-user-id": "u".repeat(600) } });
      if (operation.security.length > 0) assert.deepEqual([long.status, long.error?.param], [400, "x-user-id"]);
    }
  }));

Deno.test("every operation with a body refuses what is none of its bodies", () =>
  withApp(keyed, async (app) => {
    for (const operation of operations.filter(({ requestBody }) => requestBody !== undefined)) {
      for (const contentType of ["application/json", "text/plain", "multipart/form-data", "application/xml"]) {
        for (const body of ["", "{", "[]", "null", "\u0000", '{"messages":5,"items":5}']) {
          const headers = { authorization, "content-type": contentType };
          const { status, told } = await ask(app, operation, { headers, body });
          assert.ok(status >= 400 && status < 500, told);
        }
      }
      const compressed = await ask(app, operation, {
        headers: { authorization, "content-type": "application/json", "content-encoding": "gzip" },
        body: "{}",
      });
      assert.equal(compressed.status, 415, compressed.told);
    }
  }));

Deno.test("every operation has a summary, and no two the same", () => {
  assert.equal(new Set(operations.map(({ summary }) => summary)).size, operations.length);
});
