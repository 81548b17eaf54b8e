import assert from "node:assert/strict";
import { Result } from "effect";
import { reading } from "../../../../../src/adapters/model/openai/response.ts";
import type { ModelEvent } from "../../../../../src/services/Model.ts";
import { calls, chunk, finish, fragment, text, usage } from "../../../../support/openaiWire.ts";

/** Reads a whole turn; a failure is given as its reason. */
const read = (...chunks: ReadonlyArray<unknown>) => readEnding(false, ...chunks);
const readEnding = (saidDone: boolean, ...chunks: ReadonlyArray<unknown>) => {
  let made = 0;
  const { initial, step, end } = reading({ provider: "openai", makeCallId: () => `made-${++made}` });
  const events: Array<ModelEvent> = [];
  for (const each of chunks) {
    const stepped = step(initial, each);
    if (Result.isFailure(stepped)) return stepped.failure.reason;
    events.push(...stepped.success);
  }
  const ended = end(initial, saidDone);
  return Result.isFailure(ended) ? ended.failure.reason : [...events, ...ended.success];
};
/** The calls of a turn as [id, name, arguments]. */
const callsOf = (...chunks: ReadonlyArray<unknown>) => {
  const events = read(...chunks);
  assert.ok(Array.isArray(events));
  return events.flatMap((event: ModelEvent) =>
    event._tag === "ToolCall" ? [[event.call.id, event.call.name, event.call.argumentsJson]] : []
  );
};
const two = [["call-a", "one", '{"x":1}'], ["call-b", "two", '{"y":2}']];

const oddCalls: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, ReadonlyArray<unknown>]> = [
  [
    "indexes are missing",
    [
      calls(fragment({ id: "call-a", name: "one", arguments: '{"x"' })),
      calls(fragment({ arguments: ":1}" })),
      calls(fragment({ id: "call-b", name: "two", arguments: '{"y":2}' })),
    ],
    two,
  ],
  [
    "every whole call has index 0",
    [
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x":1}' })),
      calls(fragment({ index: 0, id: "call-b", name: "two", arguments: '{"y":2}' })),
    ],
    two,
  ],
  [
    "every fragment repeats id and name",
    [
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x"' })),
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: ":1}" })),
    ],
    [two[0]],
  ],
  [
    "ids and indexes are missing",
    [calls(fragment({ name: "one", arguments: '{"x":1}' }), fragment({ name: "two", arguments: '{"y":2}' }))],
    [["made-1", "one", '{"x":1}'], ["made-2", "two", '{"y":2}']],
  ],
  ["arguments come as an object", [calls(fragment({ index: 0, id: "call-a", name: "one", arguments: { x: 1 } }))], [
    two[0],
  ]],
  [
    "ids are numbers that come again in every answer",
    [calls(fragment({ index: 0, id: "1", name: "one" }), fragment({ index: 1, id: "2", name: "two" }))],
    [["made-1", "one", "{}"], ["made-2", "two", "{}"]],
  ],
  [
    "each fragment has another id",
    [
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: "" })),
      calls(fragment({ index: 0, id: "call-b", arguments: '{"x"' })),
      calls(fragment({ index: 0, id: "call-c", name: "one", arguments: ":1}" })),
    ],
    [two[0]],
  ],
  [
    "each fragment has another id and no index",
    [
      calls(fragment({ id: "call-a", name: "one", arguments: '{"x"' })),
      calls(fragment({ id: "call-b", arguments: ":1}" })),
    ],
    [two[0]],
  ],
  [
    "the whole arguments come again after their fragments",
    [
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x"' })),
      calls(fragment({ index: 0, arguments: ":1}" })),
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x":1}' })),
    ],
    [two[0]],
  ],
  [
    "the same tool is called twice in whole calls with index 0",
    [
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x":1}' })),
      calls(fragment({ index: 0, id: "call-b", name: "one", arguments: '{"x":1}' })),
    ],
    [two[0], ["call-b", "one", '{"x":1}']],
  ],
  [
    "what is not there is null",
    [
      calls({ index: 0, id: null, type: null, function: null, extra_content: null }),
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x":1}' })),
    ],
    [two[0]],
  ],
  ["there are no arguments", [calls(fragment({ index: 0, id: "call-a", name: "one" }))], [["call-a", "one", "{}"]]],
];
for (const [what, chunks, expected] of oddCalls) {
  Deno.test(`reading gives complete calls when ${what}`, () => {
    assert.deepEqual(callsOf(...chunks, finish("tool_calls")), expected);
  });
}

Deno.test("reading reports ToolCalls when calls end with stop", () => {
  const events = read(calls(fragment({ index: 0, id: "call-a", name: "one" })), finish("stop"));
  assert.ok(Array.isArray(events));
  const last: ModelEvent | undefined = events.at(-1);
  assert.equal(last?._tag === "Finished" ? last.reason : undefined, "ToolCalls");
});

Deno.test("reading drops a call when the token limit cut its arguments", () => {
  assert.deepEqual(
    callsOf(
      calls(fragment({ index: 0, id: "call-a", name: "one", arguments: '{"x":1}' })),
      calls(fragment({ index: 1, id: "call-b", name: "two", arguments: '{"y":' })),
      finish("length"),
    ),
    [two[0]],
  );
});

for (const field of ["reasoning_content", "reasoning"] as const) {
  Deno.test(`reading remembers the field when reasoning comes as ${field}`, () => {
    assert.deepEqual(read(chunk({ [field]: "Hm" }), finish(), usage), [
      { _tag: "ReasoningDelta", text: "Hm" },
      { _tag: "ReasoningDelta", text: "", origin: { provider: "openai", data: { field } } },
      {
        _tag: "Finished",
        reason: "Stop",
        usage: { inputTokens: 20, cachedInputTokens: 5, outputTokens: 10, reasoningTokens: 3 },
      },
    ]);
  });
}

Deno.test("reading takes reasoning once when it comes under both names", () => {
  const events = read(chunk({ reasoning: "Hm", reasoning_content: "Hm" }), text("So."), finish());
  assert.ok(Array.isArray(events));
  assert.deepEqual(
    events.map((event: ModelEvent) => ("text" in event ? event.text : event._tag)),
    ["Hm", "", "So.", "Finished"],
  );
});

Deno.test("reading takes a whole answer when the server does not stream", () => {
  const events = read({
    object: "chat.completion",
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: "Hello",
        tool_calls: [{ id: "call-a", type: "function", function: { name: "one", arguments: '{"x":1}' } }],
      },
      finish_reason: "tool_calls",
    }],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  });
  assert.ok(Array.isArray(events));
  assert.deepEqual(events.map((event: ModelEvent) => event._tag), ["TextDelta", "ToolCall", "Finished"]);
});

Deno.test("reading joins the text parts when content is a list", () => {
  const events = read(chunk({ content: [{ type: "text", text: "Hel" }, { type: "text", text: "lo" }] }), finish());
  assert.ok(Array.isArray(events));
  assert.deepEqual(events[0], { _tag: "TextDelta", text: "Hello" });
});

const failing: ReadonlyArray<readonly [string, string, ReadonlyArray<unknown>]> = [
  ["BadOutput", "there are no chunks", []],
  ["BadOutput", "an unknown reason ends an empty turn", [finish("because")]],
  ["BadOutput", "a chunk has the wrong shape", [{ choices: "none" }]],
  ["ConnectionLost", "there is no finish reason", [text("a")]],
  ["RateLimited", "an error in the stream is a rate limit", [{
    error: { message: "no", code: "rate_limit_exceeded" },
  }]],
  ["Unavailable", "an error in the stream has a status as its code", [{ error: { message: "bad", code: 502 } }]],
  ["Unavailable", "an error in the stream is a bare text", [{ error: "boom" }]],
];
for (const [tag, what, chunks] of failing) {
  Deno.test(`reading fails with ${tag} when ${what}`, () => {
    const reason = read(...chunks);
    assert.ok(!Array.isArray(reason) && "_tag" in reason);
    assert.equal(reason._tag, tag);
  });
}

const endings: ReadonlyArray<readonly [string | undefined, boolean, string]> = [
  [undefined, true, "Stop"],
  [undefined, false, "ConnectionLost"],
  ["eos_token", true, "Stop"],
  ["model_length", true, "OutputLimit"],
  ["sensitive", true, "ContentFilter"],
  ["error", true, "Unavailable"],
  ["insufficient_system_resource", true, "Unavailable"],
  ["because", true, "OutputLimit"],
];
for (const [reason, saidDone, expected] of endings) {
  const done = saidDone ? "said" : "did not say";
  Deno.test(`reading ends as ${expected} when text ends with ${reason} and the server ${done} that it is done`, () => {
    const events = readEnding(saidDone, text("Hello"), ...(reason === undefined ? [] : [finish(reason)]));
    const last = Array.isArray(events) ? events.at(-1) : undefined;
    assert.equal(Array.isArray(events) ? last?._tag === "Finished" && last.reason : events._tag, expected);
  });
}
