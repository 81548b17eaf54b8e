import assert from "node:assert/strict";
import { Effect, Exit, Schema } from "effect";
import { chatPastBound, contradictionIn } from "../../../../src/http/openai/bounds.ts";
import { leftOut } from "../../../../src/http/openai/chat/leftOut.ts";
import { refusedParameter } from "../../../../src/http/openai/chat/parameters.ts";
import { isPlain } from "../../../../src/http/openai/chat/plainChat.ts";
import { ChatRequest, userMax } from "../../../../src/http/openai/chat/wire.ts";
import { decodeRequest } from "../../../../src/http/openai/decode.ts";
import { it } from "../../../support/it.ts";

const user = { role: "user", content: "hi" };
const messages = [{ role: "system", content: "" }, { role: "developer", content: "a" }, user];
const answered = [user, { role: "assistant", content: "b" }, user];
const longest = "u".repeat(userMax);

const plain: ReadonlyArray<Readonly<Record<string, unknown>>> = [
  { messages },
  { messages: answered, model: "gpt-bench", stream: true, user: longest },
  { user: "", stream: false, model: "", messages: [user] },
];

const others: ReadonlyArray<Readonly<Record<string, unknown>>> = [
  {},
  { model: "m" },
  { messages: [] },
  { messages: {} },
  { messages: "hi" },
  { messages: [null] },
  { messages: ["hi"] },
  { messages: [[user]] },
  { messages: [{ role: "user" }] },
  { messages: [{ content: "hi" }] },
  { messages: [{ role: "user", name: "ada" }] },
  { messages: [{ ...user, name: "ada" }] },
  { messages: [{ ...user, surplus: 1 }] },
  { messages: [{ role: "user", content: null }] },
  { messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }] },
  { messages: [{ role: "tool", content: "hi" }] },
  { messages: [{ role: "tool", content: "hi", tool_call_id: "1" }] },
  { messages: [{ role: "somebody", content: "hi" }] },
  { messages: [user, 1] },
  { messages, model: null },
  { messages, model: 1 },
  { messages, stream: "true" },
  { messages, stream: null },
  { messages, user: `${longest}u` },
  { messages, user: 5 },
  { messages, temperature: 1 },
  { messages, n: 1 },
  { messages, n: 2 },
  { messages, stream_options: { include_usage: true } },
  { messages, unheard_of: true },
  { messages, "__proto__x": 1 },
];

for (const body of plain) {
  it.effect(`a plain request is decoded to what the schema makes of it: ${Object.keys(body)}`, () =>
    Effect.gen(function* () {
      assert.ok(isPlain(body));
      for (const refusal of [refusedParameter, chatPastBound, contradictionIn]) assert.equal(refusal(body), undefined);
      const decoded = yield* decodeRequest(JSON.stringify(body));
      assert.deepEqual(decoded.body, yield* Schema.decodeUnknownEffect(ChatRequest)(body));
      assert.deepEqual(decoded.leftOut, leftOut(body));
    }));
}

for (const body of others) {
  it.effect(`a request that is not plain is left to the schema: ${JSON.stringify(body).slice(0, 90)}`, () =>
    Effect.gen(function* () {
      assert.ok(!isPlain(body));
      const decoded = yield* Effect.exit(decodeRequest(JSON.stringify(body)));
      const bySchema = yield* Effect.exit(Schema.decodeUnknownEffect(ChatRequest)(body));
      if (Exit.isSuccess(decoded)) assert.deepEqual(bySchema, Exit.succeed(decoded.value.body));
    }));
}

it.effect("keys that a prototype has are seen: they are a request's own in JSON", () =>
  Effect.gen(function* () {
    const body = JSON.parse('{"messages":[{"role":"user","content":"hi","__proto__":1}],"__proto__":{"model":1}}');
    assert.ok(!isPlain(body));
    assert.equal((yield* Effect.exit(decodeRequest(JSON.stringify(body))))._tag, "Failure");
  }));
