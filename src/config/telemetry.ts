/**
 * What the process tells its operator.
 */
import { choice, type Row } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const telemetryRows = {
  logLevel: choice("LOG_LEVEL", {
    choices: ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "NONE"],
    default: "INFO",
    why: "Least severe line that is logged.",
  }),
} as const satisfies Record<string, Row<unknown>>;
