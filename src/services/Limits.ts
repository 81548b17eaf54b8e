/**
 * The Limits port: how much a principal and its users may ask for.
 */
import { Context, type Effect, Schema, type Scope } from "effect";
import type { Owner } from "../domain/Owner.ts";

// Errors -----------------------------------------------------------------------------------------

/**
 * What is limited: requests and tokens of a principal per minute, runs at once of a user, of a principal
 * and of all.
 */
export const LimitScope = Schema.Literals(["requests", "tokens", "user-runs", "principal-runs", "all-runs"]);
export type LimitScope = typeof LimitScope.Type;

/** What is counted, and the setting that bounds it. */
const told: Record<LimitScope, readonly [noun: string, setting: string]> = {
  "requests": ["requests per minute", "CAISSON_REQUESTS_PER_MINUTE"],
  "tokens": ["tokens per minute", "CAISSON_TOKENS_PER_MINUTE"],
  "user-runs": ["runs at once for one user", "CAISSON_RUNS_PER_USER_MAX"],
  "principal-runs": ["runs at once", "CAISSON_RUNS_PER_PRINCIPAL_MAX"],
  "all-runs": ["runs at once on this server", "CAISSON_RUNS_MAX"],
};

/** A limit is reached; nothing was begun. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  scope: LimitScope,
  limit: Schema.Int,
  remaining: Schema.Int,
  /** When trying again makes sense, in milliseconds. */
  retryAfterMs: Schema.Int,
}) {
  override get message(): string {
    const [noun, setting] = told[this.scope];
    const seconds = Math.ceil(this.retryAfterMs / 1000);
    return `Rate limit reached: ${this.limit} ${noun} (${setting}). Please try again in ${seconds}s.`;
  }
}

/** The counts are kept elsewhere and cannot be reached; `detail` is for the log only. */
export class LimitsUnavailable extends Schema.TaggedError<LimitsUnavailable>()("LimitsUnavailable", {
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return "rate limits cannot be checked";
  }
}

// Port -------------------------------------------------------------------------------------------

/** What is left of a limit, for the `x-ratelimit-*` headers. */
export interface Remainder {
  readonly limit: number;
  readonly remaining: number;
  /** Time until the whole limit is available again, in milliseconds. */
  readonly resetMs: number;
}

/** What is left after a request was admitted; absent where there is no limit. */
export interface Allowance {
  readonly requests?: Remainder;
  readonly tokens?: Remainder;
}

/** Whose run it would be, as far as that is known: the user may be named in a body that nobody has read. */
export interface Applicant {
  readonly principal: string;
  /** The whole owner, where it is known. */
  readonly owner?: Owner;
}

/** What limits offer. */
export interface LimitsService {
  /**
   * Refuses what {@link admit} would refuse for want of a place for one more run, before any work is done for it.
   *
   * *Details*: it only looks, at what this process counts; a place can be gone when `admit` asks for it, which decides.
   *
   * *Fails with* `TooManyRequests` when no such run could begin now.
   */
  readonly room: (applicant: Applicant) => Effect.Effect<void, TooManyRequests>;
  /**
   * Admits a run and holds its place while the scope is open.
   *
   * *Fails with* `TooManyRequests` when a limit is reached, `LimitsUnavailable` when that cannot be told.
   */
  readonly admit: (owner: Owner) => Effect.Effect<Allowance, TooManyRequests | LimitsUnavailable, Scope.Scope>;
  /** Counts tokens that a run used; it never fails, a count that is lost is logged. */
  readonly spend: (owner: Owner, tokens: number) => Effect.Effect<void>;
}

/**
 * The Limits port.
 *
 * *Example* (hold a user to one run at once):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { app, Limits, Settings } from "@caisson/caisson";
 *
 * const owner = { principal: "api-key:shop", user: "ada", ephemeral: false };
 * const program = Effect.gen(function* () {
 *   const limits = yield* Limits.Limits;
 *   yield* Effect.scoped(limits.admit(owner)); // its place is free again when the scope closes
 *   yield* limits.admit(owner);
 *   return yield* Effect.flip(limits.admit(owner));
 * });
 * const limits = Layer.provide(app.limits, Settings.layerWith({ runsPerUserMax: 1 }));
 * const error = await Effect.runPromise(Effect.scoped(Effect.provide(program, limits)));
 * assert.equal(error._tag === "TooManyRequests" && error.scope, "user-runs");
 * ```
 */
export class Limits extends Context.Service<Limits, LimitsService>()("caisson/services/Limits") {}
