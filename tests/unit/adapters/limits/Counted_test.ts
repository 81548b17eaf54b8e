import assert from "node:assert/strict";
import { Effect, Exit, Layer, Scope } from "effect";
import { TestClock } from "effect/testing";
import * as Counted from "../../../../src/adapters/limits/Counted.ts";
import { defaults, Settings, type SettingsService } from "../../../../src/config.ts";
import type { Owner } from "../../../../src/domain/Owner.ts";
import { type Applicant, Limits } from "../../../../src/services/Limits.ts";
import { it } from "../../../support/it.ts";

const owner = (principal: string, user = "u"): Owner => ({ principal, user, ephemeral: false });

const limited = (title: string, settings: Partial<SettingsService>, body: () => Effect.Effect<void, unknown, Limits>) =>
  it.layer(Counted.layerMemory.pipe(Layer.provide(Settings.layerWith(settings)))).effect(title, body);

/** Admits a run that ends at once. */
const once = (who: Owner) => Effect.flatMap(Limits, (limits) => Effect.scoped(limits.admit(who)));

limited("admit lets everything pass when no limit is set", {}, () =>
  Effect.gen(function* () {
    for (let n = 0; n < 1_000; n++) assert.deepEqual(yield* once(owner("a")), {});
  }));

limited(
  "admit refuses requests over the limit until time passes",
  { requestsPerMinute: 6 },
  () =>
    Effect.gen(function* () {
      for (let left = 5; left >= 0; left--) {
        assert.deepEqual(yield* once(owner("a", `user ${left}`)), {
          requests: { limit: 6, remaining: left, resetMs: (6 - left) * 10_000 },
        });
      }
      const error = yield* Effect.flip(once(owner("a")));
      assert.deepEqual({ ...error }, { ...error, scope: "requests", limit: 6, remaining: 0, retryAfterMs: 10_000 });
      assert.match(error.message, /6 requests per minute.*10s/);
      yield* once(owner("b"));
      yield* TestClock.adjust("10 seconds");
      yield* once(owner("a"));
      assert.equal((yield* Effect.flip(once(owner("a"))))._tag, "TooManyRequests");
    }),
);

limited(
  "admit refuses a principal whose runs used more tokens than a minute has",
  { tokensPerMinute: 600 },
  () =>
    Effect.gen(function* () {
      const limits = yield* Limits;
      yield* once(owner("a"));
      yield* limits.spend(owner("a"), 900);
      const error = yield* Effect.flip(once(owner("a", "another user")));
      assert.deepEqual([error._tag, "scope" in error && error.scope], ["TooManyRequests", "tokens"]);
      yield* once(owner("b"));
      yield* TestClock.adjust("30 seconds");
      assert.equal((yield* Effect.flip(once(owner("a"))))._tag, "TooManyRequests");
      yield* TestClock.adjust("1 second");
      yield* once(owner("a"));
    }),
);

limited(
  "admit refuses runs at once over the limits and lets the next in when one ends",
  { runsPerUserMax: 2, runsPerPrincipalMax: 3 },
  () =>
    Effect.gen(function* () {
      const limits = yield* Limits;
      const begin = (who: Owner) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make();
          yield* Scope.provide(limits.admit(who), scope);
          return Scope.close(scope, Exit.void);
        });
      const scopeOf = (who: Owner) =>
        Effect.map(Effect.flip(once(who)), (error) => "scope" in error ? error.scope : error._tag);
      const end = yield* begin(owner("a", "1"));
      yield* begin(owner("a", "1"));
      assert.equal(yield* scopeOf(owner("a", "1")), "user-runs");
      yield* begin(owner("a", "2"));
      assert.equal(yield* scopeOf(owner("a", "3")), "principal-runs");
      yield* begin(owner("b", "1"));
      yield* end;
      yield* once(owner("a", "1"));
      yield* once(owner("a", "3"));
    }),
);

limited(
  "admit leaves some of all places to others, and refuses when none is left",
  { runsMax: 10 },
  () =>
    Effect.gen(function* () {
      const limits = yield* Limits;
      const scopeOf = (who: Owner) =>
        Effect.map(Effect.flip(once(who)), (error) => "scope" in error ? error.scope : error._tag);
      for (let user = 0; user < 9; user++) yield* limits.admit(owner("a", String(user)));
      assert.equal(yield* scopeOf(owner("a", "9")), "principal-runs");
      yield* limits.admit(owner("b"));
      assert.equal(yield* scopeOf(owner("c")), "all-runs");
    }).pipe(Effect.scoped),
);

limited(
  "room tells what admit would refuse, takes nothing, and looks at a user only where it is known",
  { runsPerUserMax: 1, runsPerPrincipalMax: 2, runsMax: 3 },
  () =>
    Effect.gen(function* () {
      const limits = yield* Limits;
      const scopeOf = (applicant: Applicant) => Effect.map(Effect.flip(limits.room(applicant)), ({ scope }) => scope);
      for (let looks = 0; looks < 10; looks++) yield* limits.room({ principal: "a", owner: owner("a", "1") });
      yield* limits.admit(owner("a", "1"));
      assert.equal(yield* scopeOf({ principal: "a", owner: owner("a", "1") }), "user-runs");
      yield* limits.room({ principal: "a", owner: owner("a", "2") });
      yield* limits.room({ principal: "a" });
      yield* limits.admit(owner("a", "2"));
      assert.equal(yield* scopeOf({ principal: "a" }), "principal-runs");
      yield* limits.room({ principal: "b" });
      yield* limits.admit(owner("b", "1"));
      assert.equal(yield* scopeOf({ principal: "c" }), "all-runs");
    }).pipe(Effect.scoped),
);

limited("admit holds a user to a bound on runs at once when nothing is set", {}, () =>
  Effect.gen(function* () {
    const limits = yield* Limits;
    const { runsPerUserMax } = defaults;
    for (let run = 0; run < runsPerUserMax; run++) yield* limits.admit(owner("a"));
    const error = yield* Effect.flip(limits.room({ principal: "a", owner: owner("a") }));
    assert.deepEqual([error.scope, error.limit], ["user-runs", runsPerUserMax]);
    assert.match(error.message, /runs at once for one user \(CAISSON_RUNS_PER_USER_MAX\)/);
    yield* limits.admit(owner("a", "another user"));
  }).pipe(Effect.scoped));
