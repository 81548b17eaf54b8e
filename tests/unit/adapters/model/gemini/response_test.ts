import assert from "node:assert/strict";
import { Result } from "effect";
import { reading } from "../../../../../src/adapters/model/gemini/response.ts";
import type { ModelEvent } from "../../../../../src/services/Model.ts";
import { chunk, finish, functionCall, text, thought } from "../../../../support/geminiWire.ts";

/** Reads a whole turn; a failure is given as its reason. */
const read = (chunks: ReadonlyArray<unknown>, callsMax = Number.POSITIVE_INFINITY, followsTools = false) => {
  let made = 0;
  const { initial, step, end } = reading({ makeCallId: () => `made-${++made}`, callsMax, followsTools });
  const events: Array<ModelEvent> = [];
  for (const each of chunks) {
    const stepped = step(initial, each);
    if (Result.isFailure(stepped)) return stepped.failure.reason;
    events.push(...stepped.success);
  }
  const ended = end(initial, false);
  return Result.isFailure(ended) ? ended.failure.reason : [...events, ...ended.success];
};
const usage = { inputTokens: 20, cachedInputTokens: 5, outputTokens: 10, reasoningTokens: 3 };
const origin = (data: Record<string, string>) => ({ provider: "gemini", data });

Deno.test("reading keeps ids and signatures in the origin when Gemini gives them", () => {
  assert.deepEqual(
    read([
      chunk(thought("Hm", { thoughtSignature: "s0" })),
      chunk(functionCall("a", { x: 1 }, { id: "g1", thoughtSignature: "s1" }), functionCall("b", {})),
      chunk(text("", { thoughtSignature: "s2" })),
      finish(),
    ]),
    [
      { _tag: "ReasoningDelta", text: "Hm", origin: origin({ thoughtSignature: "s0" }) },
      {
        _tag: "ToolCall",
        call: { id: "g1", name: "a", argumentsJson: '{"x":1}', origin: origin({ id: "g1", thoughtSignature: "s1" }) },
      },
      { _tag: "ToolCall", call: { id: "made-1", name: "b", argumentsJson: "{}", origin: origin({}) } },
      { _tag: "TextDelta", text: "", origin: origin({ thoughtSignature: "s2" }) },
      { _tag: "Finished", reason: "ToolCalls", usage },
    ],
  );
});

Deno.test("reading keeps the first call only when no parallel calls are wanted", () => {
  const events = read([chunk(functionCall("a", {}), functionCall("b", {})), finish()], 1);
  assert.ok(Array.isArray(events));
  assert.deepEqual(events.map((event) => event._tag), ["ToolCall", "Finished"]);
});

const finishes: ReadonlyArray<readonly [string, string]> = [
  ["STOP", "Stop"],
  ["MAX_TOKENS", "OutputLimit"],
  ["SAFETY", "ContentFilter"],
  ["RECITATION", "ContentFilter"],
  ["LANGUAGE", "ContentFilter"],
  ["BLOCKLIST", "ContentFilter"],
  ["PROHIBITED_CONTENT", "ContentFilter"],
  ["SPII", "ContentFilter"],
  ["IMAGE_SAFETY", "ContentFilter"],
  ["OTHER", "OutputLimit"],
  ["FINISH_REASON_UNSPECIFIED", "OutputLimit"],
  ["NEVER_HEARD_OF", "OutputLimit"],
];
for (const [wire, reason] of finishes) {
  Deno.test(`reading finishes with ${reason} when text ends with ${wire}`, () => {
    assert.deepEqual(read([chunk(text("a")), finish(wire)]), [
      { _tag: "TextDelta", text: "a" },
      { _tag: "Finished", reason, usage },
    ]);
  });
}

for (const wire of ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"]) {
  Deno.test(`reading fails with BadOutput when the turn ends with ${wire}`, () => {
    const reason = read([chunk(text("a")), finish(wire)]);
    assert.ok(!Array.isArray(reason) && "_tag" in reason);
    assert.deepEqual({ ...reason }, { _tag: "BadOutput", why: wire });
  });
}

const failing: ReadonlyArray<readonly [string, string, ReadonlyArray<unknown>]> = [
  ["PromptBlocked", "the prompt is blocked", [{ promptFeedback: { blockReason: "SAFETY" } }]],
  ["BadOutput", "there are no chunks at all", []],
  ["BadOutput", "an unknown reason ends an empty turn", [finish("OTHER")]],
  ["BadOutput", "a chunk has the wrong shape", [{ candidates: "none" }]],
  ["ConnectionLost", "there is no finish reason", [chunk(text("a"))]],
];
for (const [tag, what, chunks] of failing) {
  Deno.test(`reading fails with ${tag} when ${what}`, () => {
    const reason = read(chunks);
    assert.ok(!Array.isArray(reason) && "_tag" in reason);
    assert.equal(reason._tag, tag);
  });
}

Deno.test("reading counts nothing when usage is missing", () => {
  const events = read([chunk(text("a")), { candidates: [{ finishReason: "STOP" }] }]);
  assert.ok(Array.isArray(events));
  assert.deepEqual(events.at(-1), {
    _tag: "Finished",
    reason: "Stop",
    usage: { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 },
  });
});

Deno.test("reading takes nulls for what is not there", () => {
  const nulls = {
    candidates: [{ content: { parts: null }, finishReason: null, finishMessage: null }],
    promptFeedback: null,
    usageMetadata: null,
  };
  const part = { text: null, thought: null, thoughtSignature: null, functionCall: null };
  assert.deepEqual(
    read([nulls, { candidates: null }, { candidates: [{ content: null }] }, chunk(part), chunk(text("a")), finish()]),
    [{ _tag: "TextDelta", text: "a" }, { _tag: "Finished", reason: "Stop", usage }],
  );
});

Deno.test("reading asks for another try when STOP comes without a word after results of tools, and only then", () => {
  const silent = [chunk(thought("Hm")), finish()];
  const failed = read(silent, Number.POSITIVE_INFINITY, true);
  assert.ok(!Array.isArray(failed));
  assert.deepEqual({ ...failed }, { _tag: "BadOutput", why: "an empty answer", empty: usage });
  assert.ok(Array.isArray(read(silent)));
  assert.ok(Array.isArray(read([chunk(text("a")), finish()], Number.POSITIVE_INFINITY, true)));
});
