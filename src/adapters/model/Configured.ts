/**
 * The Model port as the settings configure it: which providers there are and which are missing.
 */
import { Effect, Layer, Option } from "effect";
import { FetchHttpClient } from "effect/http";
import { Settings, type SettingsService } from "../../config.ts";
import { Model } from "../../services/Model.ts";
import * as Anthropic from "./Anthropic.ts";
import * as Gemini from "./Gemini.ts";
import * as Offline from "./Offline.ts";
import * as OpenAiCompatible from "./OpenAiCompatible.ts";
import type { AbsentProvider, Provider } from "./Provider.ts";
import { type Resilience, resilient } from "./resilience.ts";
import * as Router from "./Router.ts";
import type { Deadlines } from "./upstream.ts";

const deadlinesOf = (settings: SettingsService): Deadlines => ({
  connectMs: settings.modelConnectSeconds * 1000,
  firstEventMs: settings.modelFirstEventSeconds * 1000,
  silenceMs: settings.modelSilenceSeconds * 1000,
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

/** The Model port over every provider that the settings give what it needs; offline is always there. */
export const layer: Layer.Layer<Model, never, Settings> = Layer.effect(
  Model,
  Effect.gen(function* () {
    const settings = yield* Settings;
    const deadlines = deadlinesOf(settings);
    const resilience = resilienceOf(settings);
    const providers: Array<Provider> = [Offline.provider];
    const absent: Array<AbsentProvider> = [];

    if (Option.isSome(settings.geminiApiKey)) {
      const gemini = yield* Gemini.make({
        apiKey: settings.geminiApiKey.value,
        baseUrl: settings.geminiBaseUrl,
        apiVersion: settings.geminiApiVersion,
        deadlines,
      });
      providers.push(yield* resilient(gemini, resilience));
    } else absent.push(Gemini.absent);

    if (Option.isSome(settings.anthropicApiKey)) {
      const anthropic = yield* Anthropic.make({
        apiKey: settings.anthropicApiKey.value,
        baseUrl: settings.anthropicBaseUrl,
        deadlines,
      });
      providers.push(yield* resilient(anthropic, resilience));
    } else absent.push(Anthropic.absent);

    if (Option.isSome(settings.openaiApiKey) || Option.isSome(settings.openaiBaseUrl)) {
      const openai = yield* OpenAiCompatible.make({
        name: "openai",
        baseUrl: Option.getOrElse(settings.openaiBaseUrl, () => OpenAiCompatible.openAiBaseUrl),
        apiKey: settings.openaiApiKey,
        deadlines,
      });
      providers.push(yield* resilient(openai, resilience));
    } else absent.push(OpenAiCompatible.absent);

    const preferred = Option.isSome(settings.geminiApiKey) ? Gemini.defaultModel : Offline.offlineModel;
    return Model.of(
      Router.make({ providers, absent, defaultModel: Option.getOrElse(settings.defaultModel, () => preferred) }),
    );
  }),
).pipe(Layer.provide(FetchHttpClient.layer));
