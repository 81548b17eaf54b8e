/**
 * The agent, measured and traced: each run.
 */
import { Effect, Layer } from "effect";
import { Agent, type AgentService } from "../agent/Agent.ts";
import { Settings } from "../config.ts";
import { errorTypeOf } from "../domain/errorType.ts";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { sessionDigest } from "../domain/ids.ts";
import { type Span, Tracing, watchedStream } from "../services/Tracing.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { attribute, instruments, key, withError } from "./names.ts";

/** What is seen of a run's end. */
type Finished = Extract<AgentEvent, { readonly _tag: "RunFinished" }>;

const observed = (inner: AgentService, meter: Meter | undefined, name: string): AgentService =>
  Agent.of({
    run: (request) =>
      watchedStream(Effect.sync(() => ({
        name: `invoke_agent ${name}`,
        options: {
          attributes: {
            [key.operation]: "invoke_agent",
            [key.agent]: name,
            [key.model]: request.model,
            [attribute.conversation]: sessionDigest(request.conversation.key),
          },
        },
        begin: (span, clock) => {
          const startedMs = clock.currentTimeMillisUnsafe();
          let finished: Finished | undefined;
          return {
            stream: inner.run(request),
            worksOn: true,
            see: (events) => {
              const last = events[events.length - 1];
              if (last?._tag === "RunFinished") finished = last;
            },
            ended: (exit) =>
              Effect.sync(() => {
                if (finished !== undefined) tellFinished(span, finished);
                const labels = { [key.agent]: name, [key.finish]: finished?.reason ?? "" };
                const seconds = (clock.currentTimeMillisUnsafe() - startedMs) / 1000;
                meter?.record(instruments.runDuration, withError(labels, errorTypeOf(exit)), seconds);
              }),
          };
        },
      }))),
  });

const tellFinished = (span: Span | undefined, { reason, turns, usage, costUsd }: Finished): void => {
  if (span === undefined) return;
  span.set(attribute.finishReasons, [reason]);
  span.set(attribute.turns, turns);
  span.set(attribute.inputTokens, usage.inputTokens);
  span.set(attribute.outputTokens, usage.outputTokens);
  if (costUsd !== undefined) span.set(attribute.costUsd, costUsd);
};

/** The same agent, measured and traced where that is asked for. */
export const agent = <E, R>(layer: Layer.Layer<Agent, E, R>): Layer.Layer<Agent, E, R | Settings> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const inner = yield* Agent;
      const meter = yield* CurrentMeter;
      const { agentName } = yield* Settings;
      const isObserved = meter !== undefined || (yield* Tracing) !== undefined;
      return isObserved ? observed(inner, meter, agentName) : inner;
    }),
  ).pipe(Layer.provide(layer));
