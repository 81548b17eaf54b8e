/**
 * The agent, measured: each run.
 */
import { Clock, Effect, Layer, Stream } from "effect";
import { Agent, type AgentService } from "../agent/Agent.ts";
import { Settings } from "../config.ts";
import { errorTypeOf, withError } from "./errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { instruments, key } from "./names.ts";

const measured = (inner: AgentService, meter: Meter, name: string): AgentService =>
  Agent.of({
    run: (request) =>
      Stream.unwrap(Effect.map(Clock.Clock, (clock) => {
        const startedMs = clock.currentTimeMillisUnsafe();
        let finish = "";
        return inner.run(request).pipe(
          Stream.mapArray((events) => {
            const last = events[events.length - 1];
            if (last?._tag === "RunFinished") finish = last.reason;
            return events;
          }),
          Stream.onExit((exit) =>
            Effect.sync(() => {
              const labels = withError({ [key.agent]: name, [key.finish]: finish }, errorTypeOf(exit));
              meter.record(instruments.runDuration, labels, (clock.currentTimeMillisUnsafe() - startedMs) / 1000);
            })
          ),
        );
      })),
  });

/** The same agent, measured where measurements are asked for. */
export const agent = <E, R>(layer: Layer.Layer<Agent, E, R>): Layer.Layer<Agent, E, R | Settings> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const inner = yield* Agent;
      const meter = yield* CurrentMeter;
      const { agentName } = yield* Settings;
      return meter === undefined ? inner : measured(inner, meter, agentName);
    }),
  ).pipe(Layer.provide(layer));
