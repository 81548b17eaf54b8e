/**
 * `/v1/conversations`: items that clients add, responses that go on from them, and whose they are.
 */
import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { textOf } from "../../src/domain/Message.ts";
import { type App, withApp } from "../support/app.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

const send = async (app: App, method: string, path: string, body?: unknown, user?: string) => {
  const response = await app.send(
    new Request(`http://caisson.test/v1/${path}`, {
      method,
      headers: { "content-type": "application/json", ...(user === undefined ? {} : { "x-user-id": user }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  const told: Json = await response.json();
  return { status: response.status, told };
};

const message = (content: string) => ({ type: "message", role: "user", content });

Deno.test("a conversation is made, described, read, paged and deleted, its items one by one", () =>
  withApp({}, async (app) => {
    const { told: made } = await send(app, "POST", "conversations", {
      metadata: { topic: "a" },
      items: [{ role: "developer", content: "Be kind." }, message("one")],
    });
    assert.match(made.id, /^conv_[0-9a-f]{48}$/);
    assert.deepEqual([made.object, made.metadata, typeof made.created_at], ["conversation", { topic: "a" }, "number"]);
    const at = `conversations/${made.id}`;
    assert.deepEqual((await send(app, "GET", at)).told, made);
    assert.deepEqual((await send(app, "POST", at, { metadata: { b: "c" } })).told, { ...made, metadata: { b: "c" } });
    const { told: added } = await send(app, "POST", `${at}/items`, { items: [message("two"), message("three")] });
    assert.deepEqual(added.data.map((item: Json) => item.content[0].text), ["two", "three"]);
    assert.deepEqual([added.first_id, added.last_id, added.has_more], [added.data[0].id, added.data[1].id, false]);
    const { told: newest } = await send(app, "GET", `${at}/items?limit=1`);
    assert.deepEqual([newest.data[0].content[0].text, newest.has_more], ["three", true]);
    const { told: next } = await send(app, "GET", `${at}/items?after=${newest.last_id}&limit=3`);
    assert.deepEqual(next.data.map((item: Json) => item.content[0].text), ["two", "one", "Be kind."]);
    const one = `${at}/items/${added.data[0].id}`;
    assert.deepEqual((await send(app, "GET", one)).told, added.data[0]);
    assert.equal((await send(app, "DELETE", one)).told.object, "conversation");
    assert.equal((await send(app, "GET", one)).status, 404);
    const { told: left } = await send(app, "GET", `${at}/items?order=asc`);
    assert.deepEqual(left.data.map((item: Json) => item.content[0].text), ["Be kind.", "one", "three"]);
    assert.deepEqual((await send(app, "DELETE", at)).told, {
      id: made.id,
      object: "conversation.deleted",
      deleted: true,
    });
    assert.equal((await send(app, "GET", at)).status, 404);
  }));

Deno.test("responses of a conversation read what was said in it and add to it, streamed and not, stored or not", async () => {
  const asked: Array<ModelRequest> = [];
  const say = (text: string): Scripted.Step => (request) => {
    asked.push(request);
    return [Scripted.text(text), Scripted.finished()];
  };
  const failing: Scripted.Step = [Scripted.text("We")];
  await withApp({ steps: [say("First."), say("Second."), say("Third."), failing, say("Fifth.")] }, async (app) => {
    const { told: made } = await send(app, "POST", "conversations", { items: [message("zero")] });
    const conversation = made.id;
    const { told: first } = await send(app, "POST", "responses", { input: "one", conversation });
    assert.deepEqual(first.conversation, { id: conversation });
    const { told: fetched } = await send(app, "GET", `responses/${first.id}`);
    assert.deepEqual(fetched.conversation, { id: conversation });
    await send(app, "POST", "responses", { input: "two", conversation: { id: conversation }, store: false });
    await app.send(
      new Request("http://caisson.test/v1/responses", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input: "three", conversation, stream: true, background: true }),
      }),
    ).then((response) => response.text());
    await send(app, "POST", "responses", { input: "fails", conversation });
    await send(app, "POST", "responses", { input: "five", conversation });
    assert.deepEqual(asked.map(({ messages }) => messages.map(textOf)), [
      ["zero", "one"],
      ["zero", "one", "First.", "two"],
      ["zero", "one", "First.", "two", "Second.", "three"],
      ["zero", "one", "First.", "two", "Second.", "three", "Third.", "five"],
    ]);
    const { told: items } = await send(app, "GET", `conversations/${conversation}/items?order=asc&limit=100`);
    assert.deepEqual(items.data.map((item: Json) => [item.role, item.content[0].text]), [
      ["user", "zero"],
      ["user", "one"],
      ["assistant", "First."],
      ["user", "two"],
      ["assistant", "Second."],
      ["user", "three"],
      ["assistant", "Third."],
      ["user", "five"],
      ["assistant", "Fifth."],
    ]);
    assert.equal(new Set(items.data.map(({ id }: Json) => id)).size, items.data.length);
    assert.equal(items.data[2].id, first.output[0].id);
  });
});

Deno.test("another user's conversation is not there, nor one that never was; what is wrong is told by its name", () =>
  withApp({ steps: [Scripted.answers("Hi.")] }, async (app) => {
    const { told: made } = await send(app, "POST", "conversations", {}, "ada");
    for (const [user, id] of [["eve", made.id], ["ada", "conv_none"]]) {
      const missing = `Conversation with id '${id}' not found.`;
      const table: ReadonlyArray<readonly [string, string, unknown?]> = [
        ["GET", ""],
        ["POST", "", { metadata: {} }],
        ["DELETE", ""],
        ["GET", "/items"],
        ["POST", "/items", { items: [message("x")] }],
        ["GET", "/items/msg_1"],
        ["DELETE", "/items/msg_1"],
      ];
      for (const [method, path, body] of table) {
        const { status, told } = await send(app, method, `conversations/${id}${path}`, body, user);
        assert.deepEqual([status, told.error.message], [404, missing], `${method} ${path}`);
      }
      const run = await send(app, "POST", "responses", { input: "Hi", conversation: id }, user);
      assert.deepEqual([run.status, run.told.error.message], [404, missing]);
    }
    const { status, told } = await send(app, "GET", `conversations/${made.id}/items/msg_1`, undefined, "ada");
    assert.deepEqual([status, told.error.message], [404, "Item with id 'msg_1' not found."]);
    const tooMany = await send(app, "POST", "conversations", { items: Array(21).fill(message("x")) });
    assert.deepEqual([tooMany.status, tooMany.told.error.param], [400, "items"]);
    const broken = await send(app, "POST", "conversations", { items: [{ type: "message", role: "robot" }] });
    assert.deepEqual([broken.status, broken.told.error.param], [400, "items[0].role"]);
  }));
