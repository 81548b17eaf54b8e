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

/** What is refused, and what nobody may be told of it. */
const refused: ReadonlyArray<readonly [key: string, value: string, hidden?: string]> = [
  ["AGENT_API_HOST", "[::1]"],
  ["AGENT_API_HOST", "127.0.0.1:9000"],
  ["AGENT_API_HOST", "http://127.0.0.1"],
  ["CAISSON_MCP_HOST", "two words"],
  // What never equals the origin that a browser sends would let nobody in, and say nothing.
  ["CAISSON_CORS_ORIGINS", "ui.example"],
  ["CAISSON_CORS_ORIGINS", "https://ui.example/"],
  ["CAISSON_CORS_ORIGINS", "https://ui.example, https://other.example/app"],
  ["CAISSON_CORS_ORIGINS", "null"],
  ["CAISSON_MCP_ALLOWED_ORIGINS", "*"],
  ["CAISSON_MCP_ALLOWED_ORIGINS", "https://ui.example/"],
  ["CAISSON_MCP_ALLOWED_HOSTS", "https://tools.example"],
  ["CAISSON_MCP_ALLOWED_HOSTS", "tools.example:80"],
  ["CAISSON_PUBLIC_URL", "https://caisson.example?x=1"],
  ["CAISSON_PUBLIC_URL", "https://me:hidden-word@caisson.example", "hidden-word"],
  ["CAISSON_LINK_SECRET", "hidden-word", "hidden-word"],
  ["HTTPS_PROXY", "socks5://me:hidden-word@proxy.example:1080", "hidden-word"],
  ["MCP_EXECUTOR_IMAGE", "my image"],
];

for (const [key, value, hidden] of refused) {
  it.effect(`Settings.layer refuses ${key}=${value} by name`, () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(read({ [key]: value }));
      assert.match(message, new RegExp(`${key} is .*, expected `));
      if (hidden !== undefined) assert.ok(!message.includes(hidden), message);
    }));
}

it.effect("Settings.layer brings origins and hosts into the form in which they are compared", () =>
  Effect.gen(function* () {
    const { corsOrigins, mcpAllowedHosts, mcpAllowedOrigins, apiHost, publicUrl } = yield* read({
      CAISSON_CORS_ORIGINS: "HTTPS://UI.Example:443, http://localhost:3000",
      CAISSON_MCP_ALLOWED_ORIGINS: "chrome-extension://abc, https://ui.example",
      CAISSON_MCP_ALLOWED_HOSTS: "Tools.example, 10.0.0.5, [::2]",
      AGENT_API_HOST: "fe80::1%eth0",
      CAISSON_PUBLIC_URL: "https://host.example/caisson",
    });
    assert.equal(corsOrigins, "https://ui.example,http://localhost:3000");
    assert.equal(mcpAllowedOrigins, "chrome-extension://abc,https://ui.example");
    assert.equal(mcpAllowedHosts, "tools.example,10.0.0.5,[::2]");
    assert.equal(apiHost, "fe80::1%eth0");
    assert.deepEqual(publicUrl, Option.some("https://host.example/caisson"));
    assert.equal((yield* read({ CAISSON_CORS_ORIGINS: "*" })).corsOrigins, "*");
  }));
