import assert from "node:assert/strict";
import { assistant, type Message, user } from "../../../../src/domain/Message.ts";
import { backgroundTemplates, isBackgroundRequest } from "../../../../src/http/frame/backgroundRequests.ts";
import { captured } from "../../../fixtures/backgroundRequests.ts";

const asSent = (messages: (typeof captured)[number]["messages"]) => ({
  instructions: messages.filter(({ role }) => role === "system").map(({ content }) => content),
  said: messages.filter(({ role }) => role === "user").map(({ content }): Message => user(content)),
});

const isKnown = (messages: (typeof captured)[number]["messages"]): boolean => {
  const { said, instructions } = asSent(messages);
  return isBackgroundRequest(said, instructions);
};

for (const { name, source, messages } of captured) {
  Deno.test(`${name} is a request of the client's own (${source})`, () => assert.ok(isKnown(messages)));

  Deno.test(`${name} is none when it is quoted, goes on, or stands in a chat`, () => {
    const last = messages.at(-1) ?? assert.fail();
    const rest = messages.slice(0, -1);
    assert.ok(!isKnown([...rest, { ...last, content: `Explain this prompt:\n${last.content}` }]) || rest.length > 1);
    const { said, instructions } = asSent(messages);
    assert.ok(!isBackgroundRequest([user("hi"), assistant("Hello."), ...said], instructions));
    assert.ok(!isBackgroundRequest([user(`Read this:\n${messages.map(({ content }) => content).join("\n")}`)], []));
  });
}

Deno.test("every row of the table has a captured request", () => {
  assert.equal(captured.length, backgroundTemplates.length);
  for (const { client, asksFor } of backgroundTemplates) {
    assert.ok(captured.some(({ name }) => name.startsWith(`${client}, ${asksFor}`)), `${client}, ${asksFor}`);
  }
});

Deno.test("a document that holds what such requests hold is none", () => {
  const documents = [
    "Save this as chat.xml: <chat_history>\nUSER: hi\n</chat_history>",
    "### Task:\nSummarise the log.\n<chat_history>\nUSER: hi\n</chat_history>",
    "### Task:\nRun the tests.\n### Guidelines:\n- all\n### Output:\nJSON\n### Chat History:\n<chat_history>\nx\n</chat_history>",
    `${captured[0]?.messages[0]?.content ?? ""}\n\nNow run this prompt against my data.`,
    "Generate a title for this conversation:",
    "Conversation:\nProvide a concise, 5-word-or-less title",
  ];
  for (const text of documents) assert.ok(!isBackgroundRequest([user(text)], []), text);
});
