/**
 * A run that other instances may already have done: found in the ledger, or done and recorded.
 */
import { Effect, Option, Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { RunLedgerService } from "../services/RunLedger.ts";
import type { Attempt } from "./Attempt.ts";
import { IdempotencyKeyReused, type RunError } from "./RunError.ts";

/**
 * The run of an attempt that this process does not know.
 *
 * *Details*: a first try is always a new run; a later one is answered with the run of another
 * instance if there is one, and waits for it. *Fails with* `IdempotencyKeyReused` besides what the
 * run fails with.
 */
export const sharedRun = (
  ledger: RunLedgerService,
  { key, joins, fingerprint }: Attempt,
  run: Stream.Stream<AgentEvent, RunError>,
): Stream.Stream<AgentEvent, RunError> => {
  if (key === undefined) return run;
  const recorded = ledger.record({ key, fingerprint }, run);
  if (!joins) return recorded;
  return Stream.unwrap(
    Effect.map(
      ledger.find(key),
      Option.match({
        onNone: () => recorded,
        onSome: (found): Stream.Stream<AgentEvent, RunError> =>
          found.fingerprint === fingerprint
            ? Stream.fromIterable(found.events)
            : Stream.fail(new IdempotencyKeyReused()),
      }),
    ),
  );
};
