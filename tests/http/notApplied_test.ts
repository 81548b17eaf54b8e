/**
 * Sampling parameters that everyday chat interfaces send: passed to the providers that take them, else
 * named in a header while the request goes on.
 */
import assert from "node:assert/strict";
import * as Offline from "../../src/adapters/model/Offline.ts";
import { withApp } from "../support/app.ts";
import { Result } from "effect";
import { lower as lowerAnthropic, traitsByName } from "../../src/adapters/model/anthropic/request.ts";
import { lower as lowerGemini } from "../../src/adapters/model/gemini/request.ts";
import { lower as lowerOpenAi } from "../../src/adapters/model/openai/request.ts";
import { user } from "../../src/domain/Message.ts";
import type { SamplingParameters } from "../../src/services/Model.ts";

const messages = [{ role: "user", content: "Hello" }];
const wishes = {
  temperature: 0.5,
  top_k: 40,
  min_p: 0.1,
  frequency_penalty: 0.5,
  presence_penalty: 0.5,
  repetition_penalty: 1.1,
  chat_template_kwargs: { enable_thinking: false },
  verbosity: "low",
  store: true,
};
const parameters: SamplingParameters = {
  temperature: 0.5,
  topK: 40,
  minP: 0.1,
  frequencyPenalty: 0.5,
  presencePenalty: 0.5,
  repetitionPenalty: 1.1,
  chatTemplateArguments: { enable_thinking: false },
  verbosity: "low",
  store: true,
};

for (const stream of [false, true]) {
  Deno.test(`POST /v1/chat/completions names what the model does not take and goes on when stream is ${stream}`, () =>
    withApp({ model: Offline.layer }, async (app) => {
      const response = await app.chat({ messages, stream, ...wishes });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-caisson-not-applied"), Object.keys(wishes).join(", "));
      await response.text();
    }));
}

Deno.test("POST /v1/chat/completions names nothing when the values change nothing", () =>
  withApp({ model: Offline.layer }, async (app) => {
    const neutral = { temperature: 1, frequency_penalty: 0, store: false, verbosity: "medium", top_k: 0 };
    const response = await app.chat({ messages, ...neutral });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-caisson-not-applied"), null);
    await response.text();
  }));

/** Parts of what each provider is sent. */
const sent = (model: string) => ({ model, system: "", messages: [user("Hello")], tools: [], parameters });
const picked = (body: object, names: ReadonlyArray<string>) =>
  Object.fromEntries(Object.entries(body).filter(([name]) => names.includes(name)));

Deno.test("lower passes the sampling parameters that each provider takes, and no others", () => {
  const names = Object.keys(wishes);
  const flavour = { provider: "openai", limitField: "max_tokens" } as const;
  const { store: _store, ...compatible } = wishes;
  assert.deepEqual(
    picked(lowerOpenAi(sent("qwen"), { ...flavour, sampling: "openai-compatible" }), names),
    compatible,
  );
  const { top_k: _k, min_p: _p, repetition_penalty: _r, chat_template_kwargs: _c, ...openai } = wishes;
  assert.deepEqual(picked(lowerOpenAi(sent("gpt-5"), { ...flavour, sampling: "openai" }), names), openai);
  assert.deepEqual(Result.getOrThrow(lowerGemini(sent("gemini-flash-latest"))).sampling, {
    temperature: 0.5,
    topK: 40,
  });
  assert.deepEqual(Result.getOrThrow(lowerGemini(sent("gemini-2.0-flash-exp"))).sampling, {
    temperature: 0.5,
    topK: 40,
    frequencyPenalty: 0.5,
    presencePenalty: 0.5,
  });
  const anthropic = Result.getOrThrow(lowerAnthropic(sent("claude-sonnet-4-6"), traitsByName("claude-sonnet-4-6")));
  assert.deepEqual(picked(anthropic, names), {});
});

Deno.test("strict of a function reaches the providers that know it, and is named where the model's does not", async () => {
  const tools = [
    { name: "exact", description: "", parameters: { type: "object" }, strict: true },
    { name: "loose", description: "", parameters: { type: "object" } },
  ];
  for (const sampling of ["openai", "openai-compatible"] as const) {
    const body = lowerOpenAi({ ...sent("m"), tools }, { provider: "openai", limitField: "max_tokens", sampling });
    const lowered: unknown = body["tools"];
    assert.deepEqual(lowered, [
      { type: "function", function: tools[0] },
      { type: "function", function: tools[1] },
    ]);
  }
  assert.doesNotMatch(JSON.stringify(Result.getOrThrow(lowerGemini({ ...sent("gemini-2.5-pro"), tools }))), /strict/);
  const anthropic = lowerAnthropic({ ...sent("claude-sonnet-4-6"), tools }, traitsByName("claude-sonnet-4-6"));
  assert.doesNotMatch(JSON.stringify(Result.getOrThrow(anthropic)), /strict/);

  await withApp({ model: Offline.layer }, async (app) => {
    const declared = (strict: boolean | null) => ({ name: "find", parameters: { type: "object" }, strict });
    const chat = (strict: boolean | null) =>
      app.chat({ messages, tools: [{ type: "function", function: declared(strict) }] });
    const respond = (tools: ReadonlyArray<unknown>) =>
      app.send(
        new Request("http://caisson.test/v1/responses", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ input: "Hello", tools }),
        }),
      );
    const named = async (answer: Promise<Response>) => {
      const response = await answer;
      assert.equal(response.status, 200);
      await response.text();
      return response.headers.get("x-caisson-not-applied");
    };
    const strict = { type: "function", ...declared(true) };
    assert.equal(await named(chat(true)), "tools[function].function.strict");
    assert.equal(await named(respond([strict])), "tools[function].strict");
    assert.equal(
      await named(respond([{ type: "namespace", name: "n", tools: [strict] }])),
      "tools[namespace].tools[function].strict",
    );
    for (const loose of [false, null]) {
      assert.equal(await named(chat(loose)), null);
      assert.equal(await named(respond([{ type: "function", ...declared(loose) }])), null);
    }
  });
});
