/**
 * Items of an input as messages, as far as no request from outside shows it.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { readInput } from "../../../../../src/http/openai/responses/readInput.ts";
import { it } from "../../../../support/it.ts";

const options = { bytesMax: 1024, keepsFiles: false };
const reasoning = (summary: ReadonlyArray<{ type: string; text: string }>) => ({
  type: "reasoning",
  id: "rs_1",
  summary,
  content: [{ type: "reasoning_text", text: "raw" }],
});

it.effect("raw reasoning is read where there is no summary", () =>
  Effect.gen(function* () {
    for (const [summary, text] of [[[], "raw"], [[{ type: "summary_text", text: "short" }], "short"]] as const) {
      const { messages } = yield* readInput([reasoning([...summary])], options);
      assert.deepEqual(messages, [{ role: "assistant", parts: [{ _tag: "Reasoning", text }] }]);
    }
  }));
