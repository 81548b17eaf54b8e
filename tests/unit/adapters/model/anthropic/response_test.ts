import assert from "node:assert/strict";
import { Result } from "effect";
import { reading } from "../../../../../src/adapters/model/anthropic/response.ts";
import type { ModelEvent } from "../../../../../src/services/Model.ts";
import { block, start, stop, text, thinking, toolUse } from "../../../../support/anthropicWire.ts";

/** Reads a whole turn; a failure is given as its reason. */
const read = (...chunks: ReadonlyArray<unknown>) => {
  const { initial, step, end } = reading();
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
const origin = (data: Record<string, string>) => ({ provider: "anthropic", data });

Deno.test("reading closes thoughts with what returns them, and gives calls at the end", () => {
  assert.deepEqual(
    read(
      start,
      ...thinking(0, "sig", "H", "m"),
      ...block(1, { type: "redacted_thinking", data: "xyz" }),
      ...text(2, "Looking."),
      ...toolUse(3, "toolu_1", "one"),
      ...toolUse(4, "toolu_2", "two", '{"x":', "1}"),
      ...stop("tool_use"),
    ),
    [
      { _tag: "ReasoningDelta", text: "H" },
      { _tag: "ReasoningDelta", text: "m" },
      { _tag: "ReasoningDelta", text: "", origin: origin({ signature: "sig" }) },
      { _tag: "ReasoningDelta", text: "", origin: origin({ redacted: "xyz" }) },
      { _tag: "TextDelta", text: "Looking." },
      { _tag: "ToolCall", call: { id: "toolu_1", name: "one", argumentsJson: "{}", origin: origin({}) } },
      { _tag: "ToolCall", call: { id: "toolu_2", name: "two", argumentsJson: '{"x":1}', origin: origin({}) } },
      { _tag: "Finished", reason: "ToolCalls", usage },
    ],
  );
});

Deno.test("reading takes input that came whole with its block", () => {
  const events = read(
    start,
    ...block(0, { type: "tool_use", id: "a", name: "one", input: { x: 1 } }),
    ...stop("tool_use"),
  );
  assert.ok(Array.isArray(events));
  const [call]: ReadonlyArray<ModelEvent> = events;
  assert.equal(call?._tag === "ToolCall" ? call.call.argumentsJson : undefined, '{"x":1}');
});

Deno.test("reading drops a call when the token limit cut its input", () => {
  assert.deepEqual(read(start, ...toolUse(0, "a", "one", '{"x":'), ...stop("max_tokens")), [
    { _tag: "Finished", reason: "OutputLimit", usage },
  ]);
});

const stops: ReadonlyArray<readonly [string, string]> = [
  ["end_turn", "Stop"],
  ["stop_sequence", "Stop"],
  ["pause_turn", "Stop"],
  ["max_tokens", "OutputLimit"],
  ["model_context_window_exceeded", "OutputLimit"],
  ["refusal", "ContentFilter"],
  ["never_heard_of", "OutputLimit"],
];
for (const [wire, reason] of stops) {
  Deno.test(`reading finishes with ${reason} when text ends with ${wire}`, () => {
    const events = read(start, ...text(0, "a"), ...stop(wire));
    assert.ok(Array.isArray(events));
    assert.deepEqual(events.at(-1), { _tag: "Finished", reason, usage });
  });
}

const failing: ReadonlyArray<readonly [string, string, ReadonlyArray<unknown>]> = [
  ["BadOutput", "there are no events", []],
  ["BadOutput", "an unknown reason ends an empty turn", [start, ...stop("because")]],
  ["BadOutput", "an event has the wrong shape", [{ type: 1 }]],
  ["ConnectionLost", "there is no stop reason", [start, ...text(0, "a")]],
];
for (const [tag, what, chunks] of failing) {
  Deno.test(`reading fails with ${tag} when ${what}`, () => {
    const reason = read(...chunks);
    assert.ok(!Array.isArray(reason) && "_tag" in reason);
    assert.equal(reason._tag, tag);
  });
}
