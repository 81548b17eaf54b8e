/**
 * The Egress port, measured: connections by verdict, bytes each way, and how many are open.
 */
import { Effect, Layer } from "effect";
import type { EgressRecord } from "../domain/EgressRecord.ts";
import { Egress, type EgressService } from "../services/Egress.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { instruments, key } from "./names.ts";

/** Counts a connection that is over, by what it came to. */
export const countConnection = (
  meter: Meter,
  { verdict, upBytes, downBytes }: Pick<EgressRecord, "verdict" | "upBytes" | "downBytes">,
): void => {
  meter.record(instruments.egressConnections, { [key.verdict]: verdict }, 1);
  meter.record(instruments.egressBytes, { [key.direction]: "transmit" }, upBytes);
  meter.record(instruments.egressBytes, { [key.direction]: "receive" }, downBytes);
};

const measured = (inner: EgressService, meter: Meter): EgressService => {
  if (inner.offer === undefined) return inner;
  meter.gauge(instruments.egressOpen, {}, Effect.map(inner.totals, ({ open }) => open));
  return {
    ...inner,
    serve: (owner, stream, onDecided) =>
      Effect.tap(inner.serve(owner, stream, onDecided), (connection) =>
        Effect.sync(() => {
          if (connection !== undefined) countConnection(meter, connection);
        })),
  };
};

/** The same way out, measured where measurements are asked for. */
export const egress = <E, R>(layer: Layer.Layer<never, E, R>): Layer.Layer<never, E, R> =>
  Layer.effect(
    Egress,
    Effect.gen(function* () {
      const inner = yield* Egress;
      const meter = yield* CurrentMeter;
      return meter === undefined ? inner : measured(inner, meter);
    }),
  ).pipe(Layer.provide(layer));
