/**
 * The Toolbox port where snapshots are kept: the first tool of a run waits until its workspace is.
 */
import { Effect, Layer } from "effect";
import { Settings } from "../../config.ts";
import { Toolbox } from "../../services/Toolbox.ts";
import { CurrentWatch } from "./TurnWatch.ts";

/** The same tools; where no snapshots are kept the very same service. */
export const watchedToolbox = <A, E, R>(layer: Layer.Layer<A | Toolbox, E, R>) =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const { rewindFiles } = yield* Settings;
      const inner = yield* Toolbox;
      if (rewindFiles === "off") return inner;
      return Toolbox.of({
        ...inner,
        open: Effect.fnUntraced(function* (owner) {
          const watch = yield* CurrentWatch;
          const tools = yield* inner.open(owner);
          return watch === undefined
            ? tools
            : { ...tools, call: (call, options) => Effect.andThen(watch.beforeTool, tools.call(call, options)) };
        }),
      });
    }),
  ).pipe(Layer.provideMerge(layer));
