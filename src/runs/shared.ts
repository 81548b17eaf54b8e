/**
 * A run that other instances may already have done: found in the ledger, or done and recorded.
 */
import { Effect, Option, type Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";
import type { RunLedgerService } from "../services/RunLedger.ts";
import type { Attempt } from "./Attempt.ts";
import { IdempotencyKeyReused, type RunError } from "./RunError.ts";

/**
 * Finds what another instance has done of an attempt that this process does not know.
 *
 * *Details*: a first try is always a new run; a later one waits for another instance that is at it.
 * *Fails with* `IdempotencyKeyReused` when the key came with another request before.
 */
export const doneElsewhere = (
  ledger: RunLedgerService,
  { key, joins, fingerprint }: Attempt,
): Effect.Effect<Option.Option<ReadonlyArray<AgentEvent>>, IdempotencyKeyReused> =>
  key === undefined || !joins ? Effect.succeedNone : Effect.flatMap(
    ledger.find(key),
    Option.match({
      onNone: () => Effect.succeedNone,
      onSome: (found) =>
        found.fingerprint === fingerprint
          ? Effect.succeed(Option.some(found.events))
          : Effect.fail(new IdempotencyKeyReused()),
    }),
  );

/** The run, recorded for tries that reach another instance where its client may try again. */
export const recorded = (
  ledger: RunLedgerService,
  { key, fingerprint }: Attempt,
  run: Stream.Stream<AgentEvent, RunError>,
): Stream.Stream<AgentEvent, RunError> => key === undefined ? run : ledger.record({ key, fingerprint }, run);
