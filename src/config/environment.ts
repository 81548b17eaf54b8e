/**
 * Where settings are read from: the environment of the process, and beneath it `.env`.
 */
import process from "node:process";
import { ConfigProvider, Effect, type Layer } from "effect";
import { dotEnvFile, readDotEnv, readStrayLines } from "./dotEnv.ts";
import { ConfigurationRefused } from "./refused.ts";

const isSet = ([, value]: readonly [string, string | undefined]): boolean => (value ?? "").trim() !== "";

/**
 * Every variable that this process may read, those of `.env` beneath those of the environment.
 *
 * *Details*: an empty variable counts as unset, as shells and compose files mean it.
 *
 * *Fails with* `ConfigurationRefused` when `.env` is there and cannot be read.
 */
export const environmentVariables: Effect.Effect<Readonly<Record<string, string | undefined>>, ConfigurationRefused> =
  Effect.try({
    try: () => ({
      ...readDotEnv(),
      // The one place of the library that reads the environment.
      // deno-lint-ignore caisson/effects-only
      ...Object.fromEntries(Object.entries(process.env).filter(isSet)),
    }),
    catch: (thrown) =>
      new ConfigurationRefused({
        problems: [`${dotEnvFile} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`],
      }),
  });

/** The numbers of the lines of `.env` that nothing is read from; that it cannot be read is told elsewhere. */
export const strayLinesOfDotEnv: Effect.Effect<ReadonlyArray<number>> = Effect.orElseSucceed(
  Effect.try({ try: readStrayLines, catch: (thrown) => thrown }),
  () => [],
);

/** The provider of settings for this process. *Fails with* `ConfigurationRefused` when `.env` cannot be read. */
export const environment: Layer.Layer<never, ConfigurationRefused> = ConfigProvider.layer(
  Effect.map(environmentVariables, ConfigProvider.fromEnvRecord),
);
