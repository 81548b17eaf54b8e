import assert from "node:assert/strict";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import * as Files from "../../../../src/adapters/usageLedger/Files.ts";
import { OwnerKey } from "../../../../src/domain/Owner.ts";
import type { LedgerLine } from "../../../../src/services/UsageLedger.ts";
import { it } from "../../../support/it.ts";

const owner = OwnerKey.make("a".repeat(32));
const dayMs = 24 * 60 * 60 * 1000;
const day0 = Date.UTC(2026, 0, 1);
const line = (atMs: number, changes: Partial<LedgerLine> = {}): LedgerLine => ({
  atMs,
  principal: "p",
  owner,
  model: "m",
  turns: 1,
  usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 5, reasoningTokens: 1 },
  usd: 0.5,
  end: "Stop",
  ...changes,
});

const directory = Effect.acquireRelease(
  Effect.promise(() => Deno.makeTempDir()),
  (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
);

it.effect("Files.report sums runs by day and model, of one principal only", () =>
  Effect.gen(function* () {
    const ledger = yield* Files.make(yield* directory);
    yield* ledger.record(line(day0));
    yield* ledger.record(line(day0 + 1));
    yield* ledger.record(line(day0 + 2, { model: "n", usd: null }));
    yield* ledger.record(line(day0 + 3, { principal: "q" }));
    yield* ledger.record(line(day0 + 2 * dayMs));
    const usage = { inputTokens: 10, cachedInputTokens: 4, outputTokens: 5, reasoningTokens: 1 };
    assert.deepEqual(yield* ledger.report("p", { from: "2025-12-31", to: "2026-01-03" }), [
      {
        day: "2026-01-01",
        model: "m",
        runs: 2,
        usage: { inputTokens: 20, cachedInputTokens: 8, outputTokens: 10, reasoningTokens: 2 },
        usd: 1,
      },
      { day: "2026-01-01", model: "n", runs: 1, usage, usd: 0 },
      { day: "2026-01-03", model: "m", runs: 1, usage, usd: 0.5 },
    ]);
    assert.deepEqual(yield* ledger.report("p", { from: "2026-01-02", to: "2026-01-02" }), []);
  }));

it.effect("Files.today counts what is charged by user and principal, and begins anew each day", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(day0);
    const ledger = yield* Files.make(yield* directory);
    yield* ledger.charge({ principal: "p", owner }, { tokens: 10, usd: 1 });
    yield* ledger.charge({ principal: "p", owner: null }, { tokens: 5, usd: 0 });
    assert.deepEqual(yield* ledger.today({ principal: "p", owner }), {
      user: { tokens: 10, usd: 1 },
      principal: { tokens: 15, usd: 1 },
    });
    yield* TestClock.setTime(day0 + dayMs);
    assert.equal((yield* ledger.today({ principal: "p", owner })).principal.tokens, 0);
  }));

it.effect("Files.make reads today's totals back after a restart, a cut line left out", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(day0 + 1000);
    const path = yield* directory;
    yield* (yield* Files.make(path)).record(line(day0));
    yield* Effect.promise(() => Deno.writeTextFile(`${path}/2026-01-01.jsonl`, '{"atMs":17', { append: true }));
    const ledger = yield* Files.make(path);
    assert.deepEqual((yield* ledger.today({ principal: "p", owner })).user, { tokens: 15, usd: 0.5 });
  }));

it.effect("Files.record keeps what others may not read, and survives a directory that cannot be written", () =>
  Effect.gen(function* () {
    const path = yield* directory;
    yield* (yield* Files.make(`${path}/ledger`)).record(line(day0));
    const { mode } = yield* Effect.promise(() => Deno.stat(`${path}/ledger/2026-01-01.jsonl`));
    assert.equal((mode ?? 0) & 0o777, 0o600);
    yield* Effect.promise(() => Deno.writeTextFile(`${path}/file`, ""));
    yield* (yield* Files.make(`${path}/file`)).record(line(day0));
  }));

it.effect("Files.report ends for days at the end of time, out of order, and too many", () =>
  Effect.gen(function* () {
    const ledger = yield* Files.make(yield* directory);
    yield* ledger.record(line(day0));
    const ranges = [
      ["9999-12-31", "9999-12-31"],
      ["0001-01-01", "9999-12-31"],
      ["2026-01-02", "2026-01-01"],
      ["nonsense", "+275760-09-13"],
    ] as const;
    for (const [from, to] of ranges) assert.deepEqual(yield* ledger.report("p", { from, to }), [], `${from} ${to}`);
    assert.equal((yield* ledger.report("p", { from: "0001-01-01", to: "2026-01-01" })).length, 1);
  }));

it.effect("Files.check writes, leaves nothing, and fails where nothing can be written", () =>
  Effect.gen(function* () {
    const path = yield* directory;
    yield* (yield* Files.make(path)).check;
    assert.deepEqual([...Deno.readDirSync(path)], []);
    Deno.writeTextFileSync(`${path}/file`, "");
    const error = yield* Effect.flip((yield* Files.make(`${path}/file/ledger`)).check);
    assert.equal(error._tag, "UsageLedgerUnavailable");
  }));
