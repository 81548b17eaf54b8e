import assert from "node:assert/strict";
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect";
import { ConfigurationRefused, defaults, Settings } from "../../src/config.ts";
import { it } from "../support/it.ts";

const read = (environment: Record<string, string>) =>
  Effect.provide(
    Effect.flatMap(Settings, Effect.succeed),
    Settings.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment)))),
  );

it.effect("Settings.layer yields the defaults when the environment is empty", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* read({}), defaults);
  }));

it.effect("Settings.layer takes an empty value for unset and an alias when the first name is missing", () =>
  Effect.gen(function* () {
    const settings = yield* read({ AGENT_API_PORT: "", GEMINI_API_KEY: "k-1" });
    assert.equal(settings.apiPort, 8000);
    assert.equal(Option.map(settings.geminiApiKey, Redacted.value).pipe(Option.getOrNull), "k-1");
  }));

it.effect("Settings.layer refuses every wrong value at once, by name and with what was expected", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(
      read({
        AGENT_API_PORT: "http",
        CAISSON_SANDBOX: "podman",
        CAISSON_TURNS_MAX: "1.5",
        MCP_SERVER_URL: "localhost",
      }),
    );
    assert.ok(error instanceof ConfigurationRefused);
    assert.deepEqual(error.problems, [
      'AGENT_API_PORT is "http", expected a whole number (port) from 0 to 65535',
      'MCP_SERVER_URL is "localhost", expected an http or https URL',
      'CAISSON_TURNS_MAX is "1.5", expected a whole number (model turns) from 1 to 1000',
      'CAISSON_SANDBOX is "podman", expected one of auto, docker, embedded',
    ]);
  }));

it.effect("Settings.layer never prints a secret", () =>
  Effect.gen(function* () {
    const settings = yield* read({ GOOGLE_API_KEY: "sk-very-secret" });
    assert.ok(!JSON.stringify(settings).includes("sk-very-secret"));
    assert.ok(!String(Option.getOrNull(settings.geminiApiKey)).includes("sk-very-secret"));
  }));
