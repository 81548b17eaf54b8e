/**
 * Requests of the protocol, measured.
 */
import { Clock, Effect, Exit, Schema } from "effect";
import type { ServerResult } from "@modelcontextprotocol/sdk/types";
import { errorTypeOf, withError } from "../telemetry/errorType.ts";
import type { Meter } from "../telemetry/Meter.ts";
import { instruments, key } from "../telemetry/names.ts";

const isToolError = Schema.is(Schema.Struct({ isError: Schema.Literal(true) }));

/** Measures a request under its method, which must be one of those that are served; without a meter it is the same. */
export const measuredMethod = <E>(
  meter: Meter | undefined,
  method: string,
  answer: Effect.Effect<ServerResult, E>,
): Effect.Effect<ServerResult, E> =>
  meter === undefined ? answer : Effect.flatMap(Clock.Clock, (clock) => {
    const startedMs = clock.currentTimeMillisUnsafe();
    return Effect.onExit(answer, (exit) =>
      Effect.sync(() => {
        const type = Exit.isSuccess(exit) && isToolError(exit.value) ? "tool_error" : errorTypeOf(exit);
        const seconds = (clock.currentTimeMillisUnsafe() - startedMs) / 1000;
        meter.record(instruments.mcpDuration, withError({ [key.mcpMethod]: method }, type), seconds);
      }));
  });
