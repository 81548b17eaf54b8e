/**
 * Another model in place of one that cannot answer now.
 */
import { Effect, type Scope, Stream } from "effect";
import type { ModelError, ModelEvent, ModelNotFound, ModelService } from "../../services/Model.ts";
import { opened } from "./opened.ts";

type Turn = Stream.Stream<ModelEvent, ModelError | ModelNotFound>;

/** Whether another model may do better: this one is down, busy, spent or gone, and the request is not to blame. */
const mayDoBetter = (failure: ModelError | ModelNotFound): boolean => {
  if (failure._tag === "ModelNotFound") return true;
  switch (failure.reason._tag) {
    case "RateLimited":
    case "QuotaExhausted":
    case "Unavailable":
    case "ConnectionLost":
    case "TimedOut":
    case "BadOutput":
    case "BadCredentials":
      return true;
    case "ContextTooLong":
    case "PromptBlocked":
    case "RequestRefused":
      return false;
  }
};

/**
 * Tries the fallbacks of a model in order when a turn fails before its first event.
 *
 * *Details*: a fallback's own fallbacks are not followed, so a table cannot loop. When all fail, the
 * first failure is the answer: it is about the model that was asked for.
 */
export const withFallbacks = (
  model: ModelService,
  fallbacks: ReadonlyMap<string, ReadonlyArray<string>>,
): ModelService => ({
  ...model,
  stream: (request) => {
    const others = fallbacks.get(request.model);
    if (others === undefined) return model.stream(request);
    const attempt = (name: string): Effect.Effect<Turn, ModelError | ModelNotFound, Scope.Scope> =>
      opened(model.stream({ ...request, model: name }));
    const instead = (failure: ModelError | ModelNotFound) =>
      others.reduce<Effect.Effect<Turn, ModelError | ModelNotFound, Scope.Scope>>(
        (tried, name) =>
          Effect.catchIf(
            tried,
            mayDoBetter,
            () =>
              Effect.andThen(Effect.logWarning(`${request.model} cannot answer now, asking ${name}`), attempt(name)),
          ),
        Effect.fail(failure),
      ).pipe(Effect.mapError(() => failure));
    return Stream.unwrap(
      Effect.catch(
        attempt(request.model),
        (failure) => (mayDoBetter(failure) ? instead(failure) : Effect.fail(failure)),
      ),
    );
  },
});
