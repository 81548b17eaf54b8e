/** Connections added up. */
import assert from "node:assert/strict";
import { type EgressRecord, EgressTally } from "../../../src/domain/EgressRecord.ts";

const record = (host: string, changes: Partial<EgressRecord> = {}): EgressRecord => ({
  host,
  port: 443,
  verdict: "allowed",
  connections: 1,
  upBytes: 2,
  downBytes: 3,
  ...changes,
});

Deno.test("what came to the same is one line, in the order of first appearance", () => {
  const tally = new EgressTally(8);
  assert.deepEqual(new EgressTally(8).summary, undefined);
  tally.add(record("b.example"));
  tally.add(record("a.example"));
  tally.add(record("b.example", { verdict: "refused", why: "no" }));
  tally.add(record("b.example", { port: 80 }));
  const before = tally.summary;
  tally.add(record("b.example"));
  assert.deepEqual(tally.summary?.records, [
    record("b.example", { connections: 2, upBytes: 4, downBytes: 6 }),
    record("a.example"),
    record("b.example", { verdict: "refused", why: "no" }),
    record("b.example", { port: 80 }),
  ]);
  assert.equal(before?.records[0]?.connections, 1, "a summary is not changed by what comes later");
});

Deno.test("a tally is bounded, and says how many connections have no place", () => {
  const tally = new EgressTally(2);
  for (let at = 0; at < 100_000; at++) tally.add(record(`h${at}.example`));
  tally.add(record("h1.example"));
  const other = new EgressTally(1);
  assert.ok(tally.summary !== undefined);
  other.addAll(tally.summary);
  assert.deepEqual(tally.summary.records.map(({ connections }) => connections), [1, 2]);
  assert.equal(tally.summary.connectionsLeftOut, 99_998);
  assert.equal(other.summary?.connectionsLeftOut, 100_000);
});
