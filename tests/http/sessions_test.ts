import assert from "node:assert/strict";
import { Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { Message } from "../../src/domain/Message.ts";
import { View } from "../../src/services/Converter.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { contentOf, readStream } from "../support/sse.ts";

// Arrange ----------------------------------------------------------------------------------------

const keys = { apiKeys: Option.some(Redacted.make("alice:sk-alice,bob:sk-bob")) };
const as = (name: string, more: Record<string, string> = {}) => ({ authorization: `Bearer sk-${name}`, ...more });

/** A model that runs a command named after what was said last, then answers; it records its inputs. */
const working = (inputs: Array<ReadonlyArray<Message>>): ReadonlyArray<Scripted.Step> => {
  const call = (request: ModelRequest) => {
    inputs.push(request.messages);
    const said = request.messages.length;
    return Scripted.calls(Scripted.toolCall(`call-${inputs.length}`, "execute_bash", { command: `echo ${said}` }));
  };
  const answer = (request: ModelRequest) => {
    inputs.push(request.messages);
    return Scripted.answers(`Answer ${inputs.length}. `, "Done.");
  };
  const flat = (make: (request: ModelRequest) => Scripted.Step): Scripted.Step => (request) => {
    const step = make(request);
    return typeof step === "function" ? step(request) : step;
  };
  return Array.from({ length: 40 }, (_, n) => flat(n % 2 === 0 ? call : answer));
};

interface WireMessage {
  readonly role: string;
  readonly content: string;
}
const said = (content: string): WireMessage => ({ role: "user", content });

/** Sends messages as a chat UI does and returns what the UI then shows as the answer. */
const ask = async (
  app: App,
  messages: ReadonlyArray<WireMessage>,
  headers: Record<string, string>,
): Promise<WireMessage> => {
  const response = await app.chat({ stream: true, messages }, headers);
  assert.equal(response.status, 200);
  return { role: "assistant", content: contentOf(readStream(await response.text())) };
};

/** The conversation as the model reads it: who spoke, and the words or the call that tell it apart. */
const outline = (messages: ReadonlyArray<Message> = []) =>
  messages.map((message) =>
    message.role === "tool"
      ? `result ${message.callId}`
      : message.parts.map((part) =>
        part._tag === "Text" ? part.text : part._tag === "ToolCall" ? `call ${part.call.id}` : part._tag
      ).join("")
  );

const remove = (app: App, path: string, headers: Record<string, string>) =>
  app.send(new Request(`http://caisson.test${path}`, { method: "DELETE", headers }));

// Endpoints --------------------------------------------------------------------------------------

Deno.test("GET /v1/sessions lists and shows what was said, tool calls included, and DELETE ends it", () =>
  withApp({ steps: working([]), settings: keys }, async (app) => {
    await ask(app, [said("first")], as("alice", { "x-user-id": "u", "x-session-id": "work/1" }));
    await ask(app, [said("second")], as("alice", { "x-user-id": "u" }));
    const list = await (await app.get("/v1/sessions", as("alice", { "x-user-id": "u" }))).json();
    assert.equal(list.object, "list");
    assert.deepEqual(
      list.data.map((session: Record<string, unknown>) => [session["id"], session["object"], session["turns"]])
        .toSorted(),
      [["default", "session", 1], ["work/1", "session", 1]],
    );
    const path = `/v1/sessions/${encodeURIComponent("work/1")}`;
    const shown = await (await app.get(path, as("alice", { "x-user-id": "u" }))).json();
    assert.deepEqual([shown.id, shown.object, shown.turns.length, shown.turns[0].status], [
      "work/1",
      "session",
      1,
      "completed",
    ]);
    assert.deepEqual(shown.turns[0].messages.map((message: Record<string, unknown>) => message["role"]), [
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    assert.equal(shown.turns[0].messages[1].tool_calls[0].function.name, "execute_bash");
    assert.match(shown.turns[0].messages[2].content, /ran: echo/);

    const deleted = await remove(app, path, as("alice", { "x-user-id": "u" }));
    assert.deepEqual(await deleted.json(), { id: "work/1", object: "session.deleted", deleted: true });
    for (
      const again of [
        await app.get(path, as("alice", { "x-user-id": "u" })),
        await remove(app, path, as("alice", { "x-user-id": "u" })),
      ]
    ) {
      assert.equal(again.status, 404);
      assert.equal((await again.json()).error.code, "session_not_found");
    }
  }));

for (const onSessionEnd of ["keep", "reset"] as const) {
  Deno.test(`DELETE of the last session ${onSessionEnd}s the user's workspace and nobody else's when told to`, () => {
    const sandbox = fakeSandbox();
    const write = Scripted.calls(Scripted.toolCall("w", "write_file", { file_path: "a.txt", content: "x" }));
    const steps = [write, Scripted.answers("ok"), Scripted.answers("ok"), write, Scripted.answers("ok")];
    return withApp({ steps, sandbox, settings: { ...keys, onSessionEnd } }, async (app) => {
      const mine = as("alice", { "x-user-id": "u" });
      await ask(app, [said("write")], { ...mine, "x-session-id": "one" });
      await ask(app, [said("hello")], { ...mine, "x-session-id": "two" });
      await ask(app, [said("write")], as("alice", { "x-user-id": "other" }));
      assert.equal(sandbox.files.size, 2);
      assert.equal((await remove(app, "/v1/sessions/one", mine)).status, 200);
      assert.equal(sandbox.files.size, 2);
      assert.equal((await remove(app, "/v1/sessions/two", mine)).status, 200);
      assert.equal(sandbox.files.size, onSessionEnd === "reset" ? 1 : 2);
    });
  });
}

Deno.test("GET /v1/sessions answers 404 and lists nothing when the session is another's", () =>
  withApp({ steps: working([]), settings: keys }, async (app) => {
    await ask(app, [said("secret")], as("alice", { "x-user-id": "u", "x-session-id": "s" }));
    const others = [as("bob", { "x-user-id": "u" }), as("bob"), as("alice"), as("alice", { "x-user-id": "v" })];
    for (const headers of others) {
      assert.deepEqual((await (await app.get("/v1/sessions", headers)).json()).data, []);
      assert.equal((await app.get("/v1/sessions/s", headers)).status, 404);
      assert.equal((await remove(app, "/v1/sessions/s", headers)).status, 404);
    }
    assert.equal((await app.get("/v1/sessions/s", as("alice", { "x-user-id": "u" }))).status, 200);
    assert.equal((await app.get("/v1/sessions")).status, 401);
    assert.equal((await remove(app, "/v1/sessions/s", {})).status, 401);
  }));

Deno.test("POST /v1/chat/completions refuses a session name when it is too long", () =>
  withApp({ steps: working([]) }, async (app) => {
    const response = await app.chat({ messages: [said("hi")] }, { "x-session-id": "x".repeat(257) });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.param, "x-session-id");
  }));

// Traffic of a stateless chat UI -----------------------------------------------------------------

Deno.test("a chat UI that resends its history is understood when it goes on, regenerates, edits and has two tabs", async () => {
  const inputs: Array<ReadonlyArray<Message>> = [];
  await withApp({ steps: working(inputs) }, async (app) => {
    const chat = { "x-user-id": "u", "x-openwebui-chat-id": "chat-1" };
    const turnOf = (
      n: number,
      words: string,
    ) => [words, `call call-${n}`, `result call-${n}`, `Answer ${n + 1}. Done.`];
    const heard = () => outline(inputs.at(-2));

    const a1 = await ask(app, [said("one")], chat);
    assert.deepEqual(heard(), ["one"]);
    assert.match(a1.content, /caisson:call/);

    const a2 = await ask(app, [said("one"), a1, said("two")], chat);
    assert.deepEqual(heard(), [...turnOf(1, "one"), "two"]);

    const three = [said("one"), a1, said("two"), a2, said("three")];
    await ask(app, three, chat);
    assert.deepEqual(heard(), [...turnOf(1, "one"), ...turnOf(3, "two"), "three"]);

    // Regenerate: the same messages again, without the answer.
    const a3again = await ask(app, three, chat);
    assert.deepEqual(heard(), [...turnOf(1, "one"), ...turnOf(3, "two"), "three"]);
    await ask(app, [...three, a3again, said("four")], chat);
    assert.deepEqual(heard(), [...turnOf(1, "one"), ...turnOf(3, "two"), ...turnOf(7, "three"), "four"]);

    // Edit the second message: the first turn stays rich, the old second is gone.
    await ask(app, [said("one"), a1, said("two, edited")], chat);
    assert.deepEqual(heard(), [...turnOf(1, "one"), "two, edited"]);

    // Regenerate the very first answer.
    await ask(app, [said("one")], chat);
    assert.deepEqual(heard(), ["one"]);

    // Two tabs go on from the same place, each with its own words.
    const [left, right] = await Promise.all([
      ask(app, [said("one"), a1, said("left")], chat),
      ask(app, [said("one"), a1, said("right")], chat),
    ]);
    const before = inputs.length;
    await ask(app, [said("one"), a1, said("left"), left, said("on")], chat);
    assert.deepEqual(outline(inputs[before]).filter((line) => line === "left" || line === "right"), ["left"]);
    assert.deepEqual(outline(inputs[before]).slice(0, 4), turnOf(1, "one"));
    await ask(app, [said("one"), a1, said("right"), right, said("on")], chat);
    assert.deepEqual(heard().filter((line) => line === "left" || line === "right"), ["right"]);

    // A title request is answered and leaves no trace.
    const turns = async () => (await (await app.get("/v1/sessions/chat-1", { "x-user-id": "u" })).json()).turns.length;
    const stored = await turns();
    const task = { ...chat, "x-openwebui-task": "title_generation" };
    await app.chat({ messages: [said("### Task:\nGenerate a title.\n<chat_history>\none\n</chat_history>")] }, task);
    assert.equal(await turns(), stored);
  });
});

// The view `events` is for programs that name their session and what they follow; it shows nothing to resend.
for (const view of View.literals.filter((name) => name !== "events")) {
  Deno.test(`a chat UI that resends what the view ${view} showed it goes on with the rich history, files included`, async () => {
    const inputs: Array<ReadonlyArray<Message>> = [];
    const steps = working(inputs).map((step, n): Scripted.Step => (request) => {
      const events = typeof step === "function" ? step(request) : step;
      // Every run makes a file, so that its answer ends with a link.
      return n % 2 === 0 && Array.isArray(events)
        ? [Scripted.toolCall(`file-${n}`, "write_file", { file_path: `f${n}.txt`, content: "x" }), ...events]
        : events;
    });
    await withApp({ steps }, async (app) => {
      const chat = { "x-user-id": "u", "x-openwebui-chat-id": "chat-1", "x-caisson-view": view };
      const shown: Array<WireMessage> = [];
      for (const words of ["one", "two", "three", "four"]) {
        shown.push(said(words));
        shown.push(await ask(app, shown, chat));
      }
      const lines = outline(inputs.at(-2));
      assert.deepEqual(lines.filter((line) => /^(one|two|three|four)$/.test(line)), ["one", "two", "three", "four"]);
      assert.equal(lines.filter((line) => line.startsWith("result call-")).length, 3);
      assert.equal(lines.filter((line) => line.startsWith("result file-")).length, 3);
      assert.equal(lines.filter((line) => line.startsWith("Answer")).length, 3);
    });
  });
}

Deno.test("a client that sends only its newest message continues its session when it names none", async () => {
  const inputs: Array<ReadonlyArray<Message>> = [];
  await withApp({ steps: working(inputs) }, async (app) => {
    for (const words of ["one", "one", "two"]) await ask(app, [said(words)], { "x-user-id": "u" });
    assert.deepEqual(outline(inputs.at(-2)).filter((line) => !/call|Answer/.test(line)), ["one", "one", "two"]);
    assert.equal(outline(inputs.at(-2)).filter((line) => line.startsWith("result")).length, 2);
    await ask(app, [said("one")], { "x-user-id": "v" });
    assert.deepEqual(outline(inputs.at(-2)), ["one"]);
  });
});
