import assert from "node:assert/strict";
import { Effect, Option, Redacted, Result, Stream } from "effect";
import * as Configured from "../../../../src/adapters/model/Configured.ts";
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
      assert.equal(model.defaultModel, "caisson-offline");
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
        assert.equal(model.defaultModel, "gemini-flash-latest");
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

it.effect("Configured.layer takes DEFAULT_MODEL before its own preference", () =>
  configured(
    { geminiApiKey: key, defaultModel: Option.some("caisson-offline") },
    Effect.map(Model, (model) => assert.equal(model.defaultModel, "caisson-offline")),
  ));
