/**
 * The measurements as Prometheus reads them.
 *
 * *Source*: the text format 0.0.4; names follow OpenTelemetry's mapping, which adds unit and `_total`.
 */
import { Effect } from "effect";
import { PrometheusMetrics } from "effect/observability";
import type { Meter } from "./Meter.ts";
import { type Instrument, instruments } from "./names.ts";

/** The media type of the text. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** How units end names; what is counted in things has no unit. */
const suffixes: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes", USD: "_usd" };

const names: ReadonlyMap<string, string> = new Map(
  Object.values<Instrument>(instruments).map(({ name, kind, unit }) => [
    name,
    `${name}${suffixes[unit] ?? ""}${kind === "counter" ? "_total" : ""}`,
  ]),
);

/** Everything measured, as text; gauges as they are now. */
export const exposition = (meter: Meter): Effect.Effect<string> =>
  Effect.map(
    meter.refreshed,
    () =>
      PrometheusMetrics.formatUnsafe(meter.context, {
        metricNameMapper: (name) => names.get(name) ?? name,
      }),
  );
