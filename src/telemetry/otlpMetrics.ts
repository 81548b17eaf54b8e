/**
 * Measurements as a collector takes them: everything there is, cumulative, at equal times.
 */
import { Clock, Duration, Effect, Exit, Metric, type Scope } from "effect";
import { type OtlpMetrics, OtlpResource } from "effect/observability";
import { makeVerdict } from "./BatchSender.ts";
import type { Meter } from "./Meter.ts";
import { type Instrument, instruments } from "./names.ts";

type ScopeMetrics = OtlpMetrics.MetricsData["resourceMetrics"][number]["scopeMetrics"][number];
type OtlpMetric = ScopeMetrics["metrics"][number];

/** Time that the last report has when the process ends. */
const lastReportMax = Duration.seconds(3);

/** Sums are of everything since the start. */
const cumulative = 2;

const units: ReadonlyMap<string, Instrument> = new Map(
  Object.values<Instrument>(instruments).map((instrument) => [instrument.name, instrument]),
);

const attributesOf = ({ attributes = {} }: Metric.Metric.Snapshot) =>
  OtlpResource.entriesToAttributes(Object.entries(attributes).filter(([name]) => name !== "unit"));

/** The points of one series, in the form of its kind; undefined for kinds that we have none of. */
const pointsOf = (
  series: Metric.Metric.Snapshot,
  times: { readonly startTimeUnixNano: string; readonly timeUnixNano: string },
): Pick<OtlpMetric, "sum" | "gauge" | "histogram"> | undefined => {
  const attributes = attributesOf(series);
  switch (series.type) {
    case "Counter": {
      const dataPoints = [{ ...times, attributes, asDouble: Number(series.state.count) }];
      return { sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints } };
    }
    case "Gauge":
      return { gauge: { dataPoints: [{ ...times, attributes, asDouble: Number(series.state.value) }] } };
    case "Histogram": {
      const { buckets, count, sum, min, max } = series.state;
      const bounds = buckets.filter(([bound]) => Number.isFinite(bound));
      const counts = bounds.map(([, total], at) => total - (bounds[at - 1]?.[1] ?? 0));
      const point = {
        ...times,
        attributes,
        count,
        sum,
        min,
        max,
        bucketCounts: [...counts, count - (bounds.at(-1)?.[1] ?? 0)],
        explicitBounds: bounds.map(([bound]) => bound),
      };
      return { histogram: { aggregationTemporality: cumulative, dataPoints: [point] } };
    }
    default:
      return undefined;
  }
};

/** Everything measured. */
const metricsOf = (meter: Meter, startNanos: bigint, nowNanos: bigint): Array<OtlpMetric> => {
  const times = { startTimeUnixNano: String(startNanos), timeUnixNano: String(nowNanos) };
  return Metric.snapshotUnsafe(meter.context).flatMap((series) => {
    const points = pointsOf(series, times);
    const { unit = "", description = "" } = units.get(series.id) ?? {};
    return points === undefined ? [] : [{ name: series.id, description, unit, ...points }];
  });
};

/** How measurements are reported. */
export interface ReportOptions {
  readonly interval: Duration.Duration;
  /** Longest time of a report. */
  readonly timeout: Duration.Duration;
  readonly send: (metrics: Array<OtlpMetric>) => Effect.Effect<void, unknown>;
}

/** Reports until the scope closes, and then once more; a report that is not taken is made up for by the next. */
export const report = Effect.fnUntraced(function* (
  meter: Meter,
  { interval, timeout, send }: ReportOptions,
): Effect.fn.Return<void, never, Scope.Scope> {
  const clock = yield* Clock.Clock;
  const startNanos = clock.currentTimeNanosUnsafe();
  const verdict = makeVerdict("metrics");
  const once = Effect.gen(function* () {
    yield* meter.refreshed;
    const sent = Effect.suspend(() => send(metricsOf(meter, startNanos, clock.currentTimeNanosUnsafe())));
    yield* verdict(Exit.isSuccess(yield* Effect.exit(Effect.timeout(sent, timeout))));
  });
  yield* Effect.addFinalizer(() => Effect.timeoutOption(once, lastReportMax));
  yield* Effect.forkScoped(Effect.forever(Effect.delay(once, interval)));
});
