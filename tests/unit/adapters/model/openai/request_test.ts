import assert from "node:assert/strict";
import { type Flavour, lower } from "../../../../../src/adapters/model/openai/request.ts";
import { type Message, user } from "../../../../../src/domain/Message.ts";
import type { ModelRequest } from "../../../../../src/services/Model.ts";

const flavour: Flavour = { provider: "openai", limitField: "max_tokens", sampling: "openai-compatible" };
const request = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  model: "m",
  system: "",
  messages: [user("hi")],
  tools: [],
  parameters: {},
  ...more,
});
const thinking = (text: string, provider = "openai"): Message => ({
  role: "assistant",
  parts: [
    { _tag: "Reasoning", text, origin: { provider, data: { field: "reasoning_content" } } },
    {
      _tag: "ToolCall",
      call: {
        id: "c1",
        name: "execute_bash",
        argumentsJson: '{"command":"ls"}',
        origin: { provider, data: { extra_content: { google: { thought_signature: "s" } } } },
      },
    },
  ],
});
const result: Message = { role: "tool", callId: "c1", name: "execute_bash", content: "a.txt", isError: false };
const call = { id: "c1", type: "function", function: { name: "execute_bash", arguments: '{"command":"ls"}' } };

Deno.test("lower writes the whole conversation when a turn called tools", () => {
  assert.deepEqual(lower(request({ system: "Be brief.", messages: [user("go"), thinking("Hm"), result] }), flavour), {
    model: "m",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: null,
        reasoning_content: "Hm",
        tool_calls: [{ ...call, extra_content: { google: { thought_signature: "s" } } }],
      },
      { role: "tool", tool_call_id: "c1", content: "a.txt" },
    ],
    stream: true,
    stream_options: { include_usage: true },
  });
});

Deno.test("lower keeps reasoning back when the turn is over or another provider's", () => {
  const [, over] = messages(request({ messages: [user("go"), thinking("Hm"), result, user("again")] }));
  assert.ok(!("reasoning_content" in over));
  const [, foreign] = messages(request({ messages: [user("go"), thinking("Hm", "gemini"), result] }));
  assert.deepEqual(foreign, { role: "assistant", content: null, tool_calls: [call] });
});

Deno.test("lower sends images as data URLs when a user message has some", () => {
  const [first] = messages(request({
    messages: [{
      role: "user",
      parts: [{ _tag: "Text", text: "what?" }, { _tag: "Image", mediaType: "image/png", base64: "AAAA" }],
    }],
  }));
  assert.deepEqual(first["content"], [
    { type: "text", text: "what?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
  ]);
});

Deno.test("lower sends tools and every wish when they are given", () => {
  const parameters = { type: "object" };
  const schema = { type: "object" };
  const body = lower(
    request({
      tools: [{ name: "t", description: "d", parameters }],
      parameters: {
        temperature: 0.5,
        topP: 0.9,
        outputTokensMax: 100,
        stop: ["END"],
        seed: 7,
        reasoningEffort: "low",
        toolChoice: { _tag: "Named", name: "t" },
        parallelToolCalls: false,
        responseFormat: { _tag: "JsonSchema", name: "n", schema, strict: true },
      },
    }),
    { ...flavour, limitField: "max_completion_tokens", sampling: "openai" },
  );
  const { model: _model, messages: _messages, stream: _stream, stream_options: _options, ...rest } = body;
  assert.deepEqual(rest, {
    tools: [{ type: "function", function: { name: "t", description: "d", parameters } }],
    tool_choice: { type: "function", function: { name: "t" } },
    parallel_tool_calls: false,
    response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } },
    temperature: 0.5,
    top_p: 0.9,
    max_completion_tokens: 100,
    stop: ["END"],
    seed: 7,
    reasoning_effort: "low",
  });
});

function messages(from: ModelRequest) {
  const lowered = lower(from, flavour)["messages"];
  assert.ok(Array.isArray(lowered));
  return lowered;
}
