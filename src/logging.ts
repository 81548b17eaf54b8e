/**
 * How log lines look and where they go.
 */
import { Cause, Layer, Logger, type LogLevel, References } from "effect";
import type { SettingsService } from "./config.ts";
import { type Failure, logged } from "./domain/failureDetail.ts";

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
}

const isDetailed = (value: unknown): value is Failure =>
  value instanceof Error && "_tag" in value && typeof value._tag === "string" && "detail" in value &&
  typeof value.detail === "string";

/**
 * Adds the detail of every failure in a line: no caller is told it, so here is where it can be read.
 *
 * *Details*: a cause is rendered by its sentence alone, and so is an error in a line of words.
 */
export const detailed = <A>(logger: Logger.Logger<unknown, A>): Logger.Logger<unknown, A> =>
  Logger.make((options) => {
    const messages = Array.isArray(options.message) ? options.message : [options.message];
    const failures = [...options.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error), ...messages];
    const details = failures.filter(isDetailed).map(logged);
    return logger.log(details.length === 0 ? options : { ...options, message: [...messages, ...details] });
  });

/** Structured logging at the level of the settings: pretty on a terminal, a JSON object a line otherwise. */
export const layer = (level: SettingsService["logLevel"], options: LoggingOptions): Layer.Layer<never> => {
  const formatted = options.isTerminal ? Logger.formatLogFmt : Logger.formatJson;
  const logger = options.toStderr
    ? Logger.withConsoleError(formatted)
    : options.isTerminal
    ? Logger.consolePretty()
    : Logger.consoleJson;
  return Layer.merge(Logger.layer([detailed(logger)]), Layer.succeed(References.MinimumLogLevel, levels[level]));
};
