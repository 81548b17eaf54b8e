/**
 * Values with which clients say that they want none of a parameter: a provider is asked as if it were not there, or the
 * request is refused by the parameter's name before anything runs.
 */
import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelParameters } from "../../src/services/Model.ts";
import { withApp } from "../support/app.ts";

const doors = {
  "/v1/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/v1/responses": { input: "hi" },
};
type Door = keyof typeof doors;

/** What a body of these fields comes to: its status, the `param` of a refusal, and what the model was asked. */
const ask = async (door: Door, fields: Readonly<Record<string, unknown>>) => {
  const asked: Array<ModelParameters> = [];
  const step: Scripted.Step = ({ parameters }) => {
    asked.push(parameters);
    return [Scripted.text("hello"), Scripted.finished()];
  };
  let answer = { status: 0, param: null, text: "" };
  await withApp({ steps: [step] }, async (app) => {
    const response = await app.send(
      new Request(`http://caisson.test${door}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...doors[door], ...fields }),
      }),
    );
    const body = await response.json();
    answer = { status: response.status, param: body.error?.param ?? null, text: body.error?.message ?? "" };
  });
  return { ...answer, parameters: asked[0] };
};

const off: Readonly<Record<Door, ReadonlyArray<Readonly<Record<string, unknown>>>>> = {
  "/v1/chat/completions": [
    { stop: [] },
    { stop: "" },
    { stop: [""] },
    { stop: ["", ""] },
    { top_k: 0 },
    { top_k: -1 },
    { max_tokens: -1 },
    { max_completion_tokens: -1 },
    { tools: [] },
    { functions: [] },
    { logit_bias: {} },
    { n: 1 },
    { logprobs: false },
    { top_logprobs: 0 },
    { metadata: {} },
    ...[
      "stop",
      "top_k",
      "top_p",
      "min_p",
      "temperature",
      "seed",
      "max_tokens",
      "max_completion_tokens",
      "frequency_penalty",
      "presence_penalty",
      "repetition_penalty",
      "chat_template_kwargs",
      "verbosity",
      "store",
      "reasoning_effort",
      "response_format",
      "tools",
      "tool_choice",
      "parallel_tool_calls",
      "logit_bias",
      "n",
      "user",
      "metadata",
      "stream",
      "stream_options",
      "audio",
      "prediction",
      "unheard_of",
    ].map((name) => ({ [name]: null })),
  ],
  "/v1/responses": [
    { max_output_tokens: -1 },
    { tools: [] },
    { include: [] },
    { metadata: {} },
    { reasoning: {} },
    { reasoning: { effort: null } },
    { text: {} },
    { text: { format: null, verbosity: null } },
    { top_logprobs: 0 },
    ...[
      "top_p",
      "temperature",
      "max_output_tokens",
      "max_tool_calls",
      "reasoning",
      "text",
      "tools",
      "tool_choice",
      "parallel_tool_calls",
      "include",
      "user",
      "metadata",
      "stream",
      "prompt",
      "moderation",
      "conversation",
      "previous_response_id",
      "unheard_of",
    ].map((name) => ({ [name]: null })),
  ],
};

const wrong: Readonly<Record<Door, ReadonlyArray<readonly [field: string, value: unknown]>>> = {
  "/v1/chat/completions": [
    ["top_k", -2],
    ["top_k", 1.5],
    ["top_p", -1],
    ["top_p", 2],
    ["min_p", -1],
    ["repetition_penalty", 0],
    ["repetition_penalty", -1],
    ["max_tokens", 0],
    ["max_tokens", -2],
    ["max_completion_tokens", 0],
    ["temperature", -1],
    ["stop", ["a", 1]],
    ["stop", {}],
    ["reasoning_effort", ""],
    ["response_format", ""],
    ["tool_choice", ""],
  ],
  "/v1/responses": [
    ["max_output_tokens", 0],
    ["max_output_tokens", -2],
    ["max_tool_calls", -1],
    ["top_p", -1],
    ["temperature", -1],
    ["tool_choice", ""],
    ["top_logprobs", 1],
  ],
};

for (const door of ["/v1/chat/completions", "/v1/responses"] as const) {
  Deno.test(`POST ${door} asks the model as without a parameter when its value means that it is off`, async () => {
    const plain = await ask(door, {});
    assert.equal(plain.status, 200);
    for (const fields of off[door]) {
      const seen = await ask(door, fields);
      assert.deepEqual(
        [seen.status, seen.parameters],
        [200, plain.parameters],
        `${JSON.stringify(fields)} ${seen.text}`,
      );
    }
  });

  Deno.test(`POST ${door} refuses by its name what no provider takes, before anything runs`, async () => {
    for (const [field, value] of wrong[door]) {
      const { status, param, parameters, text } = await ask(door, { [field]: value });
      const named = String(param).split(".")[0];
      assert.deepEqual([status, named, parameters], [400, field, undefined], `${field}: ${JSON.stringify(value)}`);
      assert.ok(text.includes(`'${param}'`), text);
    }
  });
}

Deno.test("POST /v1/chat/completions leaves out the empty texts among those that end an answer", async () => {
  const { parameters } = await ask("/v1/chat/completions", { stop: ["", "END"] });
  assert.deepEqual(parameters?.stop, ["END"]);
});
