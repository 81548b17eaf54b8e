import assert from "node:assert/strict";
import { Result } from "effect";
import { lower, type Traits, traitsByName } from "../../../../../src/adapters/model/anthropic/request.ts";
import { type Message, type Origin, user } from "../../../../../src/domain/Message.ts";
import type { ModelParameters, ModelRequest } from "../../../../../src/services/Model.ts";

const adaptive: Traits = { thinking: "adaptive", outputTokensMax: 64_000 };
const budget: Traits = { thinking: "budget", outputTokensMax: 32_000 };
const request = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  model: "claude-test",
  system: "",
  messages: [user("hi")],
  tools: [],
  parameters: {},
  ...more,
});
const lowered = (more: Partial<ModelRequest> = {}, traits = adaptive) => {
  const result = lower(request(more), traits);
  if (Result.isFailure(result)) throw new Error(result.failure.detail);
  return result.success;
};
const own = (data: Origin["data"]): Origin => ({ provider: "anthropic", data });
const called = (id: string, ...before: Extract<Message, { role: "assistant" }>["parts"]): Message => ({
  role: "assistant",
  parts: [...before, { _tag: "ToolCall", call: { id, name: "execute_bash", argumentsJson: '{"command":"ls"}' } }],
});
const result = (callId: string, content = "a.txt", isError = false): Message => ({
  role: "tool",
  callId,
  name: "execute_bash",
  content,
  isError,
});
const cache_control = { type: "ephemeral" };

Deno.test("lower returns thoughts with their signatures when they are its own, and no others", () => {
  const { messages } = lowered({
    messages: [
      user("go"),
      called(
        "toolu_1",
        { _tag: "Reasoning", text: "Hm", origin: own({ signature: "sig" }) },
        { _tag: "Reasoning", text: "", origin: own({ redacted: "xyz" }) },
        { _tag: "Reasoning", text: "theirs", origin: { provider: "gemini", data: { signature: "no" } } },
        { _tag: "Text", text: "Looking." },
      ),
      result("toolu_1"),
    ],
  });
  assert.deepEqual(messages, [
    { role: "user", content: [{ type: "text", text: "go", cache_control }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm", signature: "sig" },
        { type: "redacted_thinking", data: "xyz" },
        { type: "text", text: "Looking." },
        { type: "tool_use", id: "toolu_1", name: "execute_bash", input: { command: "ls" } },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "a.txt", cache_control }] },
  ]);
});

Deno.test("lower puts results and what the user then said into one message, results first", () => {
  const { messages } = lowered({
    messages: [user("go"), called("a"), result("a", "", true), user("and now?")],
  });
  assert.deepEqual(messages[2], {
    role: "user",
    content: [
      { type: "tool_result", tool_use_id: "a", is_error: true },
      { type: "text", text: "and now?", cache_control },
    ],
  });
});

Deno.test("lower changes another provider's id alike in call and result when the API would refuse it", () => {
  const sent = JSON.stringify(lowered({ messages: [user("go"), called("call:1.a"), result("call:1.a")] }).messages);
  assert.ok(!sent.includes("call:1.a"));
  assert.equal(sent.split("call_1_a").length - 1, 2);
});

Deno.test("lower asks for the usual output limit when the request names none, and never more than the model gives", () => {
  assert.equal(lowered().max_tokens, 32_000);
  assert.equal(lowered({}, { thinking: "none", outputTokensMax: 4096 }).max_tokens, 4096);
  assert.equal(lowered({ parameters: { outputTokensMax: 7 } }).max_tokens, 7);
});

const tools = [{ name: "t", description: "d", parameters: { type: "object", properties: {} } }];
const choices: ReadonlyArray<readonly [ModelParameters, unknown]> = [
  [{}, undefined],
  [{ toolChoice: { _tag: "Auto" } }, { type: "auto" }],
  [{ toolChoice: { _tag: "None" } }, { type: "none" }],
  [{ toolChoice: { _tag: "Required" }, parallelToolCalls: false }, { type: "any", disable_parallel_tool_use: true }],
  [{ toolChoice: { _tag: "Named", name: "t" } }, { type: "tool", name: "t" }],
  [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
];
for (const [parameters, expected] of choices) {
  Deno.test(`lower sends the tool choice when the parameters are ${JSON.stringify(parameters)}`, () => {
    assert.deepEqual(lowered({ tools, parameters }).tool_choice, expected);
  });
}

Deno.test("lower sends system, tools, stops and a schema, and no sampling, when they are given", () => {
  const schema = { type: "object" };
  const body = lowered({
    system: "Be brief.",
    tools,
    parameters: {
      temperature: 0.5,
      topP: 0.9,
      stop: ["END"],
      seed: 7,
      responseFormat: { _tag: "JsonSchema", name: "n", schema, strict: true },
    },
  });
  assert.deepEqual(body.system, [{ type: "text", text: "Be brief.", cache_control }]);
  assert.deepEqual(body.tools, [{ name: "t", description: "d", input_schema: { type: "object", properties: {} } }]);
  assert.deepEqual(body.output_config, { format: { type: "json_schema", schema } });
  assert.deepEqual(body.stop_sequences, ["END"]);
  for (const refused of ["temperature", "top_p", "seed"]) assert.ok(!(refused in body), refused);
});

Deno.test("lower asks for a JSON object in words when the API has no mode for it", () => {
  const { system, messages } = lowered({
    system: "Be brief.",
    messages: [user("go")],
    parameters: { responseFormat: { _tag: "JsonObject" } },
  });
  assert.deepEqual(system, [{ type: "text", text: "Be brief.", cache_control }]);
  assert.deepEqual(messages[0]?.content, [
    { type: "text", text: "go", cache_control },
    { type: "text", text: "Answer with a single JSON object and nothing else." },
  ]);
});

const efforts: ReadonlyArray<readonly [Traits, ModelParameters, unknown, unknown]> = [
  [adaptive, {}, undefined, undefined],
  [adaptive, { reasoningEffort: "none" }, { type: "disabled" }, undefined],
  [adaptive, { reasoningEffort: "minimal" }, { type: "adaptive", display: "summarized" }, { effort: "low" }],
  [budget, { reasoningEffort: "medium" }, { type: "enabled", budget_tokens: 8192 }, undefined],
  [budget, { reasoningEffort: "high", outputTokensMax: 2000 }, { type: "enabled", budget_tokens: 1999 }, undefined],
  [budget, { reasoningEffort: "high", outputTokensMax: 500 }, undefined, undefined],
];
for (const [traits, parameters, thinking, output_config] of efforts) {
  Deno.test(`lower steers ${traits.thinking} thinking when asked for ${JSON.stringify(parameters)}`, () => {
    const body = lowered({ parameters }, traits);
    assert.deepEqual([body.thinking, body.output_config], [thinking, output_config]);
  });
}

Deno.test("lower asks for no budget when the turn goes on after another provider's calls", () => {
  const messages = [user("go"), called("a"), result("a")];
  assert.equal(lowered({ messages, parameters: { reasoningEffort: "high" } }, budget).thinking, undefined);
});

Deno.test("lower refuses when the model cannot reason", () => {
  const traits: Traits = { thinking: "none", outputTokensMax: 4096 };
  const refused = lower(request({ parameters: { reasoningEffort: "high" } }), traits);
  assert.ok(Result.isFailure(refused));
  assert.equal(refused.failure.reason._tag, "RequestRefused");
});

Deno.test("lower tells in words of an image of a type that the provider refuses", () => {
  const { messages } = lowered({
    messages: [{ role: "user", parts: [{ _tag: "Image", mediaType: "image/tiff", base64: "AA" }] }],
  });
  assert.deepEqual(messages[0]?.content, [{
    type: "text",
    text: "(An image of type image/tiff, which this model cannot be shown.)",
    cache_control,
  }]);
});

const names: ReadonlyArray<readonly [string, Traits["thinking"]]> = [
  ["claude-3-haiku-20240307", "none"],
  ["claude-3-5-sonnet-latest", "none"],
  ["claude-3-7-sonnet-latest", "budget"],
  ["claude-sonnet-4-20250514", "budget"],
  ["claude-opus-4-5-20251101", "budget"],
  ["claude-opus-4-6", "adaptive"],
  ["claude-sonnet-5", "adaptive"],
];
for (const [model, thinking] of names) {
  Deno.test(`traitsByName takes ${model} for ${thinking}`, () => assert.equal(traitsByName(model).thinking, thinking));
}
