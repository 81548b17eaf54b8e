/**
 * The Model port over several providers: which provider runs a model, and what to say when none does.
 */
import { Effect, Layer, Option, Stream } from "effect";
import {
  ContextTooLong,
  Model,
  ModelError,
  type ModelInfo,
  ModelNotFound,
  type ModelRequest,
  type ModelService,
} from "../../services/Model.ts";
import { fit } from "./contextWindow.ts";
import { openedBy } from "../../services/opening.ts";
import type { AbsentProvider, Provider } from "./Provider.ts";

/** Names shown in a "model not found" answer; a provider may list hundreds. */
const namesShownMax = 20;

export interface RouterOptions {
  /** Asked in this order; the first that knows a name runs it. */
  readonly providers: ReadonlyArray<Provider>;
  /** Providers that would serve a name if they were configured; they explain a 404. */
  readonly absent?: ReadonlyArray<AbsentProvider>;
  /** The model of a request that names none. */
  readonly defaultModel: ModelService["defaultModel"];
}

interface Route {
  readonly provider: Provider;
  readonly info: ModelInfo;
}

/**
 * The messages of a request as they fit the model's window, when it is known.
 *
 * *Fails with* `ContextTooLong` when they do not fit even without old tool output.
 */
const fitted = Effect.fnUntraced(function* (request: ModelRequest, info: ModelInfo) {
  const { contextTokens } = info;
  if (contextTokens === undefined) return request.messages;
  const { system, messages, tools, parameters: { outputTokensMax }, truncation } = request;
  const found = fit({ contextTokens, outputTokensMax, system, messages, tools, truncation });
  if (Option.isNone(found)) {
    return yield* new ModelError({
      provider: info.provider,
      model: request.model,
      reason: new ContextTooLong(),
      detail: `not asked: about ${contextTokens} tokens are not enough, even without old tool output`,
    });
  }
  if (found.value.trimmed > 0) {
    yield* Effect.logInfo(`${found.value.trimmed} old tool results were left out to fit ${request.model}'s context`);
  }
  if (found.value.dropped > 0) {
    yield* Effect.logInfo(
      `${found.value.dropped} of the oldest messages were left out to fit ${request.model}'s context`,
    );
  }
  return found.value.messages;
});

/**
 * Makes a Model port that gives each request to the first provider that knows its model.
 *
 * *Details*: a conversation longer than the model's window is sent without its oldest tool output.
 */
export const make = (options: RouterOptions): ModelService => {
  const { providers, absent = [], defaultModel } = options;

  const list = Effect.map(
    Effect.forEach(providers, (provider) => provider.list, { concurrency: "unbounded" }),
    (lists) => {
      const byId = new Map<string, ModelInfo>();
      for (const info of lists.flat()) if (!byId.has(info.id)) byId.set(info.id, info);
      return [...byId.values()];
    },
  );

  const unlisted = Effect.map(
    Effect.forEach(providers, ({ isUnlisted = Effect.succeed(false) }) => isUnlisted, { concurrency: "unbounded" }),
    (silent) => providers.filter((_, index) => silent[index] === true).map(({ name }) => name),
  );

  const notFound = Effect.fnUntraced(function* (model: string, why: string) {
    const available = (yield* list).map((info) => info.id).filter((id) => id !== model);
    return yield* new ModelNotFound({ model, why, available: available.slice(0, namesShownMax) });
  });

  const route = Effect.fnUntraced(function* (model: string): Effect.fn.Return<Route, ModelNotFound> {
    for (const provider of providers) {
      const info = yield* provider.find(model);
      if (Option.isSome(info)) return { provider, info: info.value };
    }
    const missing = absent.find((candidate) => candidate.claims(model));
    return yield* notFound(model, missing?.why ?? "no configured provider serves this name");
  });

  return {
    defaultModel,
    list,
    unlisted,
    find: (model) => Effect.map(route(model), ({ info }) => info),
    stream: (request) =>
      openedBy(
        Effect.gen(function* () {
          const { provider, info } = yield* route(request.model);
          const messages = yield* fitted(request, info);
          return Stream.transformPull(
            provider.stream({ ...request, messages }),
            // The provider knows that it has no such model, only the router what there is instead.
            (pull) => Effect.succeed(Effect.catchTag(pull, "ModelNotFound", ({ why }) => notFound(request.model, why))),
          );
        }),
      ),
  };
};

/** The Model port over fixed providers. */
export const layer = (options: RouterOptions): Layer.Layer<Model> => Layer.succeed(Model, Model.of(make(options)));
