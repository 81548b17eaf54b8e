/**
 * What one run may spend, and what it has spent: checked before every model turn, so that a run that
 * loops ends within one step of its ceiling.
 */
import { Clock, Effect } from "effect";
import type { SettingsService } from "../config.ts";
import { ownerKey } from "../domain/ids.ts";
import type { Owner } from "../domain/Owner.ts";
import { costUsd, type Price, type Usage } from "../domain/Usage.ts";
import { type Spender, SpendingLimitReached, type Spent, type UsageLedgerService } from "../services/UsageLedger.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** A ceiling that an amount has reached; a ceiling of 0 is none. */
const reached = (spent: Spent, ceiling: Spent): "tokens" | "usd" | undefined =>
  ceiling.tokens > 0 && spent.tokens >= ceiling.tokens
    ? "tokens"
    : ceiling.usd > 0 && spent.usd >= ceiling.usd
    ? "usd"
    : undefined;

/** The spending of one run; its methods take the run's usage so far. */
export class Spending {
  #charged: Spent = { tokens: 0, usd: 0 };
  readonly #spender: Spender;

  constructor(
    readonly ledger: UsageLedgerService,
    readonly settings: SettingsService,
    owner: Owner,
    readonly price: Price | undefined,
  ) {
    this.#spender = { principal: owner.principal, owner: owner.ephemeral ? null : ownerKey(owner) };
  }

  /** Fails when the day's ceilings are reached already. */
  readonly admit: Effect.Effect<void, SpendingLimitReached> = Effect.gen({ self: this }, function* () {
    const found = yield* this.#dayCeiling;
    if (found === undefined) return;
    const nowMs = yield* Clock.currentTimeMillis;
    return yield* new SpendingLimitReached({ ...found, retryAfterMs: dayMs - (nowMs % dayMs) });
  });

  /** Charges what is new, then tells whether any ceiling is reached. */
  isOver(usage: Usage): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      yield* this.#charge(usage);
      const { runTokensMax: tokens, runUsdMax: usd } = this.settings;
      return reached(this.#charged, { tokens, usd }) !== undefined || (yield* this.#dayCeiling) !== undefined;
    });
  }

  /** Charges what is new and writes the run's line. */
  close(run: { readonly model: string; readonly turns: number; readonly usage: Usage; readonly end: string }) {
    return Effect.gen({ self: this }, function* () {
      yield* this.#charge(run.usage);
      const usd = this.price === undefined ? null : costUsd(run.usage, this.price);
      yield* this.ledger.record({ ...run, ...this.#spender, atMs: yield* Clock.currentTimeMillis, usd });
    });
  }

  #charge(usage: Usage): Effect.Effect<void> {
    const total: Spent = {
      tokens: usage.inputTokens + usage.outputTokens,
      usd: this.price === undefined ? 0 : costUsd(usage, this.price),
    };
    const amount = { tokens: total.tokens - this.#charged.tokens, usd: total.usd - this.#charged.usd };
    this.#charged = total;
    return amount.tokens === 0 ? Effect.void : this.ledger.charge(this.#spender, amount);
  }

  get #dayCeiling() {
    return Effect.map(this.ledger.today(this.#spender), ({ user, principal }) => {
      const { userTokensPerDay, userUsdPerDay, principalTokensPerDay, principalUsdPerDay } = this.settings;
      const ofUser = { tokens: userTokensPerDay, usd: userUsdPerDay };
      const ofPrincipal = { tokens: principalTokensPerDay, usd: principalUsdPerDay };
      const userUnit = reached(user, ofUser);
      if (userUnit !== undefined) return { scope: "user", unit: userUnit, limit: ofUser[userUnit] } as const;
      const unit = reached(principal, ofPrincipal);
      return unit === undefined ? undefined : { scope: "principal", unit, limit: ofPrincipal[unit] } as const;
    });
  }
}
