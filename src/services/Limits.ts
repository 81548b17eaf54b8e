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

const nouns: Record<LimitScope, string> = {
  "requests": "requests per minute",
  "tokens": "tokens per minute",
  "user-runs": "runs at once for one user",
  "principal-runs": "runs at once",
  "all-runs": "runs at once on this server",
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
    return `Rate limit reached: ${this.limit} ${nouns[this.scope]}. Please try again in ${
      Math.ceil(this.retryAfterMs / 1000)
    }s.`;
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

/** What limits offer. */
export interface LimitsService {
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
