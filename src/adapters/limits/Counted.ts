/**
 * Limits by counting: rates in a store of Effect's rate limiter, runs at once in this process.
 *
 * With Redis the rates hold over all instances; runs at once are counted per instance, because a
 * count that must be given back cannot survive the one who counts.
 */
import { Duration, Effect, Layer } from "effect";
import { RateLimiter, type Redis } from "effect/persistence";
import { Settings } from "../../config.ts";
import { ownerKey } from "../../domain/ids.ts";
import type { Owner } from "../../domain/Owner.ts";
import { Limits, type LimitScope, LimitsUnavailable, type Remainder, TooManyRequests } from "../../services/Limits.ts";
import { heldUntilClose } from "../../services/onClose.ts";

const window = "1 minute";

/** When to try again after too many runs at once: nobody knows when one ends. */
const runsRetryAfterMs = 1_000;

/** The part of all runs at once that one principal may have. */
const principalShareMax = 0.9;

/** Prefix of the keys in Redis. */
const prefix = "caisson:limits:";

const ceilMs = (duration: Duration.Duration): number => Math.ceil(Duration.toMillis(duration));

/** Places held by key; a key without any is forgotten. */
class Places {
  readonly #held = new Map<string, number>();

  isFull(key: string, most: number): boolean {
    return most > 0 && (this.#held.get(key) ?? 0) >= most;
  }

  take(key: string, most: number): boolean {
    if (this.isFull(key, most)) return false;
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    return true;
  }

  give(key: string): void {
    const held = this.#held.get(key) ?? 0;
    if (held <= 1) this.#held.delete(key);
    else this.#held.set(key, held - 1);
  }
}

const make = Effect.gen(function* () {
  const settings = yield* Settings;
  const limiter = yield* RateLimiter.RateLimiter;
  const users = new Places();
  const principals = new Places();
  const all = new Places();
  // Some places are left to others, whatever one principal does.
  const ofOnePrincipal = settings.runsPerPrincipalMax > 0
    ? settings.runsPerPrincipalMax
    : Math.ceil(settings.runsMax * principalShareMax);

  const full = (scope: LimitScope, limit: number) =>
    Effect.fail(new TooManyRequests({ scope, limit, remaining: 0, retryAfterMs: runsRetryAfterMs }));

  const hold = (places: Places, key: string, limit: number, scope: LimitScope) =>
    heldUntilClose(
      Effect.suspend(() => places.take(key, limit) ? Effect.void : full(scope, limit)),
      () => Effect.sync(() => places.give(key)),
    );

  const consume = (scope: "requests" | "tokens", owner: Owner, limit: number, tokens: number, overdraw: boolean) =>
    limiter.consume({
      algorithm: "token-bucket",
      key: `${scope}:${owner.principal}`,
      limit,
      window,
      tokens,
      onExceeded: overdraw ? "delay" : "fail",
    }).pipe(
      Effect.map((result): Remainder => ({
        limit,
        remaining: Math.max(0, Math.floor(result.remaining)),
        resetMs: ceilMs(result.resetAfter),
      })),
      Effect.mapError(({ reason }) =>
        reason._tag === "RateLimitExceeded"
          ? new TooManyRequests({ scope, limit, remaining: 0, retryAfterMs: Math.max(1, ceilMs(reason.retryAfter)) })
          : new LimitsUnavailable({ detail: reason.message, cause: reason })
      ),
    );

  return Limits.of({
    room: ({ principal, owner }) =>
      Effect.suspend(() => {
        const { runsMax, runsPerUserMax } = settings;
        if (owner !== undefined && runsPerUserMax > 0 && users.isFull(ownerKey(owner), runsPerUserMax)) {
          return full("user-runs", runsPerUserMax);
        }
        if (principals.isFull(principal, ofOnePrincipal)) return full("principal-runs", ofOnePrincipal);
        return all.isFull("", runsMax) ? full("all-runs", runsMax) : Effect.void;
      }),
    admit: Effect.fnUntraced(function* (owner: Owner) {
      yield* hold(users, ownerKey(owner), settings.runsPerUserMax, "user-runs");
      yield* hold(principals, owner.principal, ofOnePrincipal, "principal-runs");
      yield* hold(all, "", settings.runsMax, "all-runs");
      // A run's tokens are known only when it ends: it is admitted for one and overdraws when it is counted.
      const tokens = settings.tokensPerMinute === 0
        ? {}
        : { tokens: yield* consume("tokens", owner, settings.tokensPerMinute, 1, false) };
      const requests = settings.requestsPerMinute === 0
        ? {}
        : { requests: yield* consume("requests", owner, settings.requestsPerMinute, 1, false) };
      return { ...tokens, ...requests };
    }),
    spend: (owner, tokens) =>
      settings.tokensPerMinute === 0 || tokens <= 1
        ? Effect.void
        : consume("tokens", owner, settings.tokensPerMinute, tokens - 1, true).pipe(
          Effect.asVoid,
          Effect.catch((error) => Effect.logWarning("tokens were not counted", error)),
        ),
  });
});

const layerOnStore = Layer.effect(Limits, make).pipe(Layer.provide(RateLimiter.layer));

/** Limits of this process. */
export const layerMemory: Layer.Layer<Limits, never, Settings> = layerOnStore.pipe(
  Layer.provide(RateLimiter.layerStoreMemory),
);

/** Limits whose rates are shared by every instance on one Redis. */
export const layerRedis: Layer.Layer<Limits, never, Settings | Redis.Redis> = layerOnStore.pipe(
  Layer.provide(RateLimiter.layerStoreRedis({ prefix })),
);
