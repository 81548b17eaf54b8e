/**
 * Limits as this edge applies them: a run holds its place and counts its tokens, a response tells
 * what is left.
 */
import { Effect, Stream } from "effect";
import type { AgentEvent } from "../../domain/AgentEvent.ts";
import type { Owner } from "../../domain/Owner.ts";
import type { Allowance, LimitsService, Remainder } from "../../services/Limits.ts";

/** Counts the tokens of a run against its owner when it ends, however it ends. */
export const countTokens =
  (limits: LimitsService, owner: Owner) =>
  <E, R>(events: Stream.Stream<AgentEvent, E, R>): Stream.Stream<AgentEvent, E, R> =>
    Stream.suspend(() => {
      let used = 0;
      return events.pipe(
        Stream.mapArray((batch) => {
          for (const event of batch) {
            if (event._tag === "RunFinished") used = event.usage.inputTokens + event.usage.outputTokens;
          }
          return batch;
        }),
        Stream.ensuring(Effect.suspend(() => limits.spend(owner, used))),
      );
    });

const headersOf = (name: "requests" | "tokens", left: Remainder | undefined): Record<string, string> =>
  left === undefined ? {} : {
    [`x-ratelimit-limit-${name}`]: String(left.limit),
    [`x-ratelimit-remaining-${name}`]: String(left.remaining),
    [`x-ratelimit-reset-${name}`]: `${Math.ceil(left.resetMs / 1000)}s`,
  };

/** What is left, in the headers that OpenAI's clients know. */
export const rateHeaders = ({ requests, tokens }: Allowance): Record<string, string> => ({
  ...headersOf("requests", requests),
  ...headersOf("tokens", tokens),
});
