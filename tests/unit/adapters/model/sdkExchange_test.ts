/**
 * Requests in an envelope that an SDK has shown are those that it would send itself, byte by byte, and error answers
 * to them are told as it tells them.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Deferred, Effect, Option, Redacted, Result, Stream } from "effect";
import * as Anthropic from "../../../../src/adapters/model/Anthropic.ts";
import { Cut } from "../../../../src/adapters/model/Cut.ts";
import { fault } from "../../../../src/adapters/model/fault.ts";
import * as Gemini from "../../../../src/adapters/model/Gemini.ts";
import { bodyOf } from "../../../../src/adapters/model/gemini/body.ts";
import { lower } from "../../../../src/adapters/model/gemini/request.ts";
import type { Provider } from "../../../../src/adapters/model/Provider.ts";
import { Envelopes, type Fetch, sdkExchange, type SdkRequest } from "../../../../src/adapters/model/sdkExchange.ts";
import { type Message, user } from "../../../../src/domain/Message.ts";
import { ConnectionLost, type ModelRequest } from "../../../../src/services/Model.ts";
import * as anthropicWire from "../../../support/anthropicWire.ts";
import * as geminiWire from "../../../support/geminiWire.ts";
import { hostileHistories } from "../../../support/hostileHistories.ts";
import { it } from "../../../support/it.ts";
import { type Reply, serveWire } from "../../../support/wireServer.ts";

const deadlines = { connectMs: 20_000, firstEventMs: 20_000, silenceMs: 20_000 };
const apiKey = Redacted.make("test-key");

interface Subject {
  readonly provider: string;
  readonly models: ReadonlyArray<string>;
  readonly make: (url: string, envelopes?: Envelopes) => Effect.Effect<Provider>;
  /** Its SDK makes every request. */
  readonly hasNoEnvelopes?: boolean;
  readonly good: Reply;
}

const subjects: ReadonlyArray<Subject> = [
  {
    provider: "gemini",
    models: ["gemini-flash-latest", "gemini-2.5-pro", "gemini-2.0-flash"],
    make: (url, envelopes = new Envelopes()) =>
      Gemini.make({
        apiKey,
        baseUrl: Option.some(url),
        apiVersion: "v1beta",
        vertex: false,
        deadlines,
        envelopes,
      }),
    good: geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish()),
  },
  {
    provider: "gemini",
    models: ["gemini-flash-latest"],
    // A place with a path and a slash, and another version.
    make: (url, envelopes = new Envelopes()) =>
      Gemini.make({
        apiKey,
        baseUrl: Option.some(`${url}/at/`),
        apiVersion: "v1",
        vertex: false,
        deadlines,
        envelopes,
      }),
    good: geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish()),
  },
  {
    provider: "gemini",
    models: ["gemini-flash-latest"],
    make: (url, envelopes = new Envelopes()) =>
      Gemini.make({ apiKey, baseUrl: Option.some(url), apiVersion: "v1beta", vertex: true, deadlines, envelopes }),
    hasNoEnvelopes: true,
    good: geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish()),
  },
  {
    provider: "anthropic",
    models: ["claude-sonnet-5-5", "claude-3-7-sonnet-latest", "claude-3-opus-20240229"],
    make: (url, envelopes = new Envelopes()) =>
      Anthropic.make({ apiKey, baseUrl: Option.some(url), deadlines, envelopes }),
    good: anthropicWire.turn(...anthropicWire.text(0, "fine"), ...anthropicWire.stop()),
  },
];

// Requests ---------------------------------------------------------------------------------------

const plain: ModelRequest = { model: "", system: "", messages: [user("Hello")], tools: [], parameters: {} };
const image = { _tag: "Image", mediaType: "image/png", base64: "aGk=" } as const;
const schema = {
  type: "object",
  properties: { a: { type: ["string", "null"], description: "é 😀" } },
  required: ["a"],
};

/** A turn of two calls with what a provider said beside them, and their results. */
const calls = (provider: string): ReadonlyArray<Message> => [
  user("Look"),
  {
    role: "assistant",
    parts: [
      { _tag: "Reasoning", text: "Hm", origin: { provider, data: { signature: "c0==", thoughtSignature: "c0==" } } },
      { _tag: "Reasoning", text: "", origin: { provider, data: { redacted: "xyz" } } },
      { _tag: "Text", text: "Looking.", origin: { provider, data: { thoughtSignature: "c1==" } } },
      {
        _tag: "ToolCall",
        call: {
          id: "c1",
          name: "look up",
          argumentsJson: '{"b":1,"a":{"__proto__":2},"n":null}',
          origin: { provider, data: { id: "c1", thoughtSignature: "c2==" } },
        },
      },
      { _tag: "ToolCall", call: { id: "c2", name: "look", argumentsJson: "no JSON" } },
    ],
  },
  { role: "tool", callId: "c1", name: "look up", content: "seen \u2028 \ud83d", isError: false, images: [image] },
  { role: "tool", callId: "c2", name: "look", content: "", isError: true },
];

/** Requests by what is special in them. */
const requests = (provider: string): Readonly<Record<string, Partial<ModelRequest>>> => ({
  "plain": {},
  "a system prompt": { system: "Be brief.\n\ud83d" },
  "no message": { messages: [] },
  "images": { messages: [{ role: "user", parts: [{ _tag: "Text", text: "What is it?" }, image] }] },
  "tools": {
    tools: [
      { name: "look", description: "Looks \ud83d", parameters: schema },
      { name: "look up", description: "", parameters: { ...schema, $schema: "http://json-schema.org/schema#" } },
    ],
  },
  "calls and their results": { messages: calls(provider) },
  "calls of another provider": { messages: calls("another") },
  ...Object.fromEntries(
    (["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const).map((reasoningEffort) => [
      `reasoning effort ${reasoningEffort}`,
      { parameters: { reasoningEffort, outputTokensMax: 20_000 } },
    ]),
  ),
  ...Object.fromEntries(
    ([{ _tag: "Auto" }, { _tag: "None" }, { _tag: "Required" }, { _tag: "Named", name: "look" }] as const).map(
      (toolChoice) => [`tool choice ${toolChoice._tag}`, {
        tools: [{ name: "look", description: "Looks", parameters: schema }],
        parameters: { toolChoice, parallelToolCalls: false },
      }],
    ),
  ),
  "every sampling parameter": {
    parameters: {
      seed: 7,
      presencePenalty: 0.5,
      frequencyPenalty: 0,
      topK: 40,
      topP: 0.9,
      temperature: 0,
      stop: ["END", "\n\n"],
      outputTokensMax: 4000,
    },
  },
  "an object for an answer": { parameters: { responseFormat: { _tag: "JsonObject" } } },
  "a schema for an answer": {
    parameters: { responseFormat: { _tag: "JsonSchema", name: "answer", schema, strict: true }, temperature: 1 },
  },
  "no stop and a cache key": { parameters: { stop: [] }, cacheKey: "key" },
});

// Bytes ------------------------------------------------------------------------------------------

interface Bytes {
  readonly line: string;
  readonly head: ReadonlyArray<string>;
  readonly body: string;
}

/** A server that keeps what it is sent as it came. */
const serveRaw = Effect.fnUntraced(function* (good: Reply) {
  const seen: Array<Bytes> = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => (body += text));
    request.on("end", () => {
      seen.push({ line: `${request.method} ${request.url}`, head: request.rawHeaders, body });
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(good.body.filter((piece) => typeof piece === "string").join(""));
    });
  });
  const listening = yield* Deferred.make<void>();
  yield* Effect.acquireRelease(
    Effect.sync(() => server.listen(0, "127.0.0.1", () => Deferred.doneUnsafe(listening, Effect.void))),
    () => Effect.sync(() => server.close().closeAllConnections()),
  );
  yield* Deferred.await(listening);
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}`, seen };
});

const run = (provider: Provider, request: ModelRequest) => Effect.result(Stream.runCollect(provider.stream(request)));

for (const [place, { provider: name, models, make, good, hasNoEnvelopes = false }] of subjects.entries()) {
  for (const model of models) {
    it.live(`the provider of ${model} (${place}) sends in its envelope what its SDK sends`, () =>
      Effect.gen(function* () {
        const server = yield* serveRaw(good);
        const envelopes = new Envelopes();
        const known = yield* make(server.url, envelopes);
        assert.ok(Result.isSuccess(yield* run(known, { ...plain, model })));
        assert.equal(envelopes.of(model) === undefined, hasNoEnvelopes);
        server.seen.length = 0;
        for (const [what, more] of Object.entries(requests(name))) {
          const request = { ...plain, ...more, model };
          const bySdk = yield* run(yield* make(server.url), request);
          const inEnvelope = yield* run(known, request);
          assert.deepEqual(inEnvelope, bySdk, what);
          const [first, second, ...others] = server.seen.splice(0);
          assert.deepEqual(second, first, what);
          assert.equal(others.length, 0, what);
          assert.equal(first === undefined, Result.isFailure(bySdk), what);
        }
      }));
  }
}

it.live("the body of a Gemini request that is written here is the SDK's, of hostile histories too", () =>
  Effect.gen(function* () {
    const model = "gemini-flash-latest";
    const server = yield* serveRaw(geminiWire.turn(geminiWire.chunk(geminiWire.text("fine")), geminiWire.finish()));
    for (const { messages } of hostileHistories(60)) {
      const request = { ...plain, model, messages };
      // A provider that has not sent anything lets its SDK make the request.
      const provider = yield* Gemini.make({
        apiKey,
        baseUrl: Option.some(server.url),
        apiVersion: "v1beta",
        vertex: false,
        deadlines,
      });
      yield* run(provider, request);
      const lowered = lower(request);
      assert.ok(Result.isSuccess(lowered));
      assert.equal(server.seen.pop()?.body, bodyOf(lowered.success));
    }
  }));

// Errors -----------------------------------------------------------------------------------------

const refusals: Readonly<Record<string, Reply>> = {
  "a text": { status: 400, headers: { "content-type": "text/plain" }, body: ["max_tokens: too many"] },
  "nothing": { status: 500, body: [] },
  "a page": { status: 502, headers: { "content-type": "text/html" }, body: ["<html>", "Bad Gateway", "</html>"] },
  "half of its JSON": { status: 503, headers: { "content-type": "application/json" }, body: ['{"error":{"mess'] },
  "a wait": {
    status: 429,
    headers: { "content-type": "application/json", "retry-after": "3", "retry-after-ms": "1500" },
    body: ['{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'],
  },
  "a redirect": { status: 307, headers: { location: "/elsewhere" }, body: [] },
  "a large page": { status: 500, body: Array.from({ length: 100 }, () => "x".repeat(16 * 1024)) },
  ...Object.fromEntries([400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529].flatMap((status) => [
    [`Anthropic's ${status}`, anthropicWire.failure(status, "invalid_request_error", "messages.0: not so")],
    [`Gemini's ${status}`, geminiWire.failure(status, "INVALID_ARGUMENT", "not so", [geminiWire.retryInfo("2s")])],
  ])),
};

for (const [place, { models: [model = ""], make, good }] of subjects.entries()) {
  it.live(`the provider of ${model} (${place}) tells of a refusal in its envelope as its SDK does, and asks once`, () =>
    Effect.gen(function* () {
      for (const [what, refusal] of Object.entries(refusals)) {
        const server = yield* serveWire((_, index) => index === 1 ? good : refusal);
        const provider = yield* make(server.url);
        const request = { ...plain, model };
        const bySdk = yield* run(provider, request);
        assert.ok(Result.isFailure(bySdk), what);
        assert.ok(Result.isSuccess(yield* run(provider, request)), what);
        assert.deepEqual(yield* run(provider, request), bySdk, what);
        assert.equal(server.received.length, 3, what);
      }
    }));
}

// Envelopes --------------------------------------------------------------------------------------

const told = () => fault(new ConnectionLost(), "told");

/** A request whose SDK counts how often it is asked. */
const counted = (url: string, sent: string, ours: string | undefined) => {
  const asked: Array<string> = [];
  const request = (model: string): SdkRequest => ({
    model,
    open: (fetch: Fetch) => {
      asked.push(model);
      return fetch(url, { method: "POST", headers: { "x-own": "1" }, body: sent });
    },
    body: () => ours,
    explain: told,
  });
  return { asked, request };
};

const opening = (request: SdkRequest, envelopes: Envelopes) =>
  Effect.result(Effect.scoped(sdkExchange(request, envelopes, new Cut())));

it.live("sdkExchange asks the SDK once for a model that it answers, and sends the rest in its envelope", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => ({ body: [] }));
    const { asked, request } = counted(server.url, "{}", "{}");
    const envelopes = new Envelopes();
    for (const model of ["a", "a", "b", "a", "b"]) {
      assert.ok(Result.isSuccess(yield* opening(request(model), envelopes)));
    }
    assert.deepEqual(asked, ["a", "b"]);
    assert.deepEqual(server.received.map(({ headers, body }) => [headers["x-own"], body]), Array(5).fill(["1", {}]));
  }));

it.live("sdkExchange leaves to the SDK what was written otherwise here, or not at all", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => ({ body: [] }));
    for (const ours of ["[]", undefined]) {
      const { asked, request } = counted(server.url, "{}", ours);
      const envelopes = new Envelopes();
      for (let index = 0; index < 3; index++) {
        assert.ok(Result.isSuccess(yield* opening(request("a"), envelopes)));
      }
      assert.equal(asked.length, 3);
      assert.equal(envelopes.of("a"), undefined);
    }
  }));

it.live("sdkExchange keeps no envelope of a model that was refused, and not of more than so many", () =>
  Effect.gen(function* () {
    let status = 404;
    const server = yield* serveWire(() => ({ status, body: [] }));
    const { request } = counted(server.url, "{}", "{}");
    const envelopes = new Envelopes();
    for (let index = 0; index < 70; index++) yield* opening(request(`refused-${index}`), envelopes);
    status = 200;
    for (let index = 0; index < 70; index++) {
      assert.ok(Result.isSuccess(yield* opening(request(`model-${index}`), envelopes)));
    }
    const known = Array.from({ length: 70 }, (_, index) => envelopes.of(`model-${index}`) !== undefined);
    assert.equal(known.filter((isKnown) => isKnown).length, 64);
    assert.equal(envelopes.of("refused-0"), undefined);
  }));

it.effect("sdkExchange takes what an SDK throws before it sends anything for the request's fault", () =>
  Effect.gen(function* () {
    const open = () => Promise.reject(new Error("contents are required"));
    const request: SdkRequest = { model: "a", open, body: () => undefined, explain: told };
    const failed = yield* Effect.flip(Effect.scoped(sdkExchange(request, new Envelopes(), new Cut())));
    assert.equal(failed.reason._tag, "RequestRefused");
  }));
