/**
 * Settings and logging of the project's own tasks: from the environment, then from `.env`.
 */
import { ConfigProvider, Effect, Layer } from "effect";
import { Settings } from "../src/config.ts";
import * as Logging from "../src/logging.ts";

const readDotEnv = (): string => {
  try {
    return Deno.readTextFileSync(".env");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
};

const provider = ConfigProvider.orElse(
  ConfigProvider.fromEnv(),
  ConfigProvider.fromDotEnvContents(readDotEnv()),
);

/** The settings a server would have here, with lines logged to standard error. */
export const settingsLayer = Layer.unwrap(
  Effect.map(
    Settings,
    ({ logLevel }) => Logging.layer(logLevel, { isTerminal: Deno.stderr.isTerminal(), toStderr: true }),
  ),
).pipe(Layer.provideMerge(Settings.layer), Layer.provide(ConfigProvider.layer(provider)));
