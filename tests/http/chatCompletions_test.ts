import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { withApp } from "../support/app.ts";
import { contentOf, finishesOf, readStream } from "../support/sse.ts";

const hello = { messages: [{ role: "user", content: "hi" }] };

const twoTurns = [
  Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "echo 1" })),
  Scripted.answers("Hel", "lo"),
];

Deno.test("POST /v1/chat/completions answers with one completion when it does not stream", () =>
  withApp({ steps: [Scripted.answers("Hel", "lo")] }, async (app) => {
    const response = await app.chat(hello);
    assert.equal(response.status, 200);
    const { id, created, ...rest } = await response.json();
    assert.match(id, /^chatcmpl-/);
    assert.ok(Number.isInteger(created));
    assert.deepEqual(rest, {
      object: "chat.completion",
      model: "scripted",
      system_fingerprint: "fp_caisson_0.1.0",
      choices: [{
        index: 0,
        message: { role: "assistant", content: "Hello", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      }],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    });
  }));

Deno.test("POST /v1/chat/completions streams chunks of one id with one role, one finish and usage last", () =>
  withApp({ steps: twoTurns }, async (app) => {
    const response = await app.chat({ ...hello, stream: true, stream_options: { include_usage: true } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const read = readStream(await response.text());
    assert.equal(new Set(read.chunks.map((chunk) => `${chunk.id} ${chunk.created}`)).size, 1);
    assert.deepEqual(read.chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.delta.role ?? [])), [
      "assistant",
    ]);
    assert.deepEqual(read.chunks[0]?.choices[0]?.delta, { role: "assistant", content: "" });
    assert.deepEqual(finishesOf(read), ["stop"]);
    assert.equal(
      contentOf(read).replaceAll(/\[\/\/\]: # \(caisson:(call|result) [\w-]+\)\n\n/g, ""),
      "\n\n```bash\necho 1\n```\n\n\n\n```text\nran: echo 1\n```\n\nHello",
    );
    assert.deepEqual(read.chunks.at(-1)?.choices, []);
    assert.equal(read.chunks.at(-1)?.usage?.total_tokens, 30);
    assert.ok(read.chunks.slice(0, -1).every((chunk) => chunk.usage === null));
    assert.ok(read.done);
  }));

Deno.test("POST /v1/chat/completions sends no usage when it was not asked for", () =>
  withApp({ steps: [Scripted.answers("Hello")] }, async (app) => {
    const read = readStream(await (await app.chat({ ...hello, stream: true })).text());
    assert.ok(read.chunks.every((chunk) => !Object.hasOwn(chunk, "usage") && chunk.choices.length === 1));
  }));
