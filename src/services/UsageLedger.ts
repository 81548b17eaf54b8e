/**
 * The UsageLedger port: what runs have used, kept by principal and day.
 *
 * Days are UTC days, written `2026-11-22`. Users appear as the hash under which everything of theirs
 * is kept, never by name.
 */
import { Context, Effect, Schema } from "effect";
import { OwnerKey } from "../domain/Owner.ts";
import { Usage } from "../domain/Usage.ts";

// Errors -----------------------------------------------------------------------------------------

/** The user or the principal has used what it may in a day; nothing was begun. */
export class SpendingLimitReached extends Schema.TaggedError<SpendingLimitReached>()("SpendingLimitReached", {
  scope: Schema.Literals(["user", "principal"]),
  unit: Schema.Literals(["tokens", "usd"]),
  limit: Schema.Number,
  /** Until the day ends, in milliseconds. */
  retryAfterMs: Schema.Number,
}) {
  override get message(): string {
    const amount = this.unit === "usd" ? `$${this.limit}` : `${this.limit} tokens`;
    return `This ${this.scope === "user" ? "user" : "key"} has used its ${amount} of today (UTC).`;
  }
}

/** The ledger cannot be read; `detail` is for the log only. */
export class UsageLedgerUnavailable extends Schema.TaggedError<UsageLedgerUnavailable>()("UsageLedgerUnavailable", {
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return "the usage ledger cannot be read";
  }
}

// Data -------------------------------------------------------------------------------------------

/** One run, as the ledger remembers it. */
export const LedgerLine = Schema.Struct({
  atMs: Schema.Number,
  principal: Schema.String,
  /** Null for a user that existed for one request. */
  owner: Schema.NullOr(OwnerKey),
  model: Schema.String,
  turns: Schema.Int,
  usage: Usage,
  /** Null where the model has no price. */
  usd: Schema.NullOr(Schema.Number),
  /** The finish reason of a run that finished; how it ended otherwise. */
  end: Schema.String,
});
export type LedgerLine = typeof LedgerLine.Type;

/** Who spends. */
export type Spender = Pick<LedgerLine, "principal" | "owner">;

/** An amount of both kinds. */
export interface Spent {
  readonly tokens: number;
  readonly usd: number;
}

/** Nothing at all. */
export const nothing: Spent = { tokens: 0, usd: 0 };

/** What a principal used on a day with a model. */
export interface DayUsage {
  readonly day: string;
  readonly model: string;
  readonly runs: number;
  readonly usage: Usage;
  /** The cost of the runs that had a price. */
  readonly usd: number;
}

// Port -------------------------------------------------------------------------------------------

/** Days of one report; each is a file to read. */
export const reportDaysMax = 92;

/** What a ledger offers. */
export interface UsageLedgerService {
  /** Counts what a run has just used against today, while it still runs. */
  readonly charge: (spender: Spender, amount: Spent) => Effect.Effect<void>;
  /** What was charged today, finished or not, by the user and by its principal. */
  readonly today: (spender: Spender) => Effect.Effect<{ readonly user: Spent; readonly principal: Spent }>;
  /** Tries to write where runs are written. *Fails with* `UsageLedgerUnavailable`: the disk is full, or not ours. */
  readonly check: Effect.Effect<void, UsageLedgerUnavailable>;
  /** Writes a run that ended; a line that cannot be written is logged instead. It charges nothing. */
  readonly record: (line: LedgerLine) => Effect.Effect<void>;
  /**
   * What a principal used, by day and model, oldest first; both days are included, and no more than the last
   * {@link reportDaysMax} are told.
   *
   * *Fails with* `UsageLedgerUnavailable`.
   */
  readonly report: (
    principal: string,
    days: { readonly from: string; readonly to: string },
  ) => Effect.Effect<ReadonlyArray<DayUsage>, UsageLedgerUnavailable>;
}

/**
 * The UsageLedger port; a program that provides none keeps none, and has no ceilings by day.
 *
 * *Example* (keep no ledger of runs):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { UsageLedger } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const ledger = yield* UsageLedger.UsageLedger;
 *   return yield* ledger.today({ principal: "api-key:shop", owner: null });
 * });
 * assert.deepEqual(await Effect.runPromise(program), { user: UsageLedger.nothing, principal: UsageLedger.nothing });
 * ```
 */
export const UsageLedger: Context.Reference<UsageLedgerService> = Context.Reference("caisson/services/UsageLedger", {
  defaultValue: (): UsageLedgerService => ({
    charge: () => Effect.void,
    today: () => Effect.succeed({ user: nothing, principal: nothing }),
    check: Effect.void,
    record: () => Effect.void,
    report: () => Effect.succeed([]),
  }),
});
