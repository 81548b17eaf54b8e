/**
 * The Previews port, measured: connections and streams that are open, bytes each way, and refusals by their word.
 */
import { Effect, Layer } from "effect";
import { previewRefusals, Previews, type PreviewsService } from "../services/Previews.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { instruments, key } from "./names.ts";

const measure = ({ totals }: PreviewsService, meter: Meter): void => {
  meter.gauge(instruments.previewConnections, {}, Effect.map(totals, ({ connections }) => connections));
  meter.gauge(instruments.previewStreams, {}, Effect.map(totals, ({ streams }) => streams));
  const bytes = { transmit: "downBytes", receive: "upBytes" } as const;
  for (const [direction, field] of Object.entries(bytes)) {
    meter.total(instruments.previewBytes, { [key.direction]: direction }, Effect.map(totals, (now) => now[field]));
  }
  for (const word of previewRefusals) {
    meter.total(
      instruments.previewRefused,
      { [key.refusal]: word },
      Effect.map(totals, ({ refused }) => refused[word] ?? 0),
    );
  }
};

/** The same previews, measured where measurements are asked for; where there are none, nothing is. */
export const previews = <E, R>(layer: Layer.Layer<never, E, R>): Layer.Layer<never, E, R> =>
  Layer.effect(
    Previews,
    Effect.gen(function* () {
      const inner = yield* Previews;
      const meter = yield* CurrentMeter;
      if (meter !== undefined && inner.off === undefined) measure(inner, meter);
      return inner;
    }),
  ).pipe(Layer.provide(layer));
