/**
 * What is collected, sent to an OpenTelemetry collector over HTTP.
 *
 * *Source*: OTLP 1.9 over HTTP, protobuf or JSON; the settings are those of OpenTelemetry's specification.
 */
import { Clock, Context, Duration, Effect, Layer, type Logger, Option, Redacted, type Scope } from "effect";
import { FetchHttpClient, type HttpBody, HttpClient, HttpClientRequest } from "effect/http";
import { OtlpResource, OtlpSerialization } from "effect/observability";
import { Settings, type SettingsService } from "../config.ts";
import { makeToken } from "../domain/ids.ts";
import { version } from "../domain/version.ts";
import { Tracing } from "../services/Tracing.ts";
import { endpointOf } from "./endpoints.ts";
import { makeBatchSender } from "./BatchSender.ts";
import { CurrentMeter } from "./Meter.ts";
import { instruments, key } from "./names.ts";
import { lineData, spanData } from "./otlpData.ts";
import { type LoggedLine, makeOtlpLogger } from "./otlpLogs.ts";
import { report } from "./otlpMetrics.ts";
import * as OtlpProtobuf from "./otlpProtobuf.ts";
import { type EndedSpan, makeTracing, type Sampler } from "./Spans.ts";

/** The samplers by the names of the specification. */
const samplerOf = ({ otelTracesSampler, otelTracesSamplerArg: ratio }: SettingsService): Sampler => {
  const followsParent = otelTracesSampler.startsWith("parentbased_");
  switch (otelTracesSampler) {
    case "always_on":
    case "parentbased_always_on":
      return { followsParent, ratio: 1 };
    case "always_off":
    case "parentbased_always_off":
      return { followsParent, ratio: 0 };
    case "traceidratio":
    case "parentbased_traceidratio":
      return { followsParent, ratio };
  }
};

/** What says of which process a signal is. */
const resourceOf = ({ otelServiceName, otelResourceAttributes }: SettingsService) =>
  OtlpResource.make({
    serviceName: otelServiceName,
    serviceVersion: version,
    attributes: { "service.instance.id": makeToken(), ...otelResourceAttributes },
  });

/** Posts a body to a signal's address; *fails with* whatever keeps the collector from taking it. */
const makePost = Effect.fnUntraced(function* (settings: SettingsService, url: string) {
  const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient);
  const headers = Option.match(settings.otlpHeaders, { onNone: () => ({}), onSome: Redacted.value });
  const request = HttpClientRequest.post(url, { headers: { "user-agent": `caisson/${version}`, ...headers } });
  return (body: HttpBody.HttpBody) => {
    const filled = HttpClientRequest.setBody(request, body);
    const sent = settings.otlpCompression === "gzip"
      ? Effect.flatMap(HttpClientRequest.compressBody(filled, "gzip"), client.execute)
      : client.execute(filled);
    return Effect.scoped(Effect.asVoid(Effect.flatMap(sent, (response) => response.arrayBuffer)));
  };
});

const scope = { name: "caisson", version };

/** What is collected as bodies of requests: straight in protobuf, or by way of OTLP's objects. */
const bodiesOf = (
  { otlpProtocol }: SettingsService,
  serialization: OtlpSerialization.OtlpSerialization["Service"],
): Pick<typeof OtlpProtobuf, "traces" | "logs"> =>
  otlpProtocol === "http/protobuf" ? OtlpProtobuf : {
    traces: (resource, scope, spans) =>
      serialization.traces({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.map(spanData) }] }] }),
    logs: (resource, scope, lines) =>
      serialization.logs({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: lines.map(lineData) }] }] }),
  };

const boundsOf = (settings: SettingsService) => ({
  queueMax: settings.otelQueueMax,
  batchMax: Math.min(settings.otelBatchMax, settings.otelQueueMax),
  interval: Duration.millis(settings.otelBatchDelayMs),
  timeout: Duration.millis(settings.otlpTimeoutMs),
});

/** Sends traces. */
const traces = (settings: SettingsService, url: string) =>
  Layer.effect(
    Tracing,
    Effect.gen(function* () {
      const meter = yield* CurrentMeter;
      const { traces } = bodiesOf(settings, yield* OtlpSerialization.OtlpSerialization);
      const post = yield* makePost(settings, url);
      const resource = resourceOf(settings);
      yield* Effect.logInfo(`traces are sent to ${new URL(url).origin}`);
      const { push } = yield* makeBatchSender<EndedSpan>({
        what: "traces",
        ...boundsOf(settings),
        send: (spans) => Effect.suspend(() => post(traces(resource, scope, spans))),
        dropped: (count) => meter?.record(instruments.dropped, { [key.signal]: "traces" }, count),
      });
      return makeTracing({
        sampler: samplerOf(settings),
        clock: yield* Clock.Clock,
        collect: push,
        tellsContent: settings.captureContent,
        trustsCallers: !settings.insecure,
        tellsProviders: settings.traceUpstream,
      });
    }),
  );

/** Sends measurements, which are made where an endpoint asks for them. */
const metrics = (settings: SettingsService, url: string) =>
  Layer.effectDiscard(Effect.gen(function* () {
    const meter = yield* CurrentMeter;
    if (meter === undefined) return;
    const serialization = yield* OtlpSerialization.OtlpSerialization;
    const post = yield* makePost(settings, url);
    const resource = resourceOf(settings);
    yield* Effect.logInfo(`metrics are sent to ${new URL(url).origin}`);
    yield* report(meter, {
      interval: Duration.millis(settings.otelMetricsIntervalMs),
      timeout: Duration.millis(settings.otlpTimeoutMs),
      send: (all) =>
        post(serialization.metrics({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: all }] }] })),
    });
  }));

/** How what is sent is written and carried. */
const carried = (settings: SettingsService) =>
  Layer.mergeAll(
    settings.otlpProtocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf,
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.RequestInit, { redirect: "error" }),
  );

/** Sends the traces and measurements that the settings send; without an endpoint there is nothing here. */
export const layer: Layer.Layer<never, never, Settings> = Layer.unwrap(
  Effect.map(Settings, (settings) => {
    const ifSent = <A, R>(signal: "traces" | "metrics", send: (url: string) => Layer.Layer<A, never, R>) =>
      Option.match(endpointOf(settings, signal), { onNone: () => Layer.empty, onSome: send });
    return Layer.merge(
      ifSent("traces", (url) => traces(settings, url)),
      ifSent("metrics", (url) => metrics(settings, url)),
    ).pipe(Layer.provide(carried(settings)));
  }),
);

/** A logger that sends lines; none when the settings send none. It works until its scope closes. */
export const logger: Effect.Effect<Option.Option<Logger.Logger<unknown, void>>, never, Settings | Scope.Scope> = Effect
  .gen(function* () {
    const settings = yield* Settings;
    const endpoint = endpointOf(settings, "logs");
    if (Option.isNone(endpoint)) return Option.none();
    const context = yield* Layer.build(carried(settings));
    const { logs } = bodiesOf(settings, Context.get(context, OtlpSerialization.OtlpSerialization));
    const post = yield* Effect.provideContext(makePost(settings, endpoint.value), context);
    const resource = resourceOf(settings);
    const { push } = yield* makeBatchSender<LoggedLine>({
      what: "logs",
      ...boundsOf(settings),
      send: (lines) => Effect.suspend(() => Effect.provideContext(post(logs(resource, scope, lines)), context)),
      dropped: () => {},
    });
    return Option.some(makeOtlpLogger(push, settings.captureContent));
  });
