import assert from "node:assert/strict";
import { ConfigProvider, Duration, Effect, Option, Redacted, Result, Stream } from "effect";
import * as Configured from "../../../../src/adapters/model/Configured.ts";
import { takenBy } from "../../../../src/adapters/model/sampling.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { user } from "../../../../src/domain/Message.ts";
import { Model } from "../../../../src/services/Model.ts";
import { chunk, failure, finish, text, turn } from "../../../support/geminiWire.ts";
import { it } from "../../../support/it.ts";
import { serveWire } from "../../../support/wireServer.ts";

/** Runs a body with the Model port that some settings configure. */
const configured = <A, E>(changes: Partial<SettingsService>, body: Effect.Effect<A, E, Model>) =>
  body.pipe(Effect.provide(Configured.layer), Effect.provide(Settings.layerWith(changes)));
const key = Option.some(Redacted.make("k"));

it.effect("Configured.layer offers the offline model and names the missing keys when nothing is configured", () =>
  configured(
    {},
    Effect.gen(function* () {
      const model = yield* Model;
      assert.equal(yield* model.defaultModel, "caisson-offline");
      assert.deepEqual((yield* model.list).map(({ id }) => id), ["caisson-offline"]);
      const why = (name: string) =>
        Effect.map(Effect.result(model.find(name)), (found) => Result.isFailure(found) ? found.failure.why : undefined);
      assert.equal(yield* why("gemini-2.0-flash-exp"), "GOOGLE_API_KEY (or GEMINI_API_KEY) is not set");
      assert.equal(yield* why("gpt-4o"), "OPENAI_API_KEY (or OPENAI_BASE_URL) is not set");
      assert.equal(yield* why("claude-sonnet-5"), "ANTHROPIC_API_KEY is not set");
      assert.equal(yield* why("nonsense"), "no configured provider serves this name");
    }),
  ));

it.live("Configured.layer takes Gemini's flash as the default and any gemini name when there is a key", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => turn(chunk(text("Hello")), finish()));
    yield* configured(
      { geminiApiKey: key, geminiBaseUrl: Option.some(server.url) },
      Effect.gen(function* () {
        const model = yield* Model;
        assert.equal(yield* model.defaultModel, "gemini-flash-latest");
        yield* model.stream({
          model: "gemini-2.0-flash-exp",
          system: "",
          messages: [user("hi")],
          tools: [],
          parameters: {},
        }).pipe(Stream.runDrain);
      }),
    );
    assert.equal(server.received[0]?.path, "/v1beta/models/gemini-2.0-flash-exp:streamGenerateContent?alt=sse");
    assert.equal(server.received[0]?.headers["x-goog-api-key"], "k");
  }));

it.live("Configured.layer reaches Gemini through Vertex when it is told to, and returns ids and signatures there", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => turn(chunk(text("Hello")), finish()));
    yield* configured(
      { geminiApiKey: key, geminiBaseUrl: Option.some(server.url), geminiVertex: true },
      Effect.flatMap(Model, (model) =>
        Stream.runDrain(model.stream({
          model: "gemini-3-flash",
          system: "",
          messages: [user("hi"), {
            role: "assistant",
            parts: [{
              _tag: "ToolCall",
              call: {
                id: "g1",
                name: "t",
                argumentsJson: "{}",
                origin: { provider: "gemini", data: { id: "g1", thoughtSignature: "c2ln" } },
              },
            }],
          }, { role: "tool", callId: "g1", name: "t", content: "ok", isError: false }],
          tools: [],
          parameters: {},
        }))),
    );
    const [received] = server.received;
    assert.equal(
      received?.path,
      "/v1beta1/publishers/google/models/gemini-3-flash:streamGenerateContent?alt=sse",
    );
    assert.ok(
      JSON.stringify(received?.body).includes(
        '"functionCall":{"args":{},"id":"g1","name":"t"},"thoughtSignature":"c2ln"',
      ),
    );
  }));

it.live("Configured.layer tries a flaky upstream again as often as it is told", () =>
  Effect.gen(function* () {
    const server = yield* serveWire((_request, index) =>
      index < 1 ? failure(503, "UNAVAILABLE", "overloaded") : turn(chunk(text("Hello")), finish())
    );
    const events = yield* configured(
      { geminiApiKey: key, geminiBaseUrl: Option.some(server.url), modelAttemptsMax: 2 },
      Effect.flatMap(Model, (model) =>
        Stream.runCollect(
          model.stream({ model: "gemini-x", system: "", messages: [user("hi")], tools: [], parameters: {} }),
        )),
    );
    assert.deepEqual(events.map((event) => event._tag), ["TextDelta", "Finished"]);
    assert.equal(server.received.length, 2);
  }));

it.live("Configured.layer answers at once when a model's upstream has been down repeatedly", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => failure(503, "UNAVAILABLE", "overloaded"));
    const ask = Effect.flatMap(Model, (model) =>
      Effect.flip(Stream.runDrain(
        model.stream({ model: "gemini-x", system: "", messages: [user("hi")], tools: [], parameters: {} }),
      )));
    const [failed, elapsedMs] = yield* configured(
      { geminiApiKey: key, geminiBaseUrl: Option.some(server.url), modelAttemptsMax: 1 },
      Effect.gen(function* () {
        for (let turns = 0; turns < 5; turns++) yield* ask;
        const [elapsed, failure] = yield* Effect.timed(ask);
        return [failure, Duration.toMillis(elapsed)] as const;
      }),
    );
    assert.equal(server.received.length, 5, "the open circuit asks nobody");
    assert.ok(failed._tag === "ModelError" && failed.reason._tag === "Unavailable");
    // Whoever waited for another try would have waited for as long as it says.
    const { retryAfterMs = 0 } = failed.reason;
    assert.ok(elapsedMs < retryAfterMs, `answered after ${elapsedMs} ms of ${retryAfterMs}`);
  }));

it.effect("Configured.layer takes DEFAULT_MODEL before its own preference", () =>
  configured(
    { geminiApiKey: key, defaultModel: Option.some("caisson-offline") },
    Effect.flatMap(Model, ({ defaultModel }) => Effect.map(defaultModel, (id) => assert.equal(id, "caisson-offline"))),
  ));

/** A server that lists some models, or answers 404. */
const listing = (ids?: ReadonlyArray<string>) =>
  serveWire(() =>
    ids === undefined ? { status: 404, body: ["no"] } : {
      headers: { "content-type": "application/json" },
      body: [JSON.stringify({ object: "list", data: ids.map((id) => ({ id })) })],
    }
  );

const defaultOf = (changes: Partial<SettingsService>) =>
  configured(changes, Effect.flatMap(Model, ({ defaultModel }) => Effect.result(defaultModel)));

it.live("Configured.layer takes what the configured provider offers as the default", () =>
  Effect.gen(function* () {
    const server = yield* listing(["nomic-embed-text:latest", "qwen3:8b", "llama3"]);
    const silent = yield* listing();
    const table = JSON.stringify({ fast: { provider: "offline" } });
    const openaiBaseUrl = Option.some(`${server.url}/v1`);
    const rows: ReadonlyArray<readonly [Partial<SettingsService>, string]> = [
      [{ openaiBaseUrl }, "qwen3:8b"],
      [{ openaiBaseUrl, models: Option.some(table) }, "qwen3:8b"],
      [{ anthropicApiKey: key }, "claude-sonnet-5-5"],
      [{ anthropicApiKey: key, openaiBaseUrl }, "claude-sonnet-5-5"],
      [{ geminiApiKey: key, anthropicApiKey: key, openaiBaseUrl }, "gemini-flash-latest"],
      [{ models: Option.some(table) }, "fast"],
      [{ defaultModel: Option.some("llama3"), openaiBaseUrl }, "llama3"],
    ];
    for (const [changes, expected] of rows) {
      assert.equal(Result.getOrNull(yield* defaultOf(changes)), expected);
    }
    const unknown = yield* defaultOf({ openaiBaseUrl: Option.some(`${silent.url}/v1`) });
    assert.ok(Result.isFailure(unknown));
    assert.match(unknown.failure.message, /does not list its models now; name one in the request or in DEFAULT_MODEL/);
  }));

it.effect("Configured.layer refuses a DEFAULT_MODEL whose key is missing, by name", () =>
  Effect.gen(function* () {
    for (
      const [chosen, missing] of [
        ["gemini-2.5-pro", "GOOGLE_API_KEY (or GEMINI_API_KEY) is not set"],
        ["claude-opus-5", "ANTHROPIC_API_KEY is not set"],
        ["gpt-5:details", "OPENAI_API_KEY (or OPENAI_BASE_URL) is not set"],
      ] as const
    ) {
      const refused = yield* Effect.flip(defaultOf({ defaultModel: Option.some(chosen) }));
      assert.equal(refused.message, `configuration refused: DEFAULT_MODEL is "${chosen}", but ${missing}`);
    }
  }));

it.live("Configured.layer serves the table's names with their upstream name, key and defaults", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => turn(chunk(text("Hello")), finish()));
    const table = {
      fast: {
        provider: "gemini",
        model: "gemini-3-flash",
        apiKeyEnv: "CAISSON_FAST_KEY",
        baseUrl: server.url,
        contextTokens: 1000,
        price: { input: 1, output: 2 },
        defaults: { temperature: 0.2, seed: 7 },
      },
    };
    yield* configured(
      { models: Option.some(JSON.stringify(table)), defaultModel: Option.some("fast") },
      Effect.gen(function* () {
        const model = yield* Model;
        assert.deepEqual(yield* model.find("fast"), {
          id: "fast",
          provider: "gemini",
          vision: true,
          contextTokens: 1000,
          takes: takenBy.gemini,
          price: { input: 1, cachedInput: 1, output: 2 },
        });
        yield* Stream.runDrain(
          model.stream({ model: "fast", system: "", messages: [user("hi")], tools: [], parameters: { seed: 8 } }),
        );
      }),
    ).pipe(
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ CAISSON_FAST_KEY: "secret-of-fast" }),
      ),
    );
    const [received] = server.received;
    assert.equal(received?.path, "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse");
    assert.equal(received?.headers["x-goog-api-key"], "secret-of-fast");
    assert.ok(JSON.stringify(received?.body).includes('"generationConfig":{"temperature":0.2,"seed":8'));
  }));

it.effect("Configured.layer is refused by name when the table needs keys that are not there", () =>
  Effect.gen(function* () {
    const table = { a: { provider: "gemini" }, b: { provider: "anthropic", apiKeyEnv: "CAISSON_NO_SUCH_KEY" } };
    const refused = yield* Effect.flip(
      configured({ models: Option.some(JSON.stringify(table)) }, Effect.asVoid(Model)),
    );
    assert.deepEqual(refused.problems, [
      "CAISSON_MODELS: a: GOOGLE_API_KEY (or GEMINI_API_KEY) is not set",
      "CAISSON_MODELS: b: apiKeyEnv: CAISSON_NO_SUCH_KEY is not set or may not be read",
    ]);
  }));

it.live("Configured.layer reaches a provider through the proxy that the environment names", () =>
  Effect.gen(function* () {
    const proxy = yield* serveWire(() => turn(chunk(text("by proxy")), finish()));
    yield* configured(
      {
        geminiApiKey: key,
        geminiBaseUrl: Option.some("http://provider.test"),
        httpProxy: Option.some(proxy.url),
      },
      Effect.gen(function* () {
        const model = yield* Model;
        const request = { model: "gemini-x", system: "", messages: [user("hi")], tools: [], parameters: {} };
        const events = yield* Stream.runCollect(model.stream(request));
        assert.equal(events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""), "by proxy");
      }),
    );
    assert.ok(proxy.received[0]?.path.startsWith("http://provider.test/"));
  }));

it.live("every provider that is configured is listed or told to be silent, also where none says what it has", () =>
  Effect.gen(function* () {
    const server = yield* serveWire(() => failure(500, "INTERNAL", "no"));
    const baseUrl = Option.some(server.url);
    yield* configured(
      {
        geminiApiKey: key,
        geminiBaseUrl: baseUrl,
        anthropicApiKey: key,
        anthropicBaseUrl: baseUrl,
        openaiApiKey: key,
        openaiBaseUrl: baseUrl,
      },
      Effect.gen(function* () {
        const { list, unlisted = Effect.succeed([]) } = yield* Model;
        const providers = new Set((yield* list).map(({ provider }) => provider));
        assert.deepEqual([...providers].toSorted(), ["anthropic", "gemini", "offline"]);
        assert.deepEqual(yield* unlisted, ["gemini", "anthropic", "openai-compatible"]);
      }),
    );
  }));
