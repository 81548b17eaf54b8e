/**
 * How log lines look and where they go.
 */
import process from "node:process";
import { Cause, type Context, Formatter, Layer, Logger, type LogLevel, References } from "effect";
import type { SettingsService } from "./config.ts";
import { type Failure, logged } from "./domain/failureDetail.ts";
import { CurrentSpan } from "./services/Tracing.ts";

const levels: Readonly<Record<SettingsService["logLevel"], LogLevel.LogLevel>> = {
  TRACE: "Trace",
  DEBUG: "Debug",
  INFO: "Info",
  WARN: "Warn",
  WARNING: "Warn",
  ERROR: "Error",
  FATAL: "Fatal",
  NONE: "None",
};

export interface LoggingOptions {
  /** A person is watching: pretty lines with colours instead of JSON. */
  readonly isTerminal: boolean;
  /** Standard output carries a protocol, so lines go to standard error. */
  readonly toStderr: boolean;
  /** Lines may repeat what users, models and providers said. */
  readonly tellsContent: boolean;
  /** Gets every line as well, failures told as in those that are written here. */
  readonly further?: Logger.Logger<unknown, void>;
}

const isFailure = (value: unknown): value is Failure & Error =>
  value instanceof Error && "_tag" in value && typeof value._tag === "string";

/** A failure without what somebody else said in it: its sentence is ours, what caused it need not be. */
const ownWords = (error: unknown): unknown => {
  if (!isFailure(error) || error.isForeign !== true) return error;
  const told = new Error(error.message);
  told.name = error._tag;
  told.stack = `${error._tag}: ${error.message}`;
  return told;
};

/**
 * Tells the failures in a line by their fields: no caller is told their detail, so here is where it can be read.
 *
 * *Details*: a detail that is a provider's or a server's own text may repeat a prompt, and so may what caused it: both
 * are left out unless `tellsContent`, in causes and messages alike.
 */
export const detailed = <A>(logger: Logger.Logger<unknown, A>, tellsContent: boolean): Logger.Logger<unknown, A> =>
  Logger.make((options) => {
    const messages = Array.isArray(options.message) ? options.message : [options.message];
    const failures = options.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error).filter(isFailure);
    if (failures.length === 0 && !messages.some(isFailure)) return logger.log(options);
    return logger.log({
      ...options,
      message: [...messages, ...failures].map((value) => isFailure(value) ? logged(value, tellsContent) : value),
      cause: tellsContent ? options.cause : Cause.map(options.cause, ownWords),
    });
  });

/** A text that moves no cursor and colours nothing: its control characters as JSON writes them, line ends if wished. */
const visible = (text: string, keepsLines: boolean): string =>
  text.replace(
    /\p{Cc}/gu,
    (found) => keepsLines && found === "\n" ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const visibleValue = (value: unknown): unknown => typeof value === "string" ? visible(value, false) : value;

/**
 * Lines for a terminal, which obeys what it is shown: a user, a model or a file may be called anything.
 *
 * *Details*: what is no text is inspected by the console, which writes control characters itself.
 */
export const forTerminal = (logger: Logger.Logger<unknown, void>): Logger.Logger<unknown, void> =>
  Logger.make((options) => {
    const { cause, fiber, message } = options;
    const annotations = fiber.getRef(References.CurrentLogAnnotations);
    const shown = Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [visible(name, false), visibleValue(value)]),
    );
    const messages = (Array.isArray(message) ? message : [message]).map(visibleValue);
    logger.log({
      ...options,
      message: cause.reasons.length === 0 ? messages : [...messages, visible(Cause.pretty(cause), true)],
      cause: Cause.empty,
      fiber: Object.create(fiber, {
        getRef: {
          value: (ref: Context.Reference<unknown>) =>
            ref === References.CurrentLogAnnotations ? shown : fiber.getRef(ref),
        },
      }),
    });
  });

/** A line as JSON, with the ids of what is being done where that is traced. */
const jsonWithTrace = Logger.make<unknown, string>((options) => {
  const span = options.fiber.getRef(CurrentSpan);
  const line = Logger.formatStructured.log(options);
  return Formatter.formatJson(
    span === undefined ? line : { ...line, trace_id: span.traceId, span_id: span.spanId },
  );
});

/**
 * The lines of a process that has not read its settings yet, or that gave them back: in the form of all others.
 *
 * *Details*: what standard output carries decides where they go, as in {@link LoggingOptions}.
 */
export const early = (toStderr: boolean): Layer.Layer<never> =>
  layer("INFO", {
    isTerminal: (toStderr ? process.stderr : process.stdout).isTTY === true,
    toStderr,
    tellsContent: false,
  });

/** Structured logging at the level of the settings: pretty on a terminal, a JSON object a line otherwise. */
export const layer = (level: SettingsService["logLevel"], options: LoggingOptions): Layer.Layer<never> => {
  const formatted = options.isTerminal
    ? Logger.map(Logger.formatLogFmt, (line) => visible(line, false))
    : jsonWithTrace;
  const logger = options.toStderr
    ? Logger.withConsoleError(formatted)
    : options.isTerminal
    ? forTerminal(Logger.consolePretty())
    : Logger.withConsoleLog(formatted);
  return Layer.merge(
    Logger.layer(
      [logger, ...(options.further === undefined ? [] : [options.further])]
        .map((each) => detailed<unknown>(each, options.tellsContent)),
    ),
    Layer.succeed(References.MinimumLogLevel, levels[level]),
  );
};
