/**
 * Lines of the log as a collector takes them.
 */
import { Cause, Exit, Logger, type LogLevel, References } from "effect";
import { type OtlpLogger, OtlpResource } from "effect/observability";
import { errorTypeOf } from "../domain/errorType.ts";
import { CurrentSpan } from "../services/Tracing.ts";
import { key } from "./names.ts";

/** A line in OTLP. */
export type OtlpLine = NonNullable<
  OtlpLogger.LogsData["resourceLogs"][number]["scopeLogs"][number]["logRecords"]
>[number];

/** OpenTelemetry's numbers of our levels. */
const severities: Readonly<Record<LogLevel.LogLevel, NonNullable<OtlpLine["severityNumber"]>>> = {
  All: 0,
  Trace: 1,
  Debug: 5,
  Info: 9,
  Warn: 13,
  Error: 17,
  Fatal: 21,
  None: 0,
};

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
  push: (line: OtlpLine) => void,
  tellsContent: boolean,
): Logger.Logger<unknown, void> =>
  Logger.make(({ message, cause, date, fiber, logLevel }) => {
    const messages = Array.isArray(message) ? message : [message];
    const fields = Object.assign({}, fiber.getRef(References.CurrentLogAnnotations), ...messages.filter(isFields));
    const attributes = Object.entries(fields).filter(([name]) => tellsContent || told.has(name));
    if (cause.reasons.length > 0) {
      attributes.push([key.errorType, errorTypeOf(Exit.failCause(cause))]);
      if (tellsContent) attributes.push(["exception.stacktrace", Cause.pretty(cause).slice(0, bodyMax)]);
    }
    const words = messages.filter((part) => typeof part === "string").join(" ");
    const span = fiber.getRef(CurrentSpan);
    const time = `${date.getTime()}000000`;
    push({
      timeUnixNano: time,
      observedTimeUnixNano: time,
      severityNumber: severities[logLevel],
      severityText: logLevel,
      body: { stringValue: words.slice(0, bodyMax).toWellFormed() },
      attributes: OtlpResource.entriesToAttributes(attributes),
      droppedAttributesCount: 0,
      ...(span !== undefined && { traceId: span.traceId, spanId: span.spanId }),
    });
  });
