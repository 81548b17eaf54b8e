/**
 * The Toolbox port, measured and traced: each call.
 */
import { Clock, Effect, Exit, Layer } from "effect";
import type { ToolCall } from "../domain/Message.ts";
import type { ToolResult } from "../domain/Tool.ts";
import { Toolbox, type Tools } from "../services/Toolbox.ts";
import { traced, Tracing, type TracingService } from "../services/Tracing.ts";
import { errorTypeOf } from "../domain/errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { attribute, instruments, key, otherValue, withError } from "./names.ts";

/** What a call ended with that its tool reports as an error to the model. */
const toolError = "tool_error";

/** How a call came out, in a word. */
const errorOf = (exit: Exit.Exit<ToolResult, unknown>): string | undefined =>
  Exit.isSuccess(exit) && exit.value.isError ? toolError : errorTypeOf(exit);

/** The span of a call: the tool by its declared name, and what was said only where content may be told. */
const tracedCall = (tracing: TracingService | undefined, tools: Tools, name: string): Tools["call"] =>
  tracing === undefined ? tools.call : (call, options) => {
    const attributes = {
      [key.operation]: "execute_tool",
      [key.tool]: name,
      [attribute.toolType]: "function",
      [attribute.callId]: call.id,
      ...(tracing.tellsContent && { [attribute.callArguments]: call.argumentsJson }),
    };
    return traced(`execute_tool ${name}`, { attributes }, tools.call(call, options), (span, exit) => {
      if (tracing.tellsContent && Exit.isSuccess(exit)) span.set(attribute.callResult, exit.value.text);
      return errorOf(exit);
    });
  };

const observedTools = (inner: Tools, meter: Meter | undefined, tracing: TracingService | undefined): Tools => {
  const declared: ReadonlySet<string> = new Set(inner.declarations.map(({ name }) => name));
  const nameOf = ({ name }: ToolCall) => declared.has(name) ? name : otherValue;
  return {
    ...inner,
    call: (call, options) =>
      Effect.flatMap(Clock.Clock, (clock) => {
        const startedMs = clock.currentTimeMillisUnsafe();
        const name = nameOf(call);
        return Effect.onExit(tracedCall(tracing, inner, name)(call, options), (exit) =>
          Effect.sync(() => {
            const seconds = (clock.currentTimeMillisUnsafe() - startedMs) / 1000;
            meter?.record(instruments.toolDuration, withError({ [key.tool]: name }, errorOf(exit)), seconds);
          }));
      }),
  };
};

/** The same tools, measured and traced where that is asked for. */
export const toolbox = <A, E, R>(layer: Layer.Layer<A | Toolbox, E, R>): Layer.Layer<A | Toolbox, E, R> =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const inner = yield* Toolbox;
      const meter = yield* CurrentMeter;
      const tracing = yield* Tracing;
      return meter === undefined && tracing === undefined ? inner : Toolbox.of({
        ...inner,
        open: (owner) => Effect.map(inner.open(owner), (tools) => observedTools(tools, meter, tracing)),
      });
    }),
  ).pipe(Layer.provideMerge(layer));
