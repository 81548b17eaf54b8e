import assert from "node:assert/strict";
import { errorsMarkdown, parametersMarkdown } from "../../../scripts/httpDocs.ts";

Deno.test("docs/errors.md and docs/parameters.md are what their tables say", () => {
  assert.equal(Deno.readTextFileSync("docs/errors.md"), errorsMarkdown(), "run deno task docs");
  assert.equal(Deno.readTextFileSync("docs/parameters.md"), parametersMarkdown(), "run deno task docs");
});
