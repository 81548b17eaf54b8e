/**
 * The Sandbox port, measured and traced: openings, commands and cells, and how many are open.
 */
import { Clock, Duration, Effect, Exit, Layer, Option } from "effect";
import type { CellOutcome } from "../domain/Cell.ts";
import type { ExecutionOutcome } from "../domain/Execution.ts";
import { Sandbox, type SandboxHandle, type SandboxService } from "../services/Sandbox.ts";
import { errorTypeOf } from "../domain/errorType.ts";
import { type Span, traced, Tracing } from "../services/Tracing.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";
import { attribute, type Instrument, instruments, key, type Labels, withError } from "./names.ts";

/** Wait for the runtime to say how many sandboxes are open; a scrape does not wait longer. */
const healthMax = Duration.seconds(2);

/** Times an effect into a histogram; `more` are labels that its value gives. */
const timed = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  meter: Meter | undefined,
  instrument: Instrument,
  labelsOf: (exit: Exit.Exit<A, E>) => Labels,
): Effect.Effect<A, E, R> =>
  meter === undefined ? self : Effect.flatMap(Clock.Clock, (clock) => {
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

/** Tells a span how a command or a cell came out; a program that fails is no error of ours. */
const commandEnded = (span: Span, exit: Exit.Exit<ExecutionOutcome | CellOutcome, unknown>): void => {
  if (Exit.isFailure(exit)) return;
  const outcome = exit.value;
  span.set(key.outcome, outcomeOf(exit));
  span.set(attribute.timedOut, outcome.timedOut);
  span.set(attribute.oomKilled, outcome.oomKilled);
  if (!("exitCode" in outcome)) return;
  span.set(attribute.exitCode, outcome.exitCode);
  span.set(attribute.outputBytes, outcome.stdoutBytes + outcome.stderrBytes);
};

const observedHandle = (inner: SandboxHandle, meter: Meter | undefined, labels: Labels): SandboxHandle => {
  const labelsOf = (exit: Exit.Exit<ExecutionOutcome | CellOutcome, unknown>) => ({
    ...labels,
    [key.outcome]: outcomeOf(exit),
  });
  return {
    ...inner,
    execute: (request) =>
      timed(
        traced("sandbox command", { attributes: labels, isPart: true }, inner.execute(request), commandEnded),
        meter,
        instruments.commandDuration,
        labelsOf,
      ),
    runCell: (request) =>
      timed(
        traced("sandbox cell", { attributes: labels, isPart: true }, inner.runCell(request), commandEnded),
        meter,
        instruments.commandDuration,
        labelsOf,
      ),
  };
};

const observed = (inner: SandboxService, meter: Meter | undefined): SandboxService => {
  const labels: Labels = { [key.sandbox]: inner.info.kind };
  meter?.gauge(
    instruments.openSandboxes,
    labels,
    Effect.map(Effect.timeoutOption(inner.health, healthMax), (health) => Option.getOrUndefined(health)?.open),
  );
  return Sandbox.of({
    ...inner,
    open: (owner) =>
      timed(
        traced("sandbox open", { attributes: labels, isPart: true }, inner.open(owner)),
        meter,
        instruments.sandboxOpen,
        (exit) => withError(labels, errorTypeOf(exit)),
      ).pipe(
        Effect.map((handle) => observedHandle(handle, meter, labels)),
      ),
  });
};

/** The same sandboxes, measured and traced where that is asked for. */
export const sandbox = <A, E, R>(layer: Layer.Layer<A | Sandbox, E, R>): Layer.Layer<A | Sandbox, E, R> =>
  Layer.effect(
    Sandbox,
    Effect.gen(function* () {
      const inner = yield* Sandbox;
      const meter = yield* CurrentMeter;
      return meter === undefined && (yield* Tracing) === undefined ? inner : observed(inner, meter);
    }),
  ).pipe(Layer.provideMerge(layer));
