/**
 * Thoughts that a client carries: what it sends back reaches the provider as if it had been stored here, and what was
 * altered is refused by name.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option, Redacted } from "effect";
import * as Models from "../../src/adapters/model/Configured.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import * as anthropic from "../support/anthropicWire.ts";
import { type App, withApp } from "../support/app.ts";
import * as gemini from "../support/geminiWire.ts";
import { it } from "../support/it.ts";
import * as openai from "../support/openaiWire.ts";
import { served } from "../support/served.ts";
import { type Reply, serveWire } from "../support/wireServer.ts";

type Json = Record<string, unknown>;

const key = Option.some(Redacted.make("k"));
const weather = { type: "function", name: "get_weather", parameters: { type: "object", properties: {} } };
const include = ["reasoning.encrypted_content"];

const providers: ReadonlyArray<{
  readonly name: string;
  readonly model: string;
  readonly first: Reply;
  readonly second: Reply;
  readonly settings: (url: string) => Partial<SettingsService>;
}> = [
  {
    name: "Anthropic",
    model: "claude-sonnet-5",
    first: anthropic.turn(
      ...anthropic.thinking(0, "c2lnbmF0dXJl", "Let me ", "think."),
      ...anthropic.block(1, { type: "redacted_thinking", data: "c2VjcmV0" }),
      ...anthropic.text(2, "I ask."),
      ...anthropic.toolUse(3, "toolu_1", "get_weather", "{}"),
      ...anthropic.stop("tool_use"),
    ),
    second: anthropic.turn(...anthropic.text(0, "Sunny."), ...anthropic.stop()),
    settings: (url) => ({ anthropicApiKey: key, anthropicBaseUrl: Option.some(url) }),
  },
  {
    name: "Gemini",
    model: "gemini-flash-latest",
    first: gemini.turn(
      gemini.chunk(gemini.thought("Let me think.")),
      gemini.chunk(gemini.functionCall("get_weather", {}, { thoughtSignature: "c2lnbmF0dXJl" })),
      gemini.finish(),
    ),
    second: gemini.turn(gemini.chunk(gemini.text("Sunny.")), gemini.finish()),
    settings: (url) => ({ geminiApiKey: key, geminiBaseUrl: Option.some(url) }),
  },
  {
    name: "an OpenAI-compatible server",
    model: "gpt-test",
    first: openai.turn(
      openai.chunk({ reasoning_content: "Let me think." }),
      openai.chunk({
        tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "get_weather", arguments: "{}" } }],
      }),
      openai.finish("tool_calls"),
    ),
    second: openai.turn(openai.text("Sunny."), openai.finish("stop")),
    settings: (url) => ({ openaiApiKey: key, openaiBaseUrl: Option.some(url) }),
  },
];

for (const { name, model, first, second, settings } of providers) {
  it.live(`${name} is sent what the client carries exactly as what is stored`, () =>
    Effect.gen(function* () {
      let turns = 0;
      const upstream = yield* serveWire(({ method }) =>
        method === "GET" ? { status: 404, body: ["no list"] } : turns++ % 2 === 0 ? first : second
      );
      const url = yield* served({
        model: Models.layer.pipe(Layer.provide(Settings.layerWith(settings(upstream.url))), Layer.orDie),
      });
      const ask = (body: Json) =>
        Effect.promise(async () => {
          const response = await fetch(`${url}/v1/responses`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model, tools: [weather], ...body }),
          });
          const answered = await response.json();
          assert.equal(response.status, 200, JSON.stringify(answered));
          return answered;
        });
      const answerOf = (response: { readonly output: ReadonlyArray<Json> }) => ({
        type: "function_call_output",
        call_id: response.output.find(({ type }) => type === "function_call")?.["call_id"],
        output: "sunny",
      });
      const input = [{ role: "user", content: "Weather?" }];
      const stored = yield* ask({ input });
      yield* ask({ input: [answerOf(stored)], previous_response_id: stored.id });
      const carried = yield* ask({ input, include, store: false });
      assert.ok(carried.output.some(({ encrypted_content }: Json) => typeof encrypted_content === "string"));
      assert.ok(!JSON.stringify(carried).includes("c2lnbmF0dXJl"), "nothing of the provider's is readable");
      yield* ask({ input: [...input, ...carried.output, answerOf(carried)], include, store: false });
      const bodies = upstream.received.filter(({ method }) => method === "POST").map(({ body }) => body);
      assert.equal(bodies.length, 4);
      // Ids of calls that a provider does not give are ours, and made anew.
      const plain = (body: unknown) => JSON.stringify(body).replaceAll(/call-?_?[A-Za-z0-9_-]{8,}/g, "call");
      assert.equal(plain(bodies[3]), plain(bodies[1]));
    }));
}

const thinking: Scripted.Step = [
  { _tag: "ReasoningDelta", text: "Hm." },
  { _tag: "ReasoningDelta", text: "", origin: { provider: "scripted", data: { signature: "s1" } } },
  { _tag: "ReasoningDelta", text: "", origin: { provider: "scripted", data: { redacted: "r1" } } },
  Scripted.text("Hello."),
  Scripted.finished(),
];

const post = (app: App, body: Json, user = "ada") =>
  app.send(
    new Request("http://caisson.test/v1/responses", {
      method: "POST",
      headers: { "content-type": "application/json", "x-user-id": user },
      body: JSON.stringify(body),
    }),
  );

Deno.test("thoughts are sealed where they are asked for, the same way in every telling", () =>
  withApp({ steps: [thinking, thinking] }, async (app) => {
    const text = await (await post(app, { input: "Hi", include, stream: true })).text();
    const events = text.split("\n\n").filter((frame) => frame !== "").map((frame) =>
      JSON.parse(frame.slice(frame.indexOf("data: ") + 6))
    );
    const { response } = events.at(-1);
    assert.deepEqual(response.output.map(({ type }: Json) => type), ["reasoning", "message"]);
    assert.match(response.output[0].encrypted_content, /^caisson1\.[0-9a-f]{16}\./);
    const headers = { "x-user-id": "ada" };
    assert.deepEqual(await (await app.get(`/v1/responses/${response.id}`, headers)).json(), response);
    assert.equal(await (await app.get(`/v1/responses/${response.id}?stream=true`, headers)).text(), text);
    const plain = await (await post(app, { input: "Hi" })).json();
    assert.deepEqual(plain.output.map((item: Json) => "encrypted_content" in item), [false, false]);
  }));

Deno.test("what was altered, or is another user's, is refused by name; what is foreign is passed over", () =>
  withApp({ steps: [thinking, Scripted.answers("One."), Scripted.answers("Two.")] }, async (app) => {
    const { output } = await (await post(app, { input: "Hi", include, store: false })).json();
    const [thought, message] = output;
    const sealed: string = thought.encrypted_content;
    const again = (encrypted_content: unknown, user?: string) =>
      post(app, {
        input: [{ role: "user", content: "Hi" }, { ...thought, encrypted_content }, message, {
          role: "user",
          content: "And?",
        }],
        store: false,
      }, user);
    const at = sealed.length - 5;
    const other = sealed[at] === "A" ? "B" : "A";
    const altered = [
      sealed.slice(0, at) + other + sealed.slice(at + 1),
      sealed.slice(0, -8),
      sealed.slice(0, 26),
      `${sealed}AAAA`,
    ];
    for (const each of altered) {
      const { error } = await (await again(each)).json();
      assert.deepEqual([error.param, error.code], ["input[1].encrypted_content", "invalid_encrypted_content"]);
      assert.ok(error.message.includes(thought.id));
    }
    assert.equal((await again(sealed, "bob")).status, 400);
    assert.equal((await again("gAAAAABforeign")).status, 200);
    assert.equal((await again(sealed)).status, 200);
  }));
