import assert from "node:assert/strict";
import { Effect } from "effect";
import * as Files from "../../src/adapters/usageLedger/Files.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { SpendingLimitReached, type UsageLedgerService } from "../../src/services/UsageLedger.ts";
import { withApp } from "../support/app.ts";
import { it } from "../support/it.ts";

/** A ledger in a directory of the test's own. */
const ledgerOfTest = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir()),
  (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
).pipe(Effect.flatMap((path) => Files.make(path)));

const hello = { model: Scripted.scriptedModel, messages: [{ role: "user", content: "hi" }] };

it.live("GET /v1/usage tells what a key used, and nothing of another's", () =>
  Effect.gen(function* () {
    const ledger: UsageLedgerService = yield* ledgerOfTest;
    yield* ledger.record({
      atMs: Date.UTC(2026, 0, 5),
      principal: "somebody-else",
      owner: null,
      model: "m",
      turns: 1,
      usage: { inputTokens: 9, cachedInputTokens: 0, outputTokens: 9, reasoningTokens: 0 },
      usd: 1,
      end: "Stop",
    });
    yield* Effect.promise(() =>
      withApp({ steps: [Scripted.answers("Hello")], usageLedger: ledger }, async (app) => {
        assert.equal((await app.chat(hello)).status, 200);
        const today = await (await app.get("/v1/usage")).json();
        assert.equal(today.total.runs, 1);
        assert.equal(today.data[0].model, Scripted.scriptedModel);
        assert.equal(today.data[0].object, "usage.day");
        const then = await (await app.get("/v1/usage?from=2026-01-01&to=2026-01-31")).json();
        assert.deepEqual(then, {
          object: "list",
          from: "2026-01-01",
          to: "2026-01-31",
          data: [],
          total: {
            runs: 0,
            usage: {
              prompt_tokens: 0,
              completion_tokens: 0,
              total_tokens: 0,
              prompt_tokens_details: { cached_tokens: 0 },
              completion_tokens_details: { reasoning_tokens: 0 },
            },
            cost_usd: 0,
          },
        });
      })
    );
  }));

for (
  const [query, param] of [
    ["from=yesterday", "from"],
    ["to=2026-02-30", "to"],
    ["from=2026-02-01&to=2026-01-01", "from"],
    ["from=2020-01-01&to=2026-01-01", "from"],
  ] as const
) {
  Deno.test(`GET /v1/usage is a 400 that names the parameter when asked for ${query}`, () =>
    withApp({}, async (app) => {
      const response = await app.get(`/v1/usage?${query}`);
      assert.equal(response.status, 400);
      assert.equal((await response.json()).error.param, param);
    }));
}

it.live("chatCompletions is a 429 that clients do not retry when the day's ceiling is reached", () =>
  Effect.gen(function* () {
    const ledger: UsageLedgerService = yield* ledgerOfTest;
    yield* ledger.charge({ principal: "anonymous", owner: null }, { tokens: 1000, usd: 0 });
    yield* Effect.promise(() =>
      withApp(
        { steps: [Scripted.answers("Hello")], usageLedger: ledger, settings: { principalTokensPerDay: 1000 } },
        async (app) => {
          const response = await app.chat(hello);
          assert.equal(response.status, 429);
          assert.equal(response.headers.get("x-should-retry"), "false");
          const { error } = await response.json();
          assert.equal(error.type, "insufficient_quota");
          assert.equal(
            error.message,
            new SpendingLimitReached({ scope: "principal", unit: "tokens", limit: 1000, retryAfterMs: 1 }).message,
          );
        },
      )
    );
  }));
