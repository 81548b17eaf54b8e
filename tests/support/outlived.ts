/**
 * Commands that outlive their limit, on a machine that may be too busy to let them begin within it.
 */
import { Effect } from "effect";
import type { ExecutionOutcome } from "../../src/domain/Execution.ts";

/** Times that a limit is made longer, and how much. */
const longerMax = 3;
const longerBy = 5;

/** Runs what never ends with a limit, and with a longer one when it had not come as far as it has to by then. */
export const outlived = <E>(
  runFor: (timeoutMs: number) => Effect.Effect<ExecutionOutcome, E>,
  hasBegun: (outcome: ExecutionOutcome) => boolean,
  timeoutMs: number,
  longer = longerMax,
): Effect.Effect<ExecutionOutcome, E> =>
  Effect.flatMap(
    runFor(timeoutMs),
    (outcome) =>
      hasBegun(outcome) || longer === 0
        ? Effect.succeed(outcome)
        : outlived(runFor, hasBegun, timeoutMs * longerBy, longer - 1),
  );
