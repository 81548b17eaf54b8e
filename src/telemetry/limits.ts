/**
 * The Limits port, measured: what was refused.
 */
import { Effect, Layer } from "effect";
import { Limits, type TooManyRequests } from "../services/Limits.ts";
import { CurrentMeter } from "./Meter.ts";
import { instruments, key } from "./names.ts";

/** The same limits, measured where measurements are asked for. */
export const limits = <E, R>(layer: Layer.Layer<Limits, E, R>): Layer.Layer<Limits, E, R> =>
  Layer.effect(
    Limits,
    Effect.gen(function* () {
      const inner = yield* Limits;
      const meter = yield* CurrentMeter;
      if (meter === undefined) return inner;
      const refused = ({ scope }: TooManyRequests) =>
        Effect.sync(() => meter.record(instruments.rejected, { [key.limit]: scope }, 1));
      return Limits.of({
        ...inner,
        room: (applicant) => Effect.tapErrorTag(inner.room(applicant), "TooManyRequests", refused),
        admit: (owner) => Effect.tapErrorTag(inner.admit(owner), "TooManyRequests", refused),
      });
    }),
  ).pipe(Layer.provide(layer));
