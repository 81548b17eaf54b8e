/**
 * A provider behind any server that speaks OpenAI's Chat Completions: OpenAI itself, Ollama, vLLM,
 * llama.cpp, LM Studio, OpenRouter.
 *
 * It uses Effect's `HttpClient` and not the vendor's SDK: the format is small, and the SDK hides
 * what has to be told apart here (an HTML page with status 200 is an empty stream to it, a
 * `retry-after` header is lost mid-way, a cancelled stream ends like a finished one).
 */
import { Cache, Effect, Exit, Option, Redacted, Schema, Stream } from "effect";
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http";
import { makeId } from "../../domain/ids.ts";
import { version } from "../../domain/version.ts";
import type { ModelInfo, ModelRequest } from "../../services/Model.ts";
import type { Cut } from "./Cut.ts";
import type { Agents } from "./connection.ts";
import { exchange } from "./exchange.ts";
import { toFailure } from "./fault.ts";
import { explain } from "./openai/errors.ts";
import { type Flavour, historyRules, lower } from "./openai/request.ts";
import { reading } from "./openai/response.ts";
import { type AbsentProvider, isModelName, type Provider } from "./Provider.ts";
import { withOwnNames } from "./ownNames.ts";
import { takenBy } from "./sampling.ts";
import { type Deadlines, upstream } from "./upstream.ts";

/** Where OpenAI itself answers. */
export const openAiBaseUrl = "https://api.openai.com/v1";

/** A list is worth this wait in front of `/v1/models`, not more. */
const listTimeoutMs = 3000;
/** Models come and go over days. */
const listTimeToLive = "5 minutes";
/** A server that is starting lists soon, and until it does nobody knows its models; asking costs it little. */
const failedListTimeToLive = "5 seconds";

export interface OpenAiOptions {
  /** The provider name in lists and errors, which strangers read. */
  readonly name: string;
  /** The provider name in origins, where servers differ; `name` when absent. */
  readonly origin?: string;
  /** The base URL, with its `/v1`. */
  readonly baseUrl: string;
  /** None for servers that want no key. */
  readonly apiKey: Option.Option<Redacted.Redacted>;
  readonly deadlines: Deadlines;
  /** Connections through proxies; direct ones when absent. */
  readonly agents?: Agents;
}

// List -------------------------------------------------------------------------------------------

const Listed = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      /** OpenRouter's name of the window. */
      context_length: Schema.optional(Schema.NullOr(Schema.Number)),
      /** vLLM's name of it. */
      max_model_len: Schema.optional(Schema.NullOr(Schema.Number)),
    }),
  ),
});

/** Names that other providers of ours own are not guessed to be served here as well. */
const isForeign = (model: string): boolean => /^(gemini|claude|caisson)-/.test(model);

// Provider ---------------------------------------------------------------------------------------

/** Makes what opens a turn; where the server refuses the output limit by its usual name, by the other one. */
const turnOpener = (options: OpenAiOptions, baseUrl: string, flavour: Flavour) => {
  const headers = {
    "content-type": "application/json",
    accept: "text/event-stream",
    "user-agent": `caisson/${version}`,
    ...Option.match(options.apiKey, {
      onNone: () => ({}),
      onSome: (key) => ({ authorization: `Bearer ${Redacted.value(key)}` }),
    }),
  };
  /** How models want the output limit to be called that refused the usual name. */
  const limitFields = new Map<string, Flavour["limitField"]>();
  const ask = (request: ModelRequest, limitField: Flavour["limitField"], cut: Cut) =>
    exchange(
      {
        url: `${baseUrl}/chat/completions`,
        headers,
        body: JSON.stringify(lower(request, { ...flavour, limitField })),
      },
      explain,
      cut,
      options.agents,
    );
  return (request: ModelRequest) => (cut: Cut) =>
    Effect.suspend(() => ask(request, limitFields.get(request.model) ?? flavour.limitField, cut)).pipe(
      Effect.catchIf(
        (failure) => failure.limitField !== undefined && !limitFields.has(request.model),
        ({ limitField = flavour.limitField }) => {
          limitFields.set(request.model, limitField);
          return ask(request, limitField, cut);
        },
      ),
    );
};

/**
 * Makes a provider over one base URL.
 *
 * *Details*: it serves the names that the server lists, with or without a `:tag`; while the server
 * does not list, any name but those of other providers, and the server's own 404 decides.
 */
export const make = Effect.fnUntraced(function* (
  options: OpenAiOptions,
): Effect.fn.Return<Provider, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient;
  const baseUrl = options.baseUrl.replace(/\/{1,100}$/, "");
  const isOpenAi = baseUrl === openAiBaseUrl;
  const flavour: Flavour = {
    provider: options.origin ?? options.name,
    limitField: isOpenAi ? "max_completion_tokens" : "max_tokens",
    sampling: isOpenAi ? "openai" : "openai-compatible",
  };
  const authorized = (request: HttpClientRequest.HttpClientRequest) =>
    Option.match(options.apiKey, {
      onNone: () => request,
      onSome: (key) => HttpClientRequest.bearerToken(request, Redacted.value(key)),
    });

  const info = (id: string, contextTokens?: number | null): ModelInfo => ({
    id,
    provider: options.name,
    vision: true,
    takes: takenBy[flavour.sampling],
    ...(contextTokens === undefined || contextTokens === null ? {} : { contextTokens }),
  });

  const fetchList = client.execute(authorized(HttpClientRequest.get(`${baseUrl}/models`))).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Listed)),
    // The key goes to the configured place and nowhere else, and nothing of our own tracing goes with it.
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" }),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.timeout(listTimeoutMs),
    Effect.map(({ data }) => data.map((entry) => info(entry.id, entry.context_length ?? entry.max_model_len))),
    Effect.tapError((problem) => Effect.logWarning(`${options.name} did not list its models`, problem.message)),
  );
  const lists = yield* Cache.makeWith(() => fetchList, {
    capacity: 1,
    timeToLive: Exit.match({ onSuccess: () => listTimeToLive, onFailure: () => failedListTimeToLive }),
  });
  const listed: Effect.Effect<Option.Option<ReadonlyArray<ModelInfo>>> = Effect.option(Cache.get(lists, "models"));

  const find: Provider["find"] = (model) =>
    Effect.map(listed, (list) =>
      Option.match(list, {
        onNone: () => (isForeign(model) || !isModelName(model) ? Option.none() : Option.some(info(model))),
        onSome: (models) => {
          const known = models.find(({ id }) =>
            id === model || id === `${model}:latest` || (model.startsWith(`${id}:`) && isModelName(model))
          );
          return known === undefined ? Option.none() : Option.some({ ...known, id: model });
        },
      }));

  const open = turnOpener(options, baseUrl, flavour);
  const stream: Provider["stream"] = (request) =>
    upstream({
      open: open(request),
      assembly: () => reading({ provider: flavour.provider, makeCallId: () => makeId("call") }),
      deadlines: options.deadlines,
    }).pipe(withOwnNames(request.tools, historyRules), Stream.mapError(toFailure(options.name, request.model)));

  return {
    name: options.name,
    list: Effect.map(listed, Option.getOrElse((): ReadonlyArray<ModelInfo> => [])),
    isUnlisted: Effect.map(listed, Option.isNone),
    find,
    stream,
  };
});

/** Names, in lists of OpenAI and of local servers, of models that cannot hold a conversation. */
const isNoChatModel = (id: string): boolean =>
  /embed|whisper|tts|dall-e|moderation|transcribe|rerank|realtime|sora|gpt-image|(davinci|babbage)-002/.test(id);

/** The first model that a server lists and that can hold a conversation. */
export const firstChatModel = (listed: ReadonlyArray<ModelInfo>): ModelInfo | undefined =>
  listed.find(({ id }) => !isNoChatModel(id)) ?? listed[0];

/** What OpenAI's model names are answered when neither key nor base URL is set. */
export const absent: AbsentProvider = {
  name: "openai",
  claims: (model) => /^(gpt-|chatgpt-|o\d)/.test(model),
  why: "OPENAI_API_KEY (or OPENAI_BASE_URL) is not set",
};
