/**
 * Counts and measures, in memory, for whoever asks: bounded in what it holds whatever callers send.
 */
import { Context, Effect, Layer, Metric } from "effect";
import { type Instrument, instruments, type Labels, otherValue } from "./names.ts";

/** Series in all: a histogram's takes about 2 KiB, so that telemetry holds no more than 2 MiB. */
const seriesMax = 1_000;
/** Characters of a label's value; names of models and tools are shorter. */
const valueMax = 100;

/** A value that may stand in a label: printable, on one line. */
const harmless = /^[\p{L}\p{N}\p{P}\p{S} ]*$/u;

/** One series: takes a number. */
type Series = (value: number) => void;

/** Reads a gauge when somebody asks for it. */
interface Gauge {
  readonly instrument: Instrument;
  readonly labels: Labels;
  readonly read: Effect.Effect<number | undefined>;
}

const metricOf = ({ kind, name, unit, description, boundaries = [] }: Instrument, labels: Labels) => {
  const options = { description, attributes: unit === "" ? labels : { ...labels, unit } };
  switch (kind) {
    case "counter":
      return Metric.counter(name, options);
    case "gauge":
      return Metric.gauge(name, options);
    case "histogram":
      return Metric.histogram(name, { ...options, boundaries });
  }
};

/**
 * The measurements of one process.
 *
 * *Details*: updates are plain calls and cost about a microsecond; a series that would be one too many is counted under
 * `_OTHER` in every label.
 */
export class Meter {
  /** Where the series are, for those who read them all. */
  readonly context = Context.make(Metric.MetricRegistry, new Map());
  readonly #series = new Map<string, Series>();
  readonly #gauges: Array<Gauge> = [];

  /** Adds to a counter, or records a value of a histogram. */
  record(instrument: Instrument, labels: Labels, value: number): void {
    this.#find(instrument, labels)(value);
  }

  /** Reads a gauge each time the measurements are read; one that is not known then keeps its last value. */
  gauge(instrument: Instrument, labels: Labels, read: Effect.Effect<number | undefined>): void {
    this.#gauges.push({ instrument, labels, read });
  }

  /** Counts what grows elsewhere: each time the measurements are read, what came since is added. */
  total(instrument: Instrument, labels: Labels, read: Effect.Effect<number>): void {
    let before = 0;
    const grown = Effect.map(read, (now) => {
      const more = now - before;
      before = now;
      return more;
    });
    this.#gauges.push({ instrument, labels, read: grown });
  }

  /** Brings the gauges and totals up to date. */
  readonly refreshed: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(
      this.#gauges,
      ({ instrument, labels, read }) =>
        Effect.map(read, (value) => value === undefined ? undefined : this.#find(instrument, labels)(value)),
      { concurrency: "unbounded", discard: true },
    )
  );

  #find(instrument: Instrument, labels: Labels): Series {
    const id = `${instrument.name}\n${Object.values(labels).join("\n")}`;
    return this.#series.get(id) ?? this.#make(instrument, labels, id);
  }

  #make(instrument: Instrument, labels: Labels, id: string): Series {
    const isHarmless = Object.values(labels).every((value) => value.length <= valueMax && harmless.test(value));
    if (!isHarmless || this.#series.size >= seriesMax) {
      const others = Object.fromEntries(Object.keys(labels).map((name) => [name, otherValue]));
      const otherId = `${instrument.name}\n${Object.values(others).join("\n")}`;
      if (id !== otherId) {
        this.record(instruments.overflow, {}, 1);
        return this.#series.get(otherId) ?? this.#add(instrument, others, otherId);
      }
    }
    return this.#add(instrument, labels, id);
  }

  #add(instrument: Instrument, labels: Labels, id: string): Series {
    const metric = metricOf(instrument, labels);
    const series: Series = (value) => metric.updateUnsafe(value, this.context);
    this.#series.set(id, series);
    return series;
  }
}

/** The measurements of this process; undefined unless the settings ask for them, and then nothing is measured. */
export const CurrentMeter = Context.Reference<Meter | undefined>("caisson/telemetry/CurrentMeter", {
  defaultValue: () => undefined,
});

/** Measurements from now on. */
export const layer: Layer.Layer<never> = Layer.sync(CurrentMeter, () => new Meter());
