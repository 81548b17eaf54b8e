/**
 * The Limits port, measured: what was refused.
 */
import { Effect, Layer } from "effect";
import { Limits } from "../services/Limits.ts";
import { CurrentMeter } from "./Meter.ts";
import { instruments, key } from "./names.ts";

/** The same limits, measured where measurements are asked for. */
export const limits = <E, R>(layer: Layer.Layer<Limits, E, R>): Layer.Layer<Limits, E, R> =>
  Layer.effect(
    Limits,
    Effect.gen(function* () {
      const inner = yield* Limits;
      const meter = yield* CurrentMeter;
      return meter === undefined ? inner : Limits.of({
        ...inner,
        admit: (owner) =>
          Effect.tapErrorTag(inner.admit(owner), "TooManyRequests", ({ scope }) =>
            Effect.sync(() =>
              meter.record(instruments.rejected, { [key.limit]: scope }, 1)
            )),
      });
    }),
  ).pipe(Layer.provide(layer));
