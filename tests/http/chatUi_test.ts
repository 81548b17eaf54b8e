import assert from "node:assert/strict";
import { Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { captured } from "../fixtures/backgroundRequests.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

const title = captured[0]?.messages[0] ?? assert.fail();

const chatHeaders = { "x-openwebui-chat-id": "chat-1", "x-openwebui-user-id": "ann" };

const recording = () => {
  const seen: Array<ModelRequest> = [];
  const step: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text(`answer ${seen.length}`), Scripted.finished()];
  };
  return { seen, steps: [step, step, step, step] };
};

for (
  const [how, headers, message] of [
    ["its header", { "x-openwebui-task": "title_generation" }, { role: "user", content: "Name this chat" }],
    ["its prompt", {}, title],
  ] as const
) {
  Deno.test(`a chat UI's background task, known by ${how}, gets no tools, no sandbox and no place in the session`, () => {
    const { seen, steps } = recording();
    const sandbox = fakeSandbox();
    return withApp({ steps, sandbox }, async (app) => {
      await app.chat({ messages: [{ role: "user", content: "hi" }] }, chatHeaders);
      const task = await app.chat({ messages: [message] }, { ...chatHeaders, ...headers });
      assert.equal((await task.json()).choices[0].message.content, "answer 2");
      assert.deepEqual(seen[1]?.tools, []);
      assert.equal(seen[1]?.messages.length, 1);
      await app.chat({
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", content: "answer 1" },
          { role: "user", content: "more" },
        ],
      }, chatHeaders);
      assert.deepEqual(seen[2]?.messages.map((each) => each.role), ["user", "assistant", "user"]);
      assert.equal(sandbox.opened.length, 0);
    });
  });
}

Deno.test("a header template that the chat UI did not fill counts as absent", () => {
  const { seen, steps } = recording();
  return withApp({ steps }, async (app) => {
    const response = await app.chat({ messages: [{ role: "user", content: "hi" }] }, {
      "x-openwebui-task": "{{TASK}}",
      "x-openwebui-chat-id": "{{CHAT_ID}}",
    });
    assert.equal(response.status, 200);
    assert.ok((seen[0]?.tools.length ?? 0) > 0);
  });
});

Deno.test("a chat UI's user is one user of the key, and two of them share nothing", () => {
  const { seen, steps } = recording();
  const authorization = "Bearer 0123456789abcdef0123456789abcdef";
  const settings = { apiKeys: Option.some(Redacted.make("ui:0123456789abcdef0123456789abcdef")) };
  return withApp({ steps, settings }, async (app) => {
    const ask = (user: string) =>
      app.chat({ messages: [{ role: "user", content: "hi" }] }, { authorization, "x-openwebui-user-id": user });
    await ask("ann");
    await ask("bob");
    await ask("ann");
    assert.deepEqual(seen.map((request) => request.messages.length), [1, 1, 3]);
  });
});

Deno.test("the model's name chooses the view, and /v1/models lists the names that do", () =>
  withApp({
    steps: [
      Scripted.calls(Scripted.toolCall("c", "execute_bash", { command: "true" })),
      Scripted.answers("done"),
    ],
  }, async (app) => {
    const { data } = await (await app.get("/v1/models")).json();
    const ids = data.map((model: { id: string }) => model.id);
    assert.deepEqual(ids, [
      "scripted",
      "scripted:tool_calls",
      "scripted:reasoning",
      "scripted:details",
      "scripted:none",
    ]);
    const answer = await (await app.chat({ model: "scripted:details", messages: [{ role: "user", content: "go" }] }))
      .json();
    assert.equal(answer.model, "scripted:details");
    assert.match(answer.choices[0].message.content, /<details id="[\w-]+" type="tool_calls" done="true"/);
  }));
