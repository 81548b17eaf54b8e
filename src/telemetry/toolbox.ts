/**
 * The Toolbox port, measured: each call.
 */
import { Clock, Effect, Exit, Layer } from "effect";
import type { ToolCall } from "../domain/Message.ts";
import { Toolbox, type ToolboxService, type Tools } from "../services/Toolbox.ts";
import { errorTypeOf, withError } from "./errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { instruments, key, otherValue } from "./names.ts";

/** What a call ended with that its tool reports as an error to the model. */
const toolError = "tool_error";

const measuredTools = (inner: Tools, meter: Meter): Tools => {
  const declared: ReadonlySet<string> = new Set(inner.declarations.map(({ name }) => name));
  const nameOf = ({ name }: ToolCall) => declared.has(name) ? name : otherValue;
  return {
    ...inner,
    call: (call, options) =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const startedMs = clock.currentTimeMillisUnsafe();
        return Effect.onExit(inner.call(call, options), (exit) =>
          Effect.sync(() => {
            const type = Exit.isSuccess(exit) && exit.value.isError ? toolError : errorTypeOf(exit);
            const seconds = (clock.currentTimeMillisUnsafe() - startedMs) / 1000;
            meter.record(instruments.toolDuration, withError({ [key.tool]: nameOf(call) }, type), seconds);
          }));
      }),
  };
};

const measured = (inner: ToolboxService, meter: Meter): ToolboxService =>
  Toolbox.of({ ...inner, open: (owner) => Effect.map(inner.open(owner), (tools) => measuredTools(tools, meter)) });

/** The same tools, measured where measurements are asked for. */
export const toolbox = <A, E, R>(layer: Layer.Layer<A | Toolbox, E, R>): Layer.Layer<A | Toolbox, E, R> =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const inner = yield* Toolbox;
      const meter = yield* CurrentMeter;
      return meter === undefined ? inner : measured(inner, meter);
    }),
  ).pipe(Layer.provideMerge(layer));
