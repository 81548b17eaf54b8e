/**
 * The provider of Claude models over `@anthropic-ai/sdk`.
 *
 * Only I/O lives here: what is sent, what comes back and what goes wrong are `anthropic/request.ts`,
 * `anthropic/response.ts` and `anthropic/errors.ts`. The SDK is loaded at the first request.
 */
import type AnthropicSdk from "@anthropic-ai/sdk";
import { Cache, Effect, Exit, Option, Redacted, Schema, Stream } from "effect";
import type { ModelInfo } from "../../services/Model.ts";
import { openedBy } from "../../services/opening.ts";
import { explain } from "./anthropic/errors.ts";
import { historyRules, lower, providerName, type Traits, traitsByName } from "./anthropic/request.ts";
import { reading } from "./anthropic/response.ts";
import type { Agents } from "./connection.ts";
import { toFailure } from "./fault.ts";
import { loadedOnce } from "./loadedOnce.ts";
import { type AbsentProvider, isModelName, type Provider } from "./Provider.ts";
import { withOwnNames } from "./ownNames.ts";
import { takenBy } from "./sampling.ts";
import { Envelopes, type Fetch, fetchWithoutRedirects, sdkExchange } from "./sdkExchange.ts";
import { type Deadlines, upstream } from "./upstream.ts";

/** Where Anthropic itself answers; given explicitly, so that the SDK does not look for another place. */
const anthropicBaseUrl = "https://api.anthropic.com";
/** A list is worth this wait in front of `/v1/models`, not more. */
const listTimeoutMs = 3000;
/** Models come and go over weeks. */
const listTimeToLive = "5 minutes";
/** Whoever looks again soon after a failed attempt is told anew. */
const failedListTimeToLive = "5 seconds";
/** One page holds every model of today several times over. */
const listPageSize = 1000;
/** The SDK's own timer must not fire before ours. */
const sdkTimeoutSlackMs = 60_000;
/** Every Claude model since 2.1 reads at least this much. */
const contextTokensLeast = 200_000;

/** The model of requests that name none: the name without a date follows the newest of its line. */
export const defaultModel = "claude-sonnet-5-5";

const claims = (model: string): boolean => model.startsWith("claude-");

export interface AnthropicOptions {
  readonly apiKey: Redacted.Redacted;
  /** Another endpoint; Anthropic's own when none. */
  readonly baseUrl: Option.Option<string>;
  readonly deadlines: Deadlines;
  /** Connections through proxies; direct ones when absent. */
  readonly agents?: Agents;
  /** What its SDK has shown of the requests that it makes; its own when absent. */
  readonly envelopes?: Envelopes;
}

// List -------------------------------------------------------------------------------------------

const Supported = Schema.optional(Schema.Struct({ supported: Schema.Boolean }));
const Listed = Schema.Struct({
  id: Schema.String,
  max_input_tokens: Schema.optional(Schema.NullOr(Schema.Number)),
  max_tokens: Schema.optional(Schema.NullOr(Schema.Number)),
  capabilities: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        thinking: Schema.optional(Schema.Struct({ types: Schema.Struct({ adaptive: Supported, enabled: Supported }) })),
        image_input: Supported,
      }),
    ),
  ),
});
const decodeListed = Schema.decodeUnknownOption(Listed);

interface Entry {
  readonly info: ModelInfo;
  readonly traits: Traits;
}

const entryOf = (listed: typeof Listed.Type): Entry => {
  const guessed = traitsByName(listed.id);
  const types = listed.capabilities?.thinking?.types;
  return {
    info: {
      id: listed.id,
      provider: providerName,
      vision: listed.capabilities?.image_input?.supported ?? true,
      takes: takenBy.anthropic,
      contextTokens: listed.max_input_tokens ?? contextTokensLeast,
    },
    traits: {
      thinking: types === undefined
        ? guessed.thinking
        : types.adaptive?.supported === true
        ? "adaptive"
        : types.enabled?.supported === true
        ? "budget"
        : "none",
      outputTokensMax: listed.max_tokens ?? guessed.outputTokensMax,
    },
  };
};

const fetchList = async (client: AnthropicSdk, signal: AbortSignal): Promise<ReadonlyArray<Entry>> => {
  const page = await client.models.list({ limit: listPageSize }, { signal });
  return page.data.flatMap((entry) => Option.toArray(Option.map(decodeListed(entry), entryOf)));
};

// Provider ---------------------------------------------------------------------------------------

/** What the SDK hands to its `fetch` unread: the one of a turn. A client of its own for each turn would cost more. */
interface TurnOptions extends Pick<RequestInit, "redirect"> {
  readonly turnFetch: Fetch;
}
const optionsWith = (turnFetch: Fetch): TurnOptions => ({ redirect: "error", turnFetch });
const hasTurnFetch = (init: RequestInit): init is RequestInit & TurnOptions =>
  "turnFetch" in init && typeof init.turnFetch === "function";
const fetchIn = (init: RequestInit | undefined): Fetch | undefined =>
  init !== undefined && hasTurnFetch(init) ? init.turnFetch : undefined;

/** Makes the provider of Claude models; it serves every `claude-*` name, listed or not. */
export const make = Effect.fnUntraced(function* (options: AnthropicOptions): Effect.fn.Return<Provider> {
  const connect = loadedOnce(async () => {
    const { default: Client } = await import("@anthropic-ai/sdk");
    return new Client({
      apiKey: Redacted.value(options.apiKey),
      baseURL: Option.getOrElse(options.baseUrl, () => anthropicBaseUrl),
      webhookKey: null,
      // Attempts are counted and logged outside.
      maxRetries: 0,
      logLevel: "off",
      openTelemetry: false,
      fetch: (input, init) => (fetchIn(init) ?? fetchWithoutRedirects)(input, init),
      timeout: options.deadlines.connectMs + sdkTimeoutSlackMs,
    });
  });

  /** The newest list that came; a turn does not wait for one. */
  let known: ReadonlyArray<Entry> = [];
  const fetched = connect.pipe(
    Effect.flatMap((client) =>
      Effect.tryPromise({ try: (signal) => fetchList(client, signal), catch: (thrown) => explain(thrown) })
    ),
    Effect.timeout(listTimeoutMs),
    Effect.tap((entries) => Effect.sync(() => (known = entries))),
    Effect.tapError((problem) =>
      Effect.logWarning("Anthropic did not list its models, showing the known ones", problem)
    ),
  );
  const lists = yield* Cache.makeWith(() => fetched, {
    capacity: 1,
    timeToLive: Exit.match({ onSuccess: () => listTimeToLive, onFailure: () => failedListTimeToLive }),
  });
  const listed = Effect.option(Cache.get(lists, "models"));
  const entryFor = (model: string): Entry =>
    known.find(({ info }) => info.id === model) ?? {
      info: {
        id: model,
        provider: providerName,
        vision: true,
        takes: takenBy.anthropic,
        contextTokens: contextTokensLeast,
      },
      traits: traitsByName(model),
    };

  const envelopes = options.envelopes ?? new Envelopes();
  const stream: Provider["stream"] = (request) =>
    openedBy(Effect.gen(function* () {
      const { traits } = entryFor(request.model);
      const body = yield* Effect.fromResult(lower(request, traits));
      const client = yield* connect;
      return upstream({
        open: (cut) =>
          sdkExchange(
            {
              model: request.model,
              open: (fetch) => client.messages.create(body, { fetchOptions: optionsWith(fetch) }).asResponse(),
              body: () => JSON.stringify(body),
              explain,
            },
            envelopes,
            cut,
            options.agents,
          ),
        assembly: reading,
        deadlines: options.deadlines,
      });
    })).pipe(withOwnNames(request.tools, historyRules), Stream.mapError(toFailure(providerName, request.model)));

  return {
    name: providerName,
    list: Effect.map(listed, () => (known.length === 0 ? [entryFor(defaultModel)] : known).map(({ info }) => info)),
    isUnlisted: Effect.map(listed, Option.isNone),
    find: (model) =>
      Effect.sync(() => (claims(model) && isModelName(model) ? Option.some(entryFor(model).info) : Option.none())),
    stream,
  };
});

/** What Claude model names are answered when there is no key. */
export const absent: AbsentProvider = { name: providerName, claims, why: "ANTHROPIC_API_KEY is not set" };
