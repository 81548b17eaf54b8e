/**
 * The Gemini provider over `@google/genai`.
 *
 * Only I/O lives here: what is sent, what comes back and what goes wrong are `gemini/request.ts`,
 * `gemini/response.ts` and `gemini/errors.ts`. The SDK is loaded at the first request.
 */
import { Cache, Effect, Exit, Option, Redacted, Schema, Stream } from "effect";
import type { GenerateContentParameters, GoogleGenAI } from "@google/genai/web";
import { makeId } from "../../domain/ids.ts";
import type { ModelInfo, ModelRequest } from "../../services/Model.ts";
import { openedBy } from "../../services/opening.ts";
import type { Agents } from "./connection.ts";
import { toFailure } from "./fault.ts";
import { loadedOnce } from "./loadedOnce.ts";
import { bodyOf } from "./gemini/body.ts";
import { explain } from "./gemini/errors.ts";
import { type GeminiRequest, historyRules, lower, providerName, samplingKindOf } from "./gemini/request.ts";
import { reading } from "./gemini/response.ts";
import type { AbsentProvider, Provider } from "./Provider.ts";
import { withOwnNames } from "./ownNames.ts";
import { takenBy } from "./sampling.ts";
import { Envelopes, fetchWithoutRedirects, sdkExchange } from "./sdkExchange.ts";
import { type Deadlines, upstream } from "./upstream.ts";

/** The provider's own alias of its current small model; what a request without a model gets. */
export const defaultModel = "gemini-flash-latest";

/** What is listed when the upstream cannot be asked. */
const knownModels = [defaultModel, "gemini-pro-latest", "gemini-flash-lite-latest"];

/** A list is worth this wait in front of `/v1/models`, not more. */
const listTimeoutMs = 3000;
/** Models come and go over weeks. */
const listTimeToLive = "5 minutes";
/** Whoever looks again soon after a failed attempt is told anew. */
const failedListTimeToLive = "5 seconds";
/** One page holds every model of today several times over. */
const listPageSize = 1000;

const claims = (model: string): boolean => model.startsWith("gemini-");
/** The name becomes part of a URL, in which a colon, a slash or a question mark would ask for something else. */
const ownName = /^gemini-[\w.-]{1,200}$/;

export interface GeminiOptions {
  readonly apiKey: Redacted.Redacted;
  /** Another endpoint; the SDK's own when none. */
  readonly baseUrl: Option.Option<string>;
  /** `v1beta` has every feature this adapter uses; the SDK would take `v1`. */
  readonly apiVersion: string;
  /** Through Vertex AI in express mode, whose URLs and version are the SDK's own. */
  readonly vertex: boolean;
  readonly deadlines: Deadlines;
  /** Connections through proxies; direct ones when absent. */
  readonly agents?: Agents;
  /** What its SDK has shown of the requests that it makes; its own when absent. */
  readonly envelopes?: Envelopes;
}

type Sdk = typeof import("@google/genai/web");

const parameters = (
  { FunctionCallingConfigMode, ThinkingLevel }: Sdk,
  model: string,
  request: GeminiRequest,
  fetch: typeof globalThis.fetch,
): GenerateContentParameters => ({
  model,
  contents: request.contents,
  config: {
    httpOptions: { fetch },
    ...request.sampling,
    ...(Option.isSome(request.system) ? { systemInstruction: request.system.value } : {}),
    ...(request.functions.length === 0 ? {} : { tools: [{ functionDeclarations: request.functions }] }),
    ...(Option.isNone(request.calling) ? {} : {
      toolConfig: {
        functionCallingConfig: {
          mode: FunctionCallingConfigMode[request.calling.value.mode],
          ...(request.calling.value.only === undefined ? {} : { allowedFunctionNames: request.calling.value.only }),
        },
      },
    }),
    ...(Option.isNone(request.thinking) ? {} : {
      thinkingConfig: {
        includeThoughts: true,
        ...("level" in request.thinking.value ? { thinkingLevel: ThinkingLevel[request.thinking.value.level] } : {}),
        ...("budget" in request.thinking.value ? { thinkingBudget: request.thinking.value.budget } : {}),
      },
    }),
  },
});

// List -------------------------------------------------------------------------------------------

const Listed = Schema.Struct({
  name: Schema.String,
  inputTokenLimit: Schema.optional(Schema.Number),
  supportedActions: Schema.optional(Schema.Array(Schema.String)),
});
const decodeListed = Schema.decodeUnknownOption(Listed);

/** Every Gemini text model since 1.5 reads at least this much; the others are not guessed at. */
const contextTokensLeast = 1_048_576;

const info = (id: string, listedTokens?: number): ModelInfo => {
  const contextTokens = listedTokens ?? (/image|tts|audio|live|embedding/.test(id) ? undefined : contextTokensLeast);
  const takes = takenBy[samplingKindOf(id)];
  return { id, provider: providerName, vision: true, takes, ...(contextTokens === undefined ? {} : { contextTokens }) };
};

const fetchList = async (client: GoogleGenAI, abortSignal: AbortSignal): Promise<ReadonlyArray<ModelInfo>> => {
  const page = await client.models.list({ config: { abortSignal, pageSize: listPageSize } });
  return page.page.flatMap((entry) => {
    const listed = Option.getOrUndefined(decodeListed(entry));
    if (listed === undefined || listed.supportedActions?.includes("generateContent") === false) return [];
    const id = listed.name.slice(listed.name.lastIndexOf("/") + 1);
    return claims(id) ? [info(id, listed.inputTokenLimit)] : [];
  });
};

// Provider ---------------------------------------------------------------------------------------

/** Makes the Gemini provider; it serves every `gemini-*` name, listed or not. */
export const make = Effect.fnUntraced(function* (options: GeminiOptions): Effect.fn.Return<Provider> {
  const connect = loadedOnce(async () => {
    const loaded: Sdk = await import("@google/genai/web");
    const client = new loaded.GoogleGenAI({
      apiKey: Redacted.value(options.apiKey),
      ...(options.vertex ? {} : { apiVersion: options.apiVersion }),
      // Given in any case, so that a stray environment variable cannot redirect the SDK.
      vertexai: options.vertex,
      httpOptions: {
        fetch: fetchWithoutRedirects,
        ...(Option.isSome(options.baseUrl) ? { baseUrl: options.baseUrl.value } : {}),
      },
    });
    return { loaded, client };
  });

  const known = knownModels.map((id) => info(id));
  const fetched = connect.pipe(
    Effect.flatMap(({ client }) => Effect.tryPromise({ try: (signal) => fetchList(client, signal), catch: explain })),
    Effect.timeout(listTimeoutMs),
    Effect.map((listed) => [...listed, ...known.filter(({ id }) => !listed.some((other) => other.id === id))]),
    Effect.tapError((problem) => Effect.logWarning("Gemini did not list its models, showing the known ones", problem)),
  );
  const lists = yield* Cache.makeWith(() => fetched, {
    capacity: 1,
    timeToLive: Exit.match({ onSuccess: () => listTimeToLive, onFailure: () => failedListTimeToLive }),
  });
  const listed = Effect.option(Cache.get(lists, "models"));
  const list = Effect.map(listed, Option.getOrElse((): ReadonlyArray<ModelInfo> => known));

  const envelopes = options.envelopes ?? new Envelopes();
  const stream: Provider["stream"] = (request: ModelRequest) =>
    openedBy(Effect.gen(function* () {
      const lowered = yield* Effect.fromResult(lower(request));
      const { client, loaded } = yield* connect;
      return upstream({
        open: (cut) =>
          sdkExchange(
            {
              model: request.model,
              open: (fetch) => client.models.generateContentStream(parameters(loaded, request.model, lowered, fetch)),
              // Vertex AI's bodies are the SDK's alone.
              body: () => options.vertex ? undefined : bodyOf(lowered),
              explain,
            },
            envelopes,
            cut,
            options.agents,
          ),
        assembly: () =>
          reading({
            makeCallId: () => makeId("call"),
            followsTools: request.messages.at(-1)?.role === "tool",
            callsMax: request.parameters.parallelToolCalls === false ? 1 : Number.POSITIVE_INFINITY,
          }),
        deadlines: options.deadlines,
      });
    })).pipe(withOwnNames(request.tools, historyRules), Stream.mapError(toFailure(providerName, request.model)));

  return {
    name: providerName,
    list,
    isUnlisted: Effect.map(listed, Option.isNone),
    find: (model) => Effect.succeed(ownName.test(model) ? Option.some(info(model)) : Option.none()),
    stream,
  };
});

/** What Gemini model names are answered when there is no key. */
export const absent: AbsentProvider = {
  name: providerName,
  claims,
  why: "GOOGLE_API_KEY (or GEMINI_API_KEY) is not set",
};
