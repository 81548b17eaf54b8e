import assert from "node:assert/strict";
import { Effect, Schema } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { contentOf, finishesOf, readStream } from "../support/sse.ts";

const tools = [{
  type: "function",
  function: { name: "get_weather", description: "Weather", parameters: { type: "object", properties: {} } },
}];
const question = { role: "user", content: "Write a file, then ask me for the weather." };

/** Our tool, then the client's, then an answer that repeats what the client said. */
const steps = (seen: Array<ModelRequest> = []): ReadonlyArray<Scripted.Step> => [
  Scripted.calls(Scripted.toolCall("ours", "write_file", { file_path: "a.txt", content: "kept" })),
  Scripted.calls(Scripted.toolCall("theirs", "get_weather", { city: "Oslo" })),
  Scripted.calls(Scripted.toolCall("again", "read_file", { file_path: "a.txt" })),
  (request) => {
    seen.push(request);
    const results = request.messages.filter((message) => message.role === "tool").map((message) => message.content);
    return [Scripted.text(results.join(" | ")), Scripted.finished()];
  },
];

const ask = async (app: App, messages: ReadonlyArray<unknown>, changes: Record<string, unknown> = {}) =>
  await (await app.chat({ model: "scripted:none", user: "u", tools, messages, ...changes })).json();

Deno.test("a call to a client's tool ends the response with tool_calls and only that call", () =>
  withApp({ steps: steps() }, async (app) => {
    const read = readStream(
      await (await app.chat({ user: "u", tools, stream: true, messages: [question] })).text(),
    );
    assert.deepEqual(finishesOf(read), ["tool_calls"]);
    const calls = read.chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.deepEqual(calls, [{
      index: 0,
      id: "theirs",
      type: "function",
      function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
    }]);
    assert.match(contentOf(read), /caisson:call/);
  }));

Deno.test("view tool_calls shows only the client's own calls as tool calls when it declared tools", () =>
  withApp({ steps: steps() }, async (app) => {
    const answer = await ask(app, [question], { model: "scripted:tool_calls" });
    assert.deepEqual(answer.choices[0].message.tool_calls.map((call: { id: string }) => call.id), ["theirs"]);
  }));

for (const resends of [true, false]) {
  Deno.test(`the client's answer resumes the run in the same sandbox when it resends ${resends ? "the conversation" : "nothing else"}`, () => {
    const seen: Array<ModelRequest> = [];
    return withApp({ steps: steps(seen) }, async (app) => {
      const first = await ask(app, [question]);
      const said = first.choices[0].message;
      assert.equal(said.tool_calls[0].id, "theirs");
      const answer = { role: "tool", tool_call_id: "theirs", content: "rain" };
      const second = await ask(app, resends ? [question, said, answer] : [answer]);
      assert.equal(second.choices[0].finish_reason, "stop");
      assert.match(second.choices[0].message.content, /^Successfully wrote 4 bytes to [^|]* \| rain \| kept/);
      const names = seen[0]?.messages.flatMap((message) => message.role === "tool" ? [message.name] : []);
      assert.deepEqual(names, ["write_file", "get_weather", "read_file"]);
    });
  });
}

Deno.test("the client's tools are offered to the model beside ours", () => {
  let offered: ReadonlyArray<string> = [];
  return withApp({
    steps: [(request) => {
      offered = request.tools.map(({ name }) => name);
      return [Scripted.text("ok"), Scripted.finished()];
    }],
  }, async (app) => {
    await ask(app, [question]);
    assert.ok(offered.includes("get_weather") && offered.includes("execute_bash"));
  });
});

const Forecast = Schema.fromJsonString(Schema.Struct({ degrees: Schema.Int }));

for (const view of ["text", "tool_calls", "reasoning", "details", "none"]) {
  Deno.test(`response_format json_schema with tools in the middle gives a final message that parses in view ${view}`, () => {
    const sandbox = fakeSandbox(() => Effect.succeed(outcome("21\n")));
    return withApp({
      sandbox,
      steps: [
        [
          Scripted.text("Let me compute."),
          Scripted.toolCall("c", "execute_bash", { command: "echo 21" }),
          Scripted.finished("ToolCalls"),
        ],
        (request) =>
          request.tools.length > 0
            ? [Scripted.text("It is 21."), Scripted.finished()]
            : [Scripted.text('{"degrees":21}'), Scripted.finished()],
        [Scripted.text('{"degrees":'), Scripted.text("21}"), Scripted.finished()],
      ],
    }, async (app) => {
      const response_format = {
        type: "json_schema",
        json_schema: { name: "forecast", schema: { type: "object" }, strict: true },
      };
      const body = { user: "u", messages: [{ role: "user", content: "degrees?" }], response_format };
      const response = await app.chat(body, { "x-caisson-view": view });
      const { choices } = await response.json();
      assert.deepEqual(Schema.decodeUnknownSync(Forecast)(choices[0].message.content), { degrees: 21 });
      assert.deepEqual(sandbox.executed, ["echo 21"]);
    });
  });
}
