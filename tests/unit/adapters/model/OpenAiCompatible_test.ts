import assert from "node:assert/strict";
import { Effect, Option, Redacted, Stream } from "effect";
import { FetchHttpClient } from "effect/http";
import * as OpenAiCompatible from "../../../../src/adapters/model/OpenAiCompatible.ts";
import { takenBy } from "../../../../src/adapters/model/sampling.ts";
import { user } from "../../../../src/domain/Message.ts";
import { it } from "../../../support/it.ts";
import { failure, finish, text, turn } from "../../../support/openaiWire.ts";
import { type Reply, serveWire } from "../../../support/wireServer.ts";

const json = (body: unknown): Reply => ({
  headers: { "content-type": "application/json" },
  body: [JSON.stringify(body)],
});
const make = (url: string, apiKey: Option.Option<string> = Option.none()) =>
  OpenAiCompatible.make({
    name: "local",
    baseUrl: `${url}/v1/`,
    apiKey: Option.map(apiKey, (key) => Redacted.make(key)),
    deadlines: { connectMs: 20_000, firstEventMs: 20_000, silenceMs: 20_000 },
  }).pipe(Effect.provide(FetchHttpClient.layer));

it.live("OpenAiCompatible.find knows what the server lists, with and without a tag", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() =>
      json({ object: "list", data: [{ id: "llama3:latest", max_model_len: 8192 }, { id: "vendor/model" }] })
    );
    const provider = yield* make(server.url);
    const found = (model: string) => Effect.map(provider.find(model), Option.getOrNull);
    const takes = takenBy["openai-compatible"];
    const known = { id: "llama3", provider: "local", vision: true, takes, contextTokens: 8192 };
    assert.deepEqual(yield* found("llama3"), known);
    assert.deepEqual(yield* found("vendor/model:free"), {
      id: "vendor/model:free",
      provider: "local",
      vision: true,
      takes,
    });
    assert.equal(yield* found("gpt-none"), null);
    assert.deepEqual((yield* provider.list).map(({ id }) => id), ["llama3:latest", "vendor/model"]);
    assert.equal(server.received.length, 1, "the list is asked for once");
  }));

it.live("OpenAiCompatible.find leaves it to the server when it cannot list, but takes no other provider's name", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => ({ status: 404, body: ["not found"] }));
    const provider = yield* make(server.url);
    assert.ok(Option.isSome(yield* provider.find("anything")));
    assert.ok(Option.isNone(yield* provider.find("gemini-flash-latest")));
    assert.deepEqual(yield* provider.list, []);
  }));

it.live("OpenAiCompatible.stream posts to the base URL, with a key only when there is one", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => turn(text("Hello"), finish()));
    const request = { model: "m", system: "", messages: [user("hi")], tools: [], parameters: {} };
    yield* Stream.runDrain((yield* make(server.url)).stream(request));
    yield* Stream.runDrain((yield* make(server.url, Option.some("k"))).stream(request));
    assert.deepEqual(server.received.map(({ path }) => path), ["/v1/chat/completions", "/v1/chat/completions"]);
    assert.deepEqual(server.received.map(({ headers }) => headers["authorization"]), [undefined, "Bearer k"]);
  }));

it.live("OpenAiCompatible.stream reads an answer in one piece when the server does not stream", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() =>
      json({ choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }] })
    );
    const request = { model: "m", system: "", messages: [user("hi")], tools: [], parameters: {} };
    const events = yield* Stream.runCollect((yield* make(server.url)).stream(request));
    assert.deepEqual(events.map((event) => event._tag), ["TextDelta", "Finished"]);
  }));

it.live("OpenAiCompatible asks once more with max_completion_tokens when max_tokens is refused, and remembers", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(({ body, method }) =>
      method === "GET" ? json({ data: [{ id: "m" }] }) : "max_tokens" in Object(body)
        ? failure(400, {
          message: "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
          code: "unsupported_parameter",
        })
        : turn(text("Hello"), finish())
    );
    const provider = yield* make(server.url);
    const ask = provider.stream({
      model: "m",
      system: "",
      messages: [user("hi")],
      tools: [],
      parameters: { outputTokensMax: 5 },
    });
    yield* Stream.runDrain(ask);
    yield* Stream.runDrain(ask);
    const sent = server.received.filter(({ method }) => method === "POST").map(({ body }) => Object(body));
    assert.deepEqual(sent.map((body) => [body.max_tokens, body.max_completion_tokens]), [
      [5, undefined],
      [undefined, 5],
      [undefined, 5],
    ]);
  }));

it.live("OpenAiCompatible passes on the parameter that the server names", () =>
  Effect.gen(function* () {
    const refusal = { error: { message: "no", type: "invalid_request_error", param: "messages[1].role", code: null } };
    const server = yield* serveWire(() => ({ ...json(refusal), status: 400 }));
    const provider = yield* make(server.url);
    const failed = yield* Effect.flip(Stream.runDrain(
      provider.stream({ model: "m", system: "", messages: [user("hi")], tools: [], parameters: {} }),
    ));
    assert.ok(failed._tag === "ModelError" && failed.reason._tag === "RequestRefused");
    assert.equal(failed.reason.param, "messages[1].role");
  }));
