/**
 * Counting what a run used against its owner.
 */
import { Effect, Scope, Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { Owner } from "../domain/Owner.ts";
import type { LimitsService } from "../services/Limits.ts";

/** Counts the tokens of a run against its owner when it ends, however it ends. */
export const countTokens =
  (limits: LimitsService, owner: Owner) =>
  <E, R>(events: Stream.Stream<AgentEvent, E, R>): Stream.Stream<AgentEvent, E, R> =>
    Stream.transformPull(events, (pull, scope) => {
      let used = 0;
      const counted = Effect.map(pull, (batch) => {
        for (const event of batch) {
          if (event._tag === "RunFinished") used = event.usage.inputTokens + event.usage.outputTokens;
        }
        return batch;
      });
      return Effect.as(Scope.addFinalizer(scope, Effect.suspend(() => limits.spend(owner, used))), counted);
    });
