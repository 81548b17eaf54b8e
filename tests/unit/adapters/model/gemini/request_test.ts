import assert from "node:assert/strict";
import { Option, Result } from "effect";
import { foreignSignature, lower } from "../../../../../src/adapters/model/gemini/request.ts";
import { assistant, type Message, type Origin, user } from "../../../../../src/domain/Message.ts";
import type { ModelParameters, ModelRequest } from "../../../../../src/services/Model.ts";

const request = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  model: "gemini-3-flash",
  system: "",
  messages: [user("hi")],
  tools: [],
  parameters: {},
  ...more,
});
const lowered = (more: Partial<ModelRequest> = {}) => {
  const result = lower(request(more));
  if (Result.isFailure(result)) throw new Error(result.failure.detail);
  return result.success;
};
const gemini = (data: Origin["data"]): Origin => ({ provider: "gemini", data });
const call = (id: string, argumentsJson = "{}", origin?: Origin): Message => ({
  role: "assistant",
  parts: [{ _tag: "ToolCall", call: { id, name: "execute_bash", argumentsJson, ...(origin ? { origin } : {}) } }],
});
const result = (callId: string, content: string, isError = false): Message => ({
  role: "tool",
  callId,
  name: "execute_bash",
  content,
  isError,
});

Deno.test("lower returns signatures and ids verbatim when a turn was Gemini's own", () => {
  const { contents } = lowered({
    messages: [
      user("run it"),
      {
        role: "assistant",
        parts: [
          { _tag: "Reasoning", text: "unsigned thought" },
          { _tag: "Reasoning", text: "Hm", origin: gemini({ thoughtSignature: "c0==" }) },
          { _tag: "Text", text: "Running.", origin: gemini({ thoughtSignature: "c1==" }) },
          {
            _tag: "ToolCall",
            call: {
              id: "g1",
              name: "execute_bash",
              argumentsJson: '{"command":"ls"}',
              origin: gemini({ id: "g1", thoughtSignature: "c2==" }),
            },
          },
          { _tag: "ToolCall", call: { id: "made", name: "read_file", argumentsJson: "{}", origin: gemini({}) } },
        ],
      },
      result("g1", "a.txt"),
      { role: "tool", callId: "made", name: "read_file", content: "no such file", isError: true },
    ],
  });
  assert.deepEqual(contents, [
    { role: "user", parts: [{ text: "run it" }] },
    {
      role: "model",
      parts: [
        { text: "Hm", thought: true, thoughtSignature: "c0==" },
        { text: "Running.", thoughtSignature: "c1==" },
        { functionCall: { id: "g1", name: "execute_bash", args: { command: "ls" } }, thoughtSignature: "c2==" },
        { functionCall: { name: "read_file", args: {} } },
      ],
    },
    {
      role: "user",
      parts: [
        { functionResponse: { id: "g1", name: "execute_bash", response: { output: "a.txt" } } },
        { functionResponse: { name: "read_file", response: { error: "no such file" } } },
      ],
    },
  ]);
});

Deno.test("lower signs foreign calls with the sentinel when the model checks signatures", () => {
  const foreign: Origin = { provider: "anthropic", data: { id: "x", thoughtSignature: "theirs" } };
  const messages = [user("go"), call("toolu_1", "{}", foreign), result("toolu_1", "ok")];
  const [, newer] = lowered({ messages }).contents;
  assert.deepEqual(newer?.parts, [
    { functionCall: { name: "execute_bash", args: {} }, thoughtSignature: foreignSignature },
  ]);
  const [, older] = lowered({ messages, model: "gemini-2.0-flash-exp" }).contents;
  assert.deepEqual(older?.parts, [{ functionCall: { name: "execute_bash", args: {} } }]);
});

Deno.test("lower wraps arguments when a foreign model wrote malformed JSON", () => {
  const [, turn] = lowered({ messages: [user("go"), call("c", '{"command":'), result("c", "bad arguments", true)] })
    .contents;
  assert.deepEqual(turn?.parts[0]?.functionCall?.args, { malformed_arguments: '{"command":' });
});

Deno.test("lower drops contents when nothing of them is left", () => {
  const { contents } = lowered({
    messages: [
      user("a"),
      { role: "assistant", parts: [{ _tag: "Reasoning", text: "only" }] },
      assistant(""),
      user("b"),
    ],
  });
  assert.deepEqual(contents.map((content) => content.parts), [[{ text: "a" }], [{ text: "b" }]]);
});

Deno.test("lower shows images inline when a user message has some", () => {
  const { contents } = lowered({
    messages: [{
      role: "user",
      parts: [{ _tag: "Text", text: "what is it?" }, { _tag: "Image", mediaType: "image/png", base64: "AAAA" }],
    }],
  });
  assert.deepEqual(contents[0]?.parts, [
    { text: "what is it?" },
    { inlineData: { mimeType: "image/png", data: "AAAA" } },
  ]);
});

Deno.test("lower passes a tool's JSON Schema untouched when it declares tools", () => {
  const parameters = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false };
  const { functions } = lowered({ tools: [{ name: "t", description: "d", parameters }] });
  assert.deepEqual(functions, [{ name: "t", description: "d", parametersJsonSchema: parameters }]);
});

const tools = [{ name: "t", description: "", parameters: { type: "object" } }];
const choices: ReadonlyArray<readonly [NonNullable<ModelParameters["toolChoice"]>, unknown]> = [
  [{ _tag: "Auto" }, { mode: "AUTO" }],
  [{ _tag: "None" }, { mode: "NONE" }],
  [{ _tag: "Required" }, { mode: "ANY" }],
  [{ _tag: "Named", name: "t" }, { mode: "ANY", only: ["t"] }],
];
for (const [toolChoice, expected] of choices) {
  Deno.test(`lower sends the calling mode when the tool choice is ${toolChoice._tag}`, () => {
    assert.deepEqual(Option.getOrNull(lowered({ tools, parameters: { toolChoice } }).calling), expected);
  });
}

Deno.test("lower sends sampling and a schema when they are asked for", () => {
  const schema = { type: "object" };
  const { sampling, system } = lowered({
    system: "Be brief.",
    parameters: {
      temperature: 0.5,
      topP: 0.9,
      outputTokensMax: 100,
      stop: ["END"],
      seed: 7,
      responseFormat: { _tag: "JsonSchema", name: "n", schema, strict: true },
    },
  });
  assert.equal(Option.getOrNull(system), "Be brief.");
  assert.deepEqual(sampling, {
    temperature: 0.5,
    topP: 0.9,
    maxOutputTokens: 100,
    stopSequences: ["END"],
    seed: 7,
    responseMimeType: "application/json",
    responseJsonSchema: schema,
  });
});

const efforts: ReadonlyArray<readonly [string, ModelParameters["reasoningEffort"], unknown]> = [
  ["gemini-3-flash", undefined, {}],
  ["gemini-3-flash", "none", { level: "MINIMAL" }],
  ["gemini-flash-latest", "medium", { level: "MEDIUM" }],
  ["gemini-3-pro", "max", { level: "HIGH" }],
  ["gemini-2.5-pro", "low", { budget: 1024 }],
  ["gemini-2.5-flash", "none", { budget: 0 }],
  ["gemini-2.0-flash-exp", undefined, null],
  ["gemini-2.0-flash-exp", "none", null],
];
for (const [model, reasoningEffort, expected] of efforts) {
  Deno.test(`lower steers thinking when ${model} is asked for effort ${reasoningEffort}`, () => {
    const parameters = reasoningEffort === undefined ? {} : { reasoningEffort };
    assert.deepEqual(Option.getOrNull(lowered({ model, parameters }).thinking), expected);
  });
}

Deno.test("lower refuses when reasoning is asked of a model that has none", () => {
  const refused = lower(request({ model: "gemini-2.0-flash", parameters: { reasoningEffort: "high" } }));
  assert.ok(Result.isFailure(refused));
  assert.equal(refused.failure.reason._tag, "RequestRefused");
});
