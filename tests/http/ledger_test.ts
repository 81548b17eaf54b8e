/**
 * The ledger of the API tells the truth: what the table of OpenAI's SDK has is sent to the application, field by field.
 */
import assert from "node:assert/strict";
import { claims, frames } from "../ledger/claims.ts";
import { readLedger } from "../ledger/ledger.ts";
import { ledgerMarkdown } from "../ledger/page.ts";
import { surface } from "../ledger/surface.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => Deno.readTextFileSync(new URL(path, root));

const ledger = await readLedger();
const entries = ledger.flatMap(({ operation, entries }) => entries.map((entry) => ({ operation, ...entry })));

Deno.test("docs/ledger.md is what is seen of the API", () =>
  assert.equal(read("docs/ledger.md"), ledgerMarkdown(ledger), "run `deno task docs`"));

Deno.test("no field of OpenAI's is taken in silence: each does something, is named, refused or a known hint", () => {
  assert.ok(entries.length > 300, `${entries.length} fields`);
  const unseen = entries.filter(({ state }) => state === "unseen");
  assert.deepEqual(unseen.map(({ operation, field }) => `${operation.name}: ${field.path}`), []);
});

Deno.test("what is refused is refused by its name", () => {
  const unnamed = entries.flatMap(({ operation, field, seen }) =>
    seen.flatMap(([, each]) => {
      const name = /^\w+/.exec(field.path)?.[0] ?? "";
      return each._tag !== "Refused" || each.status === 404 || each.param?.startsWith(name) === true
        ? []
        : [`${operation.name}: ${field.path}: ${each.status} ${each.param}`];
    })
  );
  assert.deepEqual(unnamed, []);
});

Deno.test("every claim is needed by a field, and the test that it names exists", () => {
  const used = new Set(entries.map(({ claim }) => claim));
  assert.deepEqual(claims.filter((claim) => !used.has(claim)).map(({ operation, path }) => `${operation} ${path}`), []);
  assert.deepEqual(Object.keys(frames).toSorted(), surface.clientEvents.toSorted());
  for (const { test } of [...claims, ...Object.values(frames)]) {
    if (test !== undefined) assert.ok(read(test[0]).includes(`"${test[1]}"`), test.join(": "));
  }
});

Deno.test("the table is of the SDK that the compatibility suite runs", () => {
  const { imports }: { imports: Record<string, string> } = JSON.parse(read("tests/compat/clients/deno.json"));
  assert.equal(imports["openai"], `npm:${surface.sdk.replace(" ", "@")}`, "run `deno task ledger:sdk`");
});
