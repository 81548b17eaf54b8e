/**
 * The Model port as the settings configure it: which providers there are, which are missing, and the
 * public names of the routing table over them.
 */
import { Effect, Layer, Option, type Redacted, type Scope } from "effect";
import { FetchHttpClient, type HttpClient } from "effect/http";
import { ConfigurationRefused, readSecret, Settings, type SettingsService } from "../../config.ts";
import { Model, ModelNotFound } from "../../services/Model.ts";
import { openedBy } from "../../services/opening.ts";
import { OpeningGate } from "../../services/OpeningGate.ts";
import * as Anthropic from "./Anthropic.ts";
import { agentsOver, type Proxies } from "./connection.ts";
import { withFallbacks } from "./fallbacks.ts";
import * as Gemini from "./Gemini.ts";
import { loadTable, type ModelTable, type TableEntry } from "./modelTable.ts";
import * as Offline from "./Offline.ts";
import * as OpenAiCompatible from "./OpenAiCompatible.ts";
import { type OwnLag, watched } from "./OwnLag.ts";
import type { AbsentProvider, Provider } from "./Provider.ts";
import { type Resilience, resilient } from "./resilience.ts";
import * as Router from "./Router.ts";
import * as Table from "./tableProvider.ts";
import type { Deadlines } from "./upstream.ts";

/** Turns that are opened in one turn of the event loop: a few milliseconds of work. */
const turnsPerLoopTurn = 8;

const deadlinesOf = (settings: SettingsService, { heldMs }: OwnLag): Deadlines => ({
  heldMs,
  connectMs: settings.modelConnectSeconds * 1000,
  firstEventMs: settings.modelFirstEventSeconds * 1000,
  silenceMs: settings.modelSilenceSeconds * 1000,
});

const proxiesOf = ({ httpProxy, httpsProxy, noProxy }: SettingsService): Proxies => ({
  ...(Option.isSome(httpProxy) && { HTTP_PROXY: httpProxy.value }),
  ...(Option.isSome(httpsProxy) && { HTTPS_PROXY: httpsProxy.value }),
  ...(Option.isSome(noProxy) && { NO_PROXY: noProxy.value }),
});

const resilienceOf = (settings: SettingsService): Resilience => ({
  attemptsMax: settings.modelAttemptsMax,
  // Overload passes within seconds or not at all while a client waits.
  backoffMs: 500,
  // A person waits this long for a first word; clients that can wait longer retry by themselves.
  retryAfterMsMax: 10_000,
  // More than one turn's attempts, so that a single unlucky turn does not open it.
  breakerFailures: 5,
  breakerOpenMs: 15_000,
});

// Providers --------------------------------------------------------------------------------------

type Kind = Exclude<TableEntry["provider"], "offline">;

/** What one provider is configured with. */
interface Access {
  readonly apiKey: Option.Option<Redacted.Redacted>;
  readonly baseUrl: Option.Option<string>;
}

const accessOf = (settings: SettingsService, kind: Kind): Access => {
  switch (kind) {
    case "gemini":
      return { apiKey: settings.geminiApiKey, baseUrl: settings.geminiBaseUrl };
    case "anthropic":
      return { apiKey: settings.anthropicApiKey, baseUrl: settings.anthropicBaseUrl };
    case "openai":
      return { apiKey: settings.openaiApiKey, baseUrl: settings.openaiBaseUrl };
  }
};

const absentOf: Readonly<Record<Kind, AbsentProvider>> = {
  gemini: Gemini.absent,
  anthropic: Anthropic.absent,
  openai: OpenAiCompatible.absent,
};

/** Makes a provider, none when what it needs is not configured. */
const provide = Effect.fnUntraced(function* (
  settings: SettingsService,
  deadlines: Deadlines,
  kind: Kind,
  { apiKey, baseUrl }: Access,
): Effect.fn.Return<Option.Option<Provider>, never, HttpClient.HttpClient | Scope.Scope> {
  const agents = agentsOver(proxiesOf(settings));
  const bare = Effect.gen(function* () {
    switch (kind) {
      case "gemini":
        return Option.isNone(apiKey) ? undefined : yield* Gemini.make({
          apiKey: apiKey.value,
          baseUrl,
          apiVersion: settings.geminiApiVersion,
          vertex: settings.geminiVertex,
          deadlines,
          agents,
        });
      case "anthropic":
        return Option.isNone(apiKey)
          ? undefined
          : yield* Anthropic.make({ apiKey: apiKey.value, baseUrl, deadlines, agents });
      case "openai":
        return Option.isNone(apiKey) && Option.isNone(baseUrl) ? undefined : yield* OpenAiCompatible.make({
          // Strangers read the name: it tells nothing of the place.
          name: Option.isNone(baseUrl) ? "openai" : "openai-compatible",
          origin: Option.match(baseUrl, { onNone: () => "openai", onSome: (url) => `openai:${new URL(url).host}` }),
          baseUrl: Option.getOrElse(baseUrl, () => OpenAiCompatible.openAiBaseUrl),
          apiKey,
          deadlines,
          agents,
        });
    }
  });
  const made = yield* bare;
  return made === undefined ? Option.none() : Option.some(yield* resilient(made, resilienceOf(settings)));
});

// Table ------------------------------------------------------------------------------------------

/** Finds or makes the providers of the table's entries; entries with the same access share one. */
const routesOf = Effect.fnUntraced(function* (
  settings: SettingsService,
  deadlines: Deadlines,
  table: ModelTable,
  configured: ReadonlyMap<Kind, Provider>,
) {
  const made = new Map<string, Provider>();
  const problems: Array<string> = [];
  const routes: Array<Table.TableRoute> = [];
  for (const [id, entry] of Object.entries(table)) {
    const { provider: kind, apiKeyEnv, baseUrl } = entry;
    if (kind === "offline") {
      routes.push({ id, entry: { ...entry, model: Offline.offlineModel }, provider: Offline.provider });
      continue;
    }
    const identity = JSON.stringify([kind, apiKeyEnv, baseUrl]);
    let provider = apiKeyEnv === undefined && baseUrl === undefined ? configured.get(kind) : made.get(identity);
    if (provider === undefined) {
      const usual = accessOf(settings, kind);
      const apiKey = apiKeyEnv === undefined ? usual.apiKey : yield* readSecret(apiKeyEnv);
      if (apiKeyEnv !== undefined && Option.isNone(apiKey)) {
        problems.push(`CAISSON_MODELS: ${id}: apiKeyEnv: ${apiKeyEnv} is not set or may not be read`);
        continue;
      }
      const found = yield* provide(settings, deadlines, kind, {
        apiKey,
        baseUrl: Option.orElse(Option.fromUndefinedOr(baseUrl), () => usual.baseUrl),
      });
      if (Option.isNone(found)) {
        problems.push(`CAISSON_MODELS: ${id}: ${absentOf[kind].why}`);
        continue;
      }
      provider = found.value;
      made.set(identity, provider);
    }
    routes.push({ id, entry, provider });
  }
  if (problems.length > 0) return yield* new ConfigurationRefused({ problems });
  return routes;
});

// Default ----------------------------------------------------------------------------------------

/** What a server that decides the default could not say. */
const unlisted = () =>
  new ModelNotFound({
    model: "(none named)",
    why: "the OpenAI-compatible server does not list its models now; name one in the request or in DEFAULT_MODEL",
    available: [Offline.offlineModel],
  });

/**
 * The model of a request that names none, where `DEFAULT_MODEL` does not say: Gemini's alias with its key, else
 * what the one configured provider offers, and the offline model only when nothing is configured.
 */
const preferredOf = (
  configured: ReadonlyMap<Kind, Provider>,
  table: ModelTable,
): Effect.Effect<string, ModelNotFound> => {
  if (configured.has("gemini")) return Effect.succeed(Gemini.defaultModel);
  if (configured.has("anthropic")) return Effect.succeed(Anthropic.defaultModel);
  const [firstOfTable = Offline.offlineModel] = Object.keys(table);
  const server = configured.get("openai");
  if (server === undefined) return Effect.succeed(firstOfTable);
  return Effect.flatMap(server.list, (listed) => {
    const first = OpenAiCompatible.firstChatModel(listed);
    return first === undefined ? Effect.fail(unlisted()) : Effect.succeed(first.id);
  });
};

/** Refuses a default that only a provider without its key would serve, by name and with what is missing. */
const refuseAbsentDefault = (
  chosen: string,
  table: ModelTable,
  absent: ReadonlyArray<AbsentProvider>,
): Effect.Effect<void, ConfigurationRefused> => {
  const missing = Object.hasOwn(table, chosen) ? undefined : absent.find(({ claims }) => claims(chosen));
  return missing === undefined ? Effect.void : Effect.fail(
    new ConfigurationRefused({ problems: [`DEFAULT_MODEL is ${JSON.stringify(chosen)}, but ${missing.why}`] }),
  );
};

// Layer ------------------------------------------------------------------------------------------

/**
 * The Model port over the routing table and every provider that the settings give what it needs;
 * the offline model is always there.
 *
 * *Fails with* `ConfigurationRefused` when the routing table cannot be used, or `DEFAULT_MODEL` has no key.
 */
export const layer: Layer.Layer<Model, ConfigurationRefused, Settings> = Layer.effect(
  Model,
  Effect.gen(function* () {
    const settings = yield* Settings;
    const deadlines = deadlinesOf(settings, yield* watched);
    const configured = new Map<Kind, Provider>();
    const absent: Array<AbsentProvider> = [];
    // The compatible server comes last: it may serve any name.
    for (const kind of ["gemini", "anthropic", "openai"] as const) {
      const provider = yield* provide(settings, deadlines, kind, accessOf(settings, kind));
      if (Option.isSome(provider)) configured.set(kind, provider.value);
      else absent.push(absentOf[kind]);
    }
    const table = Option.isSome(settings.models) ? yield* loadTable(settings.models.value) : {};
    const routes = yield* routesOf(settings, deadlines, table, configured);
    // A compatible server may list any name, another provider's included.
    const unserved = configured.has("openai") ? [] : absent;
    yield* Option.match(settings.defaultModel, {
      onNone: () => Effect.void,
      onSome: (chosen) => refuseAbsentDefault(chosen, table, unserved),
    });
    const router = Router.make({
      providers: [Table.make(routes), Offline.provider, ...configured.values()],
      absent,
      defaultModel: Option.match(settings.defaultModel, {
        onNone: () => preferredOf(configured, table),
        onSome: Effect.succeed,
      }),
    });
    const model = withFallbacks(router, Table.fallbacksOf(table));
    const gate = new OpeningGate(turnsPerLoopTurn);
    return Model.of({
      ...model,
      stream: (request) => openedBy(Effect.map(gate.pass(request.principal ?? ""), () => model.stream(request))),
    });
  }),
).pipe(Layer.provide(FetchHttpClient.layer));
