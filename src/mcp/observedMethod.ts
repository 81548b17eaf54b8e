/**
 * Requests of the protocol, measured and traced.
 *
 * *Source*: the MCP conventions of OpenTelemetry; the span of a caller comes as `_meta.traceparent` (SEP-414).
 */
import { Clock, Effect, Exit, Option, Schema } from "effect";
import type { ServerResult } from "@modelcontextprotocol/sdk/types";
import { errorTypeOf } from "../domain/errorType.ts";
import { parseTraceparent, traced, Tracing } from "../services/Tracing.ts";
import type { Meter } from "../telemetry/Meter.ts";
import { instruments, key, otherValue, withError } from "../telemetry/names.ts";
import type { Surface } from "./Surface.ts";

/** One request of the protocol. */
export interface Asked {
  readonly method: string;
  readonly params: unknown;
  readonly meta: Readonly<Record<string, unknown>> | undefined;
}

const isToolError = Schema.is(Schema.Struct({ isError: Schema.Literal(true) }));

/** What the request ended with; a tool that reports an error is one. */
const errorOf = (exit: Exit.Exit<ServerResult, unknown>): string | undefined =>
  Exit.isSuccess(exit) && isToolError(exit.value) ? "tool_error" : errorTypeOf(exit);

const decodeTool = Schema.decodeUnknownOption(
  Schema.Struct({ name: Schema.String.check(Schema.isPattern(/^[\w.-]{1,64}$/)) }),
);

/** A span of the request, a child of its caller's: the fiber it runs in is the session's and knows no other. */
const tracedMethod = <E>(
  name: string,
  { method, params, meta }: Asked,
  answer: Effect.Effect<ServerResult, E>,
): Effect.Effect<ServerResult, E> =>
  Effect.flatMap(Tracing, (tracing) => {
    if (tracing === undefined) return answer;
    const tool = method === "tools/call" ? Option.getOrUndefined(decodeTool(params))?.name : undefined;
    const caller = parseTraceparent(meta?.["traceparent"]);
    // What a client asks beside its calls, such as the list of tools, is nobody's trace.
    if (method !== "tools/call" && caller === undefined) return answer;
    return traced(
      tool === undefined ? name : `${name} ${tool}`,
      {
        kind: "server",
        parent: tracing.trustsCallers ? caller : undefined,
        caller,
        attributes: { [key.mcpMethod]: name, ...(tool !== undefined && { [key.tool]: tool }) },
      },
      answer,
      (_span, exit) => errorOf(exit),
    );
  });

/**
 * Measures and traces a request where that is asked for; otherwise it is the answer itself.
 *
 * *Details*: a method that is not served has no name of its own.
 */
export const observedMethod = <E>(
  meter: Meter | undefined,
  served: Surface["methods"],
  asked: Asked,
  answer: Effect.Effect<ServerResult, E>,
): Effect.Effect<ServerResult, E> => {
  const name = served.has(asked.method) ? asked.method : otherValue;
  const seen = tracedMethod(name, asked, answer);
  return meter === undefined ? seen : Effect.flatMap(Clock.Clock, (clock) => {
    const startedMs = clock.currentTimeMillisUnsafe();
    return Effect.onExit(seen, (exit) =>
      Effect.sync(() => {
        const seconds = (clock.currentTimeMillisUnsafe() - startedMs) / 1000;
        meter.record(instruments.mcpDuration, withError({ [key.mcpMethod]: name }, errorOf(exit)), seconds);
      }));
  });
};
