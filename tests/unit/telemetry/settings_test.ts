import assert from "node:assert/strict";
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect";
import { Settings } from "../../../src/config.ts";
import { endpointOf } from "../../../src/telemetry/endpoints.ts";
import { it } from "../../support/it.ts";

const settingsOf = (variables: Record<string, string>) =>
  Effect.provide(
    Settings,
    Layer.provide(Settings.layer, ConfigProvider.layer(ConfigProvider.fromEnvRecord(variables))),
  );

const refused: ReadonlyArray<readonly [string, string]> = [
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "not a url"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "no pairs"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "x=%0d%0aevil: 1"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "x=%zz"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon"],
  ["OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"],
  ["OTEL_TRACES_EXPORTER", "zipkin"],
  ["OTEL_METRICS_EXPORTER", "prometheus"],
  ["OTEL_LOGS_EXPORTER", "console"],
  ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
  ["OTEL_TRACES_SAMPLER_ARG", "2"],
  ["OTEL_RESOURCE_ATTRIBUTES", "=x"],
  ["OTEL_BSP_SCHEDULE_DELAY", "-1"],
  ["OTEL_SDK_DISABLED", "perhaps"],
];
for (const [name, value] of refused) {
  it.effect(`${name}=${value} is refused by name`, () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(settingsOf({ [name]: value }));
      assert.ok(error.message.includes(name), error.message);
      if (name.endsWith("HEADERS")) assert.ok(!error.message.includes("evil"), error.message);
    }));
}

it.effect("signals go beneath the endpoint, or to their own, or nowhere", () =>
  Effect.gen(function* () {
    const settings = yield* settingsOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://logs:1/x",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20bWU6a2V5, x-scope = a",
    });
    assert.deepEqual(endpointOf(settings, "traces"), Option.some("http://collector:4318/v1/traces"));
    assert.deepEqual(endpointOf(settings, "logs"), Option.some("http://logs:1/x"));
    assert.deepEqual(endpointOf(settings, "metrics"), Option.none());
    assert.deepEqual(Option.getOrThrow(Option.map(settings.otlpHeaders, Redacted.value)), {
      authorization: "Basic bWU6a2V5",
      "x-scope": "a",
    });
  }));
