/**
 * What the process tells its operator: logs, metrics and traces.
 *
 * Names that begin with `OTEL_` are OpenTelemetry's own, with its meanings and defaults.
 */
import { Option, Redacted } from "effect";
import { choice, flag, integer, number, optionalUrl, type Row, secret, text } from "./rows.ts";

type Pairs = Readonly<Record<string, string>>;

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** Reads `a=1,b=2` as OpenTelemetry writes it, values encoded as in URLs; none when it is not of that form. */
const parsePairs = (written: string): Option.Option<Pairs> => {
  const found: Record<string, string> = {};
  for (const pair of written.split(",")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, at)).trim();
    const value = decoded(pair.slice(at + 1).trim());
    if (!/^[\w.-]{1,128}$/.test(name) || value === undefined || !/^[\t\x20-\x7e\x80-\uffff]*$/.test(value)) {
      return Option.none();
    }
    found[name] = value;
  }
  return Option.some(found);
};

const pairsExpected = "pairs such as name=value,other=value";

/** The same row, with another type for its values. */
const parsed = <A, B>(
  row: Row<A>,
  { fallback, parse, expected }: Pick<Row<B>, "fallback" | "parse" | "expected">,
): Row<B> => ({ ...row, fallback, parse, expected });

const signalEndpoint = (signal: "TRACES" | "METRICS" | "LOGS") =>
  optionalUrl(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, {
    why: `Whole address for ${signal.toLowerCase()}, instead of /v1/${signal.toLowerCase()} beneath ` +
      "OTEL_EXPORTER_OTLP_ENDPOINT.",
  });

const signalExporter = (signal: "TRACES" | "METRICS" | "LOGS") =>
  choice(`OTEL_${signal}_EXPORTER`, {
    choices: ["otlp", "none"],
    default: "otlp",
    why: `Whether ${signal.toLowerCase()} are sent where there is an endpoint for them.`,
  });

/** The rows of this area, by the name the code uses. */
export const telemetryRows = {
  logLevel: choice("LOG_LEVEL", {
    choices: ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "NONE"],
    default: "INFO",
    why: "Least severe line that is logged.",
  }),
  captureContent: flag("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", {
    default: false,
    why: "Whether logs and traces may repeat what users, models and providers say.",
  }),
  metrics: flag("CAISSON_METRICS", {
    default: false,
    why: "Whether both doors answer GET /metrics for Prometheus. Where keys are configured it needs one.",
  }),
  metricsKey: secret("CAISSON_METRICS_KEY", {
    why: "Bearer token of GET /metrics, the only one it then takes, so that Prometheus holds no user's key.",
  }),
  otelDisabled: flag("OTEL_SDK_DISABLED", {
    default: false,
    why: "Sends nothing, whatever the other settings say.",
  }),
  otlpEndpoint: optionalUrl("OTEL_EXPORTER_OTLP_ENDPOINT", {
    why: "Collector that is sent telemetry over OTLP/HTTP, such as http://collector:4318. Unset, nothing is sent.",
  }),
  otlpTracesEndpoint: signalEndpoint("TRACES"),
  otlpMetricsEndpoint: signalEndpoint("METRICS"),
  otlpLogsEndpoint: signalEndpoint("LOGS"),
  otlpProtocol: choice("OTEL_EXPORTER_OTLP_PROTOCOL", {
    choices: ["http/protobuf", "http/json"],
    default: "http/protobuf",
    why: "How OTLP is written. There is no grpc: collectors take HTTP on port 4318.",
  }),
  otlpHeaders: parsed(
    secret("OTEL_EXPORTER_OTLP_HEADERS", {
      why: "Headers for the collector, such as authorization=Basic%20bWU6a2V5; values are encoded as in URLs.",
    }),
    {
      expected: pairsExpected,
      fallback: Option.none<Redacted.Redacted<Pairs>>(),
      parse: (written) => Option.map(parsePairs(written), (pairs) => Option.some(Redacted.make(pairs))),
    },
  ),
  otlpTimeoutMs: integer("OTEL_EXPORTER_OTLP_TIMEOUT", {
    default: 10_000,
    least: 100,
    most: 60_000,
    unit: "milliseconds",
    why: "Time a collector has to take a batch; one that it does not take is dropped and counted.",
  }),
  otlpCompression: choice("OTEL_EXPORTER_OTLP_COMPRESSION", {
    choices: ["none", "gzip"],
    default: "none",
    why: "Compression of what is sent.",
  }),
  otelTracesExporter: signalExporter("TRACES"),
  otelMetricsExporter: signalExporter("METRICS"),
  otelLogsExporter: signalExporter("LOGS"),
  otelServiceName: text("OTEL_SERVICE_NAME", { default: "caisson", why: "Name of this service in telemetry." }),
  otelResourceAttributes: parsed(
    text("OTEL_RESOURCE_ATTRIBUTES", {
      default: "",
      why: "Further attributes of this service, such as deployment.environment.name=production.",
    }),
    { expected: pairsExpected, fallback: {}, parse: parsePairs },
  ),
  otelTracesSampler: choice("OTEL_TRACES_SAMPLER", {
    choices: [
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
      "always_on",
      "always_off",
      "traceidratio",
    ],
    default: "parentbased_always_on",
    why: "Which traces are kept.",
  }),
  otelTracesSamplerArg: number("OTEL_TRACES_SAMPLER_ARG", {
    default: 1,
    least: 0,
    most: 1,
    unit: "share",
    why: "Share of the traces that a ratio sampler keeps.",
  }),
  otelBatchDelayMs: integer("OTEL_BSP_SCHEDULE_DELAY", {
    default: 5_000,
    least: 50,
    most: 60_000,
    unit: "milliseconds",
    why: "Longest wait of a span or a log line for its batch.",
  }),
  otelQueueMax: integer("OTEL_BSP_MAX_QUEUE_SIZE", {
    default: 2_048,
    least: 1,
    most: 100_000,
    unit: "items",
    why: "Spans, and log lines, that wait to be sent; later ones are dropped and counted.",
  }),
  otelBatchMax: integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", {
    default: 512,
    least: 1,
    most: 10_000,
    unit: "items",
    why: "Spans, or log lines, of a batch; a full one is sent at once.",
  }),
  otelMetricsIntervalMs: integer("OTEL_METRIC_EXPORT_INTERVAL", {
    default: 60_000,
    least: 100,
    most: 3_600_000,
    unit: "milliseconds",
    why: "Time between two reports of measurements to the collector.",
  }),
  traceUpstream: flag("CAISSON_TRACE_UPSTREAM", {
    default: false,
    why: "Whether providers are sent the traceparent of their turn.",
  }),
} as const satisfies Record<string, Row<unknown>>;
