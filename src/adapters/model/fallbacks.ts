/**
 * Another model in place of one that cannot answer now.
 */
import { Effect, Stream } from "effect";
import type { ModelService } from "../../services/Model.ts";
import { opened } from "./opened.ts";
import { type OpenTurn, type TurnFailure, untilBegun } from "./untilBegun.ts";

/** Whether another model may do better: this one is down, busy, spent or gone, and the request is not to blame. */
const mayDoBetter = (failure: TurnFailure): boolean => {
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
 * Tries the fallbacks of a model in order when a turn fails before it has begun.
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
    return Stream.suspend(() => {
      const remaining = [...others];
      let first: TurnFailure | undefined;
      const attempt = (name: string): OpenTurn => opened(model.stream({ ...request, model: name }));
      return untilBegun(attempt(request.model), (failure) => {
        first ??= failure;
        const name = mayDoBetter(failure) ? remaining.shift() : undefined;
        return name === undefined
          ? Effect.fail(first)
          : Effect.as(Effect.logWarning(`${request.model} cannot answer now, asking ${name}`), attempt(name));
      });
    });
  },
});
