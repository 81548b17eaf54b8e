/**
 * Lines of the log as a collector takes them.
 */
import { Cause, Exit, Logger, type LogLevel, References } from "effect";
import { errorTypeOf } from "../domain/errorType.ts";
import { CurrentSpan } from "../services/Tracing.ts";
import { Attributes } from "./Attributes.ts";
import { key } from "./names.ts";

/** A line of the log, as its writers read it. */
export interface LoggedLine {
  readonly timeMs: number;
  readonly level: LogLevel.LogLevel;
  readonly words: string;
  readonly attributes: Attributes;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

/** OpenTelemetry's numbers of our levels. */
export const severities = {
  All: 0,
  Trace: 1,
  Debug: 5,
  Info: 9,
  Warn: 13,
  Error: 17,
  Fatal: 21,
  None: 0,
} as const satisfies Record<LogLevel.LogLevel, number>;

/** What a line may say beside its words; names of users and paths stay here unless content may be told. */
const told: ReadonlySet<string> = new Set([
  "request_id",
  "method",
  "status",
  "duration_ms",
  "first_byte_ms",
  "model",
  "run",
  "turns",
  "tools",
  "failed_tools",
  "input_tokens",
  "cached_input_tokens",
  "output_tokens",
  "cost_usd",
  "finish",
  "error",
  "outcome",
  "code",
  "detail",
  "held_ms",
  "mcp_method",
  "mcp_session",
  "tool",
]);

/** Bytes of a line's words. */
const bodyMax = 4_096;

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A logger that hands its lines to `push`. */
export const makeOtlpLogger = (
  push: (line: LoggedLine) => void,
  tellsContent: boolean,
): Logger.Logger<unknown, void> =>
  Logger.make(({ message, cause, date, fiber, logLevel }) => {
    const messages = Array.isArray(message) ? message : [message];
    const further = messages.filter(isFields);
    const annotations = fiber.getRef(References.CurrentLogAnnotations);
    const fields = further.length === 0 ? annotations : Object.assign({}, annotations, ...further);
    const attributes = new Attributes();
    for (const name of Object.keys(fields)) {
      if (tellsContent || told.has(name)) attributes.add(name, fields[name]);
    }
    if (cause.reasons.length > 0) {
      attributes.set(key.errorType, errorTypeOf(Exit.failCause(cause)));
      if (tellsContent) attributes.set("exception.stacktrace", Cause.pretty(cause).slice(0, bodyMax));
    }
    const span = fiber.getRef(CurrentSpan);
    push({
      timeMs: date.getTime(),
      level: logLevel,
      words: messages.filter((part) => typeof part === "string").join(" ").slice(0, bodyMax).toWellFormed(),
      attributes,
      traceId: span?.traceId,
      spanId: span?.spanId,
    });
  });
