/**
 * How log lines look and where they go.
 */
import { Layer, Logger, type LogLevel, References } from "effect";
import type { SettingsService } from "./config.ts";

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

/** Structured logging at the level of the settings: pretty on a terminal, a JSON object a line otherwise. */
export const layer = (level: SettingsService["logLevel"], options: LoggingOptions): Layer.Layer<never> => {
  const formatted = options.isTerminal ? Logger.formatLogFmt : Logger.formatJson;
  const logger = options.toStderr
    ? Logger.withConsoleError(formatted)
    : options.isTerminal
    ? Logger.consolePretty()
    : Logger.consoleJson;
  return Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, levels[level]));
};
