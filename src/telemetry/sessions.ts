/**
 * The Sessions port, traced: loading and storing.
 */
import { Effect, Layer } from "effect";
import { Sessions } from "../services/Sessions.ts";
import { traced, Tracing } from "../services/Tracing.ts";
import { attribute } from "./names.ts";

/** The same store, traced where that is asked for. */
export const sessions = <E, R>(layer: Layer.Layer<Sessions, E, R>): Layer.Layer<Sessions, E, R> =>
  Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const inner = yield* Sessions;
      if ((yield* Tracing) === undefined) return inner;
      const options = { kind: "client", isPart: true, attributes: { [attribute.database]: inner.kind } } as const;
      return Sessions.of({
        ...inner,
        load: (key) => traced("session load", options, inner.load(key)),
        append: (key, turn) => traced("session append", options, inner.append(key, turn)),
      });
    }),
  ).pipe(Layer.provide(layer));
