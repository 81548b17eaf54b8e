/**
 * The Sandbox port, measured: openings, commands and cells, and how many are open.
 */
import { Clock, Duration, Effect, Exit, Layer, Option } from "effect";
import type { CellOutcome } from "../domain/Cell.ts";
import type { ExecutionOutcome } from "../domain/Execution.ts";
import { Sandbox, type SandboxHandle, type SandboxService } from "../services/Sandbox.ts";
import { errorTypeOf, withError } from "./errorType.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { type Instrument, instruments, key, type Labels } from "./names.ts";

/** Wait for the runtime to say how many sandboxes are open; a scrape does not wait longer. */
const healthMax = Duration.seconds(2);

/** Times an effect into a histogram; `more` are labels that its value gives. */
const timed = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  meter: Meter,
  instrument: Instrument,
  labelsOf: (exit: Exit.Exit<A, E>) => Labels,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const startedMs = clock.currentTimeMillisUnsafe();
    return Effect.onExit(self, (exit) =>
      Effect.sync(() =>
        meter.record(instrument, labelsOf(exit), (clock.currentTimeMillisUnsafe() - startedMs) / 1000)
      ));
  });

/** How a command or a cell came out, in a word. */
const outcomeOf = (exit: Exit.Exit<ExecutionOutcome | CellOutcome, unknown>): string => {
  if (Exit.isFailure(exit)) return errorTypeOf(exit) === "cancelled" ? "cancelled" : "lost";
  const outcome = exit.value;
  if (outcome.timedOut) return "timeout";
  if (outcome.oomKilled) return "oom";
  const failed = "exitCode" in outcome ? outcome.exitCode !== 0 : outcome.error !== undefined;
  return failed ? "nonzero" : "ok";
};

const measuredHandle = (inner: SandboxHandle, meter: Meter, labels: Labels): SandboxHandle => {
  const labelsOf = (exit: Exit.Exit<ExecutionOutcome | CellOutcome, unknown>) => ({
    ...labels,
    [key.outcome]: outcomeOf(exit),
  });
  return {
    ...inner,
    execute: (request) => timed(inner.execute(request), meter, instruments.commandDuration, labelsOf),
    runCell: (request) => timed(inner.runCell(request), meter, instruments.commandDuration, labelsOf),
  };
};

const measured = (inner: SandboxService, meter: Meter): SandboxService => {
  const labels: Labels = { [key.sandbox]: inner.info.kind };
  meter.gauge(
    instruments.openSandboxes,
    labels,
    Effect.map(Effect.timeoutOption(inner.health, healthMax), (health) => Option.getOrUndefined(health)?.open),
  );
  return Sandbox.of({
    ...inner,
    open: (owner) =>
      timed(inner.open(owner), meter, instruments.sandboxOpen, (exit) => withError(labels, errorTypeOf(exit))).pipe(
        Effect.map((handle) => measuredHandle(handle, meter, labels)),
      ),
  });
};

/** The same sandboxes, measured where measurements are asked for. */
export const sandbox = <A, E, R>(layer: Layer.Layer<A | Sandbox, E, R>): Layer.Layer<A | Sandbox, E, R> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const inner = yield* Sandbox;
      const meter = yield* CurrentMeter;
      return meter === undefined ? inner : measured(inner, meter);
    }),
  ).pipe(Layer.provideMerge(layer));
