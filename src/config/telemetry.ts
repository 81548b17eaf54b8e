/**
 * What the process tells its operator.
 */
import { choice, flag, type Row, secret } from "./rows.ts";

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
} as const satisfies Record<string, Row<unknown>>;
