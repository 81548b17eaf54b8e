/**
 * Where telemetry is sent, if anywhere.
 */
import { Option } from "effect";
import type { SettingsService } from "../config.ts";

/** What is sent. */
type Signal = "traces" | "metrics" | "logs";

/** Where a signal goes; none when the settings do not send it. */
export const endpointOf = (settings: SettingsService, signal: Signal): Option.Option<string> => {
  if (settings.otelDisabled) return Option.none();
  const signals = {
    traces: { exporter: settings.otelTracesExporter, own: settings.otlpTracesEndpoint },
    metrics: { exporter: settings.otelMetricsExporter, own: settings.otlpMetricsEndpoint },
    logs: { exporter: settings.otelLogsExporter, own: settings.otlpLogsEndpoint },
  };
  if (signals[signal].exporter === "none") return Option.none();
  return Option.orElse(
    signals[signal].own,
    () => Option.map(settings.otlpEndpoint, (base) => `${base.replace(/\/$/, "")}/v1/${signal}`),
  );
};

/** Whether anything is sent at all. */
export const isSent = (settings: SettingsService): boolean =>
  (["traces", "metrics", "logs"] as const).some((signal) => Option.isSome(endpointOf(settings, signal)));
