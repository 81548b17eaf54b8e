import assert from "node:assert/strict";
import { nearestUrl } from "../../../src/http/frame/nearestUrl.ts";

const table: ReadonlyArray<readonly [string, RegExp | undefined]> = [
  ["/chat/completions", /Did you mean \/v1\/chat\/completions\?.*ends with \/v1/],
  ["/chat/completions/", /\/v1\/chat\/completions\?/],
  ["/v1/v1/chat/completions", /\/v1\/chat\/completions\?/],
  ["/v1/chat/completions/chat/completions", /\/v1\/chat\/completions\?/],
  ["/openai/models", /\/v1\/models\?/],
  ["/api/chat", /not Ollama's/],
  ["/v1/messages", /not Anthropic's/],
  ["/mcp", /another door/],
  ["/favicon.ico", undefined],
  ["/constructor", undefined],
];

for (const [path, expected] of table) {
  Deno.test(`nearestUrl of ${path}`, () => {
    const said = nearestUrl(path);
    if (expected === undefined) assert.equal(said, undefined);
    else assert.match(said ?? "", expected);
  });
}
