/**
 * Configuration: one table, read once at start, handed on as plain data.
 *
 * `docs/configuration.md` is generated from {@link settingsTable}. Nothing else in the library reads
 * the environment.
 */
import { Config, Context, Effect, Layer, Option, Redacted, Result } from "effect";
import { agentRows } from "./config/agent.ts";
import { doorsRows } from "./config/doors.ts";
import { egressRows } from "./config/egress.ts";
import { identityRows } from "./config/identity.ts";
import { limitsRows } from "./config/limits.ts";
import { modelsRows } from "./config/models.ts";
import { sandboxRows } from "./config/sandbox.ts";
import { sessionsRows } from "./config/sessions.ts";
import { telemetryRows } from "./config/telemetry.ts";
import { webhooksRows } from "./config/webhooks.ts";
import { ConfigurationRefused } from "./config/refused.ts";
import type { Row } from "./config/rows.ts";

export { ConfigurationRefused } from "./config/refused.ts";
export type { Row } from "./config/rows.ts";

// Table ------------------------------------------------------------------------------------------

/** The rows of every area, in the order in which the documentation shows them. */
export const settingsAreas = {
  doors: doorsRows,
  identity: identityRows,
  limits: limitsRows,
  agent: agentRows,
  models: modelsRows,
  sandbox: sandboxRows,
  egress: egressRows,
  sessions: sessionsRows,
  webhooks: webhooksRows,
  telemetry: telemetryRows,
} as const satisfies Record<string, Record<string, Row<unknown>>>;

/** Every setting, by the name the code uses for it. */
export const settingsTable = {
  ...doorsRows,
  ...identityRows,
  ...limitsRows,
  ...agentRows,
  ...modelsRows,
  ...sandboxRows,
  ...egressRows,
  ...sessionsRows,
  ...webhooksRows,
  ...telemetryRows,
} as const satisfies Record<string, Row<unknown>>;

type Value<R> = R extends Row<infer A> ? A : never;

/** Every setting as plain data. */
export type SettingsService = { readonly [K in keyof typeof settingsTable]: Value<(typeof settingsTable)[K]> };

// Reading ----------------------------------------------------------------------------------------

const readText = (key: string) => Config.option(Config.String(key));

/** Reads a secret whose name another setting gives; none when it is unset, empty or may not be read. */
export const readSecret = (key: string): Effect.Effect<Option.Option<Redacted.Redacted>> =>
  readText(key).pipe(
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((found) =>
      Option.filter(found, (value) => value.trim() !== "").pipe(Option.map((value) => Redacted.make(value.trim())))
    ),
  );

const readRow = Effect.fnUntraced(function* <A>(entry: Row<A>): Effect.fn.Return<Result.Result<A, string>> {
  for (const key of [entry.key, ...entry.aliases]) {
    const found = yield* readText(key).pipe(Effect.orElseSucceed(() => Option.none<string>()));
    // An empty variable is how shells and compose files say "not set".
    if (Option.isNone(found) || found.value.trim() === "") continue;
    const parsed = entry.parse(found.value.trim());
    if (Option.isSome(parsed)) return Result.succeed(parsed.value);
    // A URL may hold a password although its setting is no secret.
    const shown = entry.secret ? "<redacted>" : JSON.stringify(found.value.replace(/\/\/[^/@]*@/, "//<redacted>@"));
    return Result.fail(`${key} is ${shown}, expected ${entry.expected}`);
  }
  return Result.succeed(entry.fallback);
});

/**
 * The settings of this process as a service.
 *
 * *Example* (decode settings from an object):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfigProvider, Effect, Layer } from "effect";
 * import { Settings } from "@caisson/caisson";
 *
 * const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ AGENT_API_PORT: "9000", LOG_LEVEL: "ERROR" }));
 * const program = Effect.gen(function* () {
 *   return yield* Settings;
 * });
 * const settings = await Effect.runPromise(Effect.provide(program, Layer.provide(Settings.layer, provider)));
 * assert.equal(settings.apiPort, 9000);
 * assert.equal(settings.logLevel, "ERROR");
 * ```
 */
export class Settings extends Context.Service<Settings, SettingsService>()("caisson/config/Settings") {
  /**
   * Reads every setting through the current `ConfigProvider`. *Fails with* `ConfigurationRefused`, naming
   * every wrong key.
   */
  static readonly layer: Layer.Layer<Settings, ConfigurationRefused> = Layer.effect(
    Settings,
    Effect.gen(function* () {
      const problems: Array<string> = [];
      const values: Record<string, unknown> = {};
      for (const [name, entry] of Object.entries<Row<unknown>>(settingsTable)) {
        const result = yield* readRow(entry);
        if (Result.isSuccess(result)) values[name] = result.success;
        else problems.push(result.failure);
      }
      if (problems.length > 0) return yield* new ConfigurationRefused({ problems });
      return Settings.of(values as SettingsService);
    }),
  );

  /**
   * The defaults with some settings changed, for tests and for programs that configure in code.
   *
   * *Example* (configure in code):
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import { Effect } from "effect";
   * import { Settings } from "@caisson/caisson";
   *
   * const program = Effect.gen(function* () {
   *   const { apiPort, turnsMax } = yield* Settings;
   *   return { apiPort, turnsMax };
   * });
   * const found = await Effect.runPromise(Effect.provide(program, Settings.layerWith({ turnsMax: 5 })));
   * assert.deepEqual(found, { apiPort: 8000, turnsMax: 5 });
   * ```
   */
  static readonly layerWith = (changes: Partial<SettingsService> = {}): Layer.Layer<Settings> =>
    Layer.succeed(Settings, Settings.of({ ...defaults, ...changes }));
}

/**
 * The settings of an empty environment.
 *
 * *Example* (look up a default):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaults } from "@caisson/caisson";
 *
 * assert.equal(defaults.sandbox, "auto");
 * assert.equal(defaults.sessionTimeoutSeconds, 3600);
 * ```
 */
export const defaults: SettingsService = Object.fromEntries(
  Object.entries(settingsTable).map(([name, entry]) => [name, entry.fallback]),
) as SettingsService;
