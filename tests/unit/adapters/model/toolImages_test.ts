import assert from "node:assert/strict";
import { Result } from "effect";
import { lower as lowerAnthropic, traitsByName } from "../../../../src/adapters/model/anthropic/request.ts";
import { lower as lowerGemini } from "../../../../src/adapters/model/gemini/request.ts";
import { lower as lowerOpenAi } from "../../../../src/adapters/model/openai/request.ts";
import { toolResultOf } from "../../../../src/adapters/toolbox/resultText.ts";
import * as Message from "../../../../src/domain/Message.ts";
import type { ModelRequest } from "../../../../src/services/Model.ts";
import { tinyPng } from "../../../support/tinyPng.ts";

const call = (id: string): Message.ToolCallPart => ({
  _tag: "ToolCall",
  call: { id, name: "view_image", argumentsJson: "{}" },
});
const result = (callId: string, images?: Message.ToolMessage["images"]): Message.ToolMessage => ({
  role: "tool",
  callId,
  name: "view_image",
  content: `result ${callId}`,
  isError: false,
  ...(images !== undefined && { images }),
});
const png = { path: "/workspace/a.png", mediaType: "image/png", base64: "QUJD" };

/** Two calls of one turn, the first of which shows an image and a thing that no provider reads. */
const request: ModelRequest = {
  model: "m",
  system: "",
  messages: [
    Message.user("look"),
    { role: "assistant", parts: [call("a"), call("b")] },
    result("a", [png, { mediaType: "text/html", base64: "QUJD" }]),
    result("b"),
  ],
  tools: [],
  parameters: {},
  principal: "p",
};

Deno.test("Anthropic is shown a tool's image inside its result", () => {
  const body = Result.getOrThrow(lowerAnthropic(request, traitsByName("m")));
  assert.deepEqual(body.messages.at(-1)?.content, [
    {
      type: "tool_result",
      tool_use_id: "a",
      content: [
        { type: "text", text: "result a\n(An image of type text/html, which this model cannot be shown.)" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "QUJD" } },
      ],
    },
    { type: "tool_result", tool_use_id: "b", content: "result b", cache_control: { type: "ephemeral" } },
  ]);
});

Deno.test("Gemini is shown a tool's image beside its response, in one content with all responses", () => {
  const { contents } = Result.getOrThrow(lowerGemini(request));
  assert.deepEqual(contents.at(-1)?.parts.map((part) => Object.keys(part)[0]), [
    "functionResponse",
    "inlineData",
    "functionResponse",
  ]);
});

Deno.test("OpenAI is shown a tool's image in a message after all results of the turn", () => {
  const { messages } = lowerOpenAi(request, { provider: "openai", limitField: "max_tokens", sampling: "openai" });
  assert.ok(Array.isArray(messages));
  assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "tool", "tool", "user"]);
  assert.deepEqual(messages.at(-1).content[1], {
    type: "image_url",
    image_url: { url: "data:image/png;base64,QUJD" },
  });
});

Deno.test("a session keeps nothing of what a tool of ours showed but its words, and all of what a client's did", () => {
  const execution = { startedAtMs: 1, durationMs: 2 };
  assert.deepEqual(Message.withoutContent({ ...result("a", [png]), execution }), { ...result("a"), execution });
  assert.deepEqual(Message.withoutContent(result("a", [png])), result("a", [png]));
});

Deno.test("toolResultOf passes on images of other servers within bounds, and names what is left out", () => {
  const image = (mimeType: string, data = tinyPng) => ({ type: "image" as const, mimeType, data });
  const { images, text } = toolResultOf({
    content: [
      { type: "text", text: "here" },
      ...Array.from({ length: 5 }, () => image("image/png")),
      image("image/svg+xml"),
      // A provider would refuse the whole request for it.
      image("image/png", tinyPng.slice(0, 60)),
      image("image/png", "A".repeat(6_000_000)),
    ],
  });
  assert.equal(images?.length, 4);
  assert.deepEqual(text.split("\n"), [
    "here",
    "[image image/png, 96 base64 characters]",
    "[image image/svg+xml, 96 base64 characters]",
    "[image image/png, 60 base64 characters]",
    "[image image/png, 6000000 base64 characters]",
  ]);
});
