/**
 * What the log says at start: the settings nobody reads, the models, the sandbox, the address and the next step.
 */
import { resolve } from "node:path";
import { Context, Effect, Layer, Option, Result } from "effect";
import { HttpServer } from "effect/http";
import { environmentVariables, strayLinesOfDotEnv } from "./config/environment.ts";
import { misspeltTools } from "./config/misspeltTools.ts";
import { unknownNames } from "./config/unknownNames.ts";
import { type Row, Settings, settingsTable } from "./config.ts";
import { Identity } from "./services/Identity.ts";
import { Model } from "./services/Model.ts";
import { Sandbox, type SandboxInfo } from "./services/Sandbox.ts";

/** Names of models in one log line; a provider may list hundreds. */
const namesShownMax = 8;

/** Called once when it is known where code runs; the entries give back what that place does not need. */
export class SandboxChosen
  extends Context.Reference<(info: SandboxInfo) => Effect.Effect<void>>("caisson/SandboxChosen", {
    defaultValue: () => () => Effect.void,
  }) {}

const settingNames: ReadonlySet<string> = new Set(
  Object.values<Row<unknown>>(settingsTable).flatMap(({ key, aliases }) => [key, ...aliases]),
);

/** Warns of what is set and not read; `others` are variables whose names a setting gives. */
export const warnOfUnknownSettings = Effect.fnUntraced(function* (others: ReadonlySet<string>) {
  for (const line of yield* strayLinesOfDotEnv) {
    yield* Effect.logWarning(`line ${line} of .env is not NAME=value and is not read`);
  }
  const names = Object.keys(yield* environmentVariables);
  for (const { name, nearest } of unknownNames(names, settingNames)) {
    if (others.has(name)) continue;
    yield* Effect.logWarning(
      `${name} is no setting and is not read${nearest === undefined ? "" : `: did you mean ${nearest}?`}`,
    );
  }
});

/** Warns of rules for tools that mean none: what they were written against is carried out. */
export const warnOfMisspeltTools = Effect.gen(function* () {
  const { toolsAllow, toolsAsk, toolsDeny } = yield* Settings;
  for (
    const { key, rules } of [
      { key: settingsTable.toolsDeny.key, rules: toolsDeny },
      { key: settingsTable.toolsAsk.key, rules: toolsAsk },
      { key: settingsTable.toolsAllow.key, rules: toolsAllow },
    ]
  ) {
    for (const { rule, nearest } of misspeltTools(rules)) {
      yield* Effect.logWarning(`${key}: there is no tool that "${rule}" means: did you mean ${nearest}?`);
    }
  }
});

/** Says so when code cannot be run now, such as while the MCP server of `MCP_SERVER_URL` does not answer. */
const warnWhenUnusable = Effect.gen(function* () {
  const { healthy, detail } = yield* (yield* Sandbox).health;
  if (healthy) return;
  yield* Effect.logWarning(
    `sandbox: no code can be run now: ${detail}. Requests that need it fail until this is mended; GET /health tells when`,
  );
});

/** Says which sandbox runs code and which of its walls are missing. */
export const sandbox = Layer.effectDiscard(
  Effect.gen(function* () {
    const { info } = yield* Sandbox;
    const missing = info.controls.filter(({ applied }) => !applied);
    yield* Effect.logInfo(`sandbox: ${info.kind}, ${info.why}`);
    for (const warning of info.warnings ?? []) yield* Effect.logWarning(`sandbox: ${warning}`);
    for (const control of missing) {
      yield* Effect.logWarning(`sandbox control not applied: ${control.name}`, control.detail);
    }
    yield* (yield* SandboxChosen)(info);
    yield* Effect.forkScoped(warnWhenUnusable);
  }),
);

/** The names that the providers list; they are asked for them. */
const listedNames = Effect.gen(function* () {
  const names = (yield* (yield* Model).list).map(({ id }) => id);
  const more = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : "";
  return `models: ${names.slice(0, namesShownMax).join(", ")}${more}`;
});

/** Providers whose models are known by their names: nobody has to be asked for a list. */
const knownByName: ReadonlySet<string> = new Set(["gemini", "anthropic", "offline"]);

/** Whether no model but the stand-in is configured. */
const isUnconfigured = Effect.map(
  Settings,
  ({ geminiApiKey, anthropicApiKey, openaiApiKey, openaiBaseUrl, models }) =>
    [geminiApiKey, anthropicApiKey, openaiApiKey, openaiBaseUrl, models]
      .every((each: Option.Option<unknown>) => Option.isNone(each)),
);

const modelsLine = Effect.gen(function* () {
  const model = yield* Model;
  const chosen = yield* Effect.result(model.defaultModel);
  if (Result.isFailure(chosen)) {
    return yield* Effect.logWarning(`${yield* listedNames}; no default: ${chosen.failure.why}`);
  }
  const served = yield* Effect.result(model.find(chosen.success));
  if (Result.isFailure(served)) {
    return yield* Effect.logWarning(
      `${yield* listedNames}; the default ${chosen.success} cannot be used: ${served.failure.why}`,
    );
  }
  const { provider } = served.success;
  const shown = knownByName.has(provider) ? `models: those of ${provider}` : yield* listedNames;
  yield* Effect.logInfo(`${shown}; the default is ${chosen.success}`);
  if (provider === "offline" && (yield* isUnconfigured)) {
    yield* Effect.logInfo(
      "no model is configured, so a rule-based stand-in answers: set GOOGLE_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY " +
        "or OPENAI_BASE_URL in the environment or in .env",
    );
  }
});

/** Says which models there are and which is the default; a slow provider does not hold the door shut. */
export const models = Layer.effectDiscard(Effect.forkScoped(modelsLine));

/** Says where a door is once it is open, and when it closes. */
export const door = (name: string, next: (base: string, needsKey: boolean) => string) =>
  Layer.effectDiscard(Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer;
    const { anonymous } = yield* Identity;
    const { dataPath, shutdownGraceSeconds } = yield* Settings;
    const base = HttpServer.formatAddress(address);
    yield* Effect.acquireRelease(
      Effect.logInfo(`${name} listens on ${base}`),
      () =>
        Effect.logInfo(
          `${name} closes: what is running has up to ${shutdownGraceSeconds} seconds to end, a second signal ends it now`,
        ),
    );
    // An address that means "every interface" is none that a client can open.
    yield* Effect.logInfo(`data: ${resolve(dataPath)} (CAISSON_DATA_PATH)`);
    yield* Effect.logInfo(next(base.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:"), !anonymous));
  }));

/** The next step with the agent API. */
export const askTheApi = (base: string, needsKey: boolean): string =>
  `next: open ${base} in a browser (its reference is ${base}/docs), or ask it: curl -N ${base}/v1/chat/completions ` +
  `${needsKey ? "-H 'authorization: Bearer KEY' " : ""}-H 'content-type: application/json' ` +
  `-d '{"stream":true,"messages":[{"role":"user","content":"Execute: print(6 * 7)"}]}'`;

/** The next step with the MCP server. */
export const connectToMcp = (base: string, needsKey: boolean): string =>
  `next: give ${base}/mcp to an MCP client, such as: claude mcp add --transport http caisson ${base}/mcp` +
  (needsKey ? ` --header "authorization: Bearer KEY"` : "");

/** The names that a routing table gives to variables with keys. */
export const keyVariables = (
  table: Readonly<Record<string, { readonly apiKeyEnv?: string }>>,
): ReadonlySet<string> =>
  new Set(Object.values(table).flatMap(({ apiKeyEnv }) => Option.toArray(Option.fromUndefinedOr(apiKeyEnv))));
