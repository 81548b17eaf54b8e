import assert from "node:assert/strict";
import { Effect, Result } from "effect";
import { loadTable, parseTable } from "../../../../src/adapters/model/modelTable.ts";
import { it } from "../../../support/it.ts";

const problemsOf = (json: string) => {
  const result = parseTable(json);
  return Result.isFailure(result) ? result.failure.problems : [];
};

Deno.test("parseTable takes every column when the table is right", () => {
  const table = {
    fast: {
      provider: "openai",
      model: "llama3",
      apiKeyEnv: "CAISSON_LOCAL_KEY",
      baseUrl: "http://127.0.0.1:11434/v1",
      contextTokens: 8192,
      vision: false,
      price: { input: 0.1, output: 0.4 },
      defaults: { temperature: 0.2, reasoningEffort: "low" },
      fallbacks: ["caisson-offline"],
    },
  };
  assert.deepEqual(parseTable(JSON.stringify(table)), Result.succeed(table));
});

const wrong: ReadonlyArray<readonly [string, unknown, string]> = [
  ["the provider is unknown", { provider: "acme" }, "fast.provider"],
  ["a column is misspelt", { provider: "openai", baseURL: "http://x" }, "fast.baseURL"],
  ["the URL is none", { provider: "openai", baseUrl: "x" }, "fast.baseUrl"],
  ["a price is negative", { provider: "openai", price: { input: -1, output: 0 } }, "fast.price.input"],
  ["the window is not whole", { provider: "openai", contextTokens: 0.5 }, "fast.contextTokens"],
];
for (const [what, entry, place] of wrong) {
  Deno.test(`parseTable names the place when ${what}`, () => {
    const [problem = ""] = problemsOf(JSON.stringify({ fast: entry }));
    assert.ok(problem.startsWith(`CAISSON_MODELS: ${place}: `), problem);
  });
}

Deno.test("parseTable refuses what is not JSON", () => {
  assert.equal(problemsOf("{fast").length, 1);
});

it.live("loadTable reads a file when the setting is a path, and refuses a missing one by name", () =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => Deno.makeTempDir()),
      (path) => Effect.promise(() => Deno.remove(path, { recursive: true })),
    );
    const path = `${directory}/models.json`;
    yield* Effect.promise(() => Deno.writeTextFile(path, '{"fast":{"provider":"offline"}}'));
    assert.deepEqual(yield* loadTable(path), { fast: { provider: "offline" } });
    const refused = yield* Effect.flip(loadTable(`${directory}/none.json`));
    assert.deepEqual(refused.problems, [`CAISSON_MODELS: the file ${directory}/none.json cannot be read`]);
  }));
