/**
 * Settings and logging of the project's own tasks, read as the server reads them.
 */
import { Effect, Layer } from "effect";
import { environment } from "../src/config/environment.ts";
import { Settings } from "../src/config.ts";
import * as Logging from "../src/logging.ts";

/** The settings a server would have here, with lines logged to standard error. */
export const settingsLayer = Layer.unwrap(
  Effect.map(
    Settings,
    ({ logLevel }) =>
      Logging.layer(logLevel, { isTerminal: Deno.stderr.isTerminal(), toStderr: true, tellsContent: false }),
  ),
).pipe(Layer.provideMerge(Settings.layer), Layer.provide(environment));
