/**
 * `/v1/responses`: what a client gets, what the model is asked, and what is kept for whom.
 */
import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { textOf } from "../../src/domain/Message.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";

type Json = Record<string, unknown>;

const send = (app: App, method: string, path: string, body?: unknown, user?: string, signal?: AbortSignal) =>
  app.send(
    new Request(`http://caisson.test/v1/responses${path}`, {
      method,
      headers: { "content-type": "application/json", ...(user === undefined ? {} : { "x-user-id": user }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
const post = (app: App, body: unknown, user?: string) => send(app, "POST", "", body, user);

const eventsOf = (text: string): ReadonlyArray<Json> =>
  text.split("\n\n").filter((frame) => frame.startsWith("event: ")).map((frame) => {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? [];
    const event = JSON.parse(data ?? "");
    assert.equal(event.type, name);
    return event;
  });

const numbered = (events: ReadonlyArray<Json>, from = 0) =>
  assert.deepEqual(events.map((event) => event["sequence_number"]), events.map((_, index) => index + from));

/** A script that notes what it is asked. */
const noting = (...steps: ReadonlyArray<Scripted.Step>) => {
  const asked: Array<ModelRequest> = [];
  const noted = steps.map((step): Scripted.Step => (request) => {
    asked.push(request);
    return typeof step === "function" ? step(request) : step;
  });
  return { asked, steps: noted };
};

const weather = { type: "function", name: "get_weather", parameters: { type: "object", properties: {} } };

/** A model that says a word and then waits for ever. */
const endless: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("Well")), Stream.never);

/** Fetches a response until it has the given status. */
const until = async (app: App, id: unknown, status: string): Promise<Json> => {
  for (;;) {
    const body = await (await send(app, "GET", `/${id}`)).json();
    if (body.status === status) return body;
    await Effect.runPromise(Effect.yieldNow);
  }
};

Deno.test("a text is answered, told and kept under the same ids; only tools of the request are offered", async () => {
  const { asked, steps } = noting([
    Scripted.reasoning("Hm."),
    Scripted.text("Hello, "),
    Scripted.text("Ada."),
    Scripted.finished(),
  ]);
  await withApp({ steps }, async (app) => {
    const response = await post(app, { input: "Hi", stream: true, instructions: "Be kind.", metadata: { a: "b" } });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const events = eventsOf(await response.text());
    numbered(events);
    assert.deepEqual(events.map(({ type }) => type), [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.reasoning_summary_part.added",
      "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done",
      "response.output_item.done",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const last = events.at(-1)?.["response"] as Json;
    assert.deepEqual(
      last["output"],
      events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item),
    );
    assert.deepEqual(await (await send(app, "GET", `/${last["id"]}`)).json(), last);
    const replayed = eventsOf(await (await send(app, "GET", `/${last["id"]}?stream=true&starting_after=9`)).text());
    assert.deepEqual(replayed, events.slice(10));
    assert.deepEqual(asked[0]?.tools, []);
    assert.equal(asked[0]?.system, "Be kind.");
    const items = await (await send(app, "GET", `/${last["id"]}/input_items`)).json();
    assert.deepEqual(items.data.map(({ type, content }: Json) => [type, content]), [
      ["message", [{ type: "input_text", text: "Hi" }]],
    ]);
    assert.equal(items.first_id, items.data[0].id);
    assert.equal((await send(app, "DELETE", `/${last["id"]}`)).status, 200);
    assert.equal((await send(app, "GET", `/${last["id"]}`)).status, 404);
  });
});

Deno.test("a chain is remembered with its calls, developer texts and forks; instructions hold for one response", async () => {
  const { asked, steps } = noting(
    Scripted.calls(Scripted.toolCall("call_1", "get_weather", { city: "Rome" })),
    Scripted.answers("Sunny."),
    Scripted.answers("Rome."),
    Scripted.answers("Nothing."),
  );
  await withApp({ steps }, async (app) => {
    const input = [{ role: "developer", content: "Be brief." }, { role: "user", content: "Weather in Rome?" }];
    const first = await (await post(app, { input, tools: [weather], instructions: "Once." })).json();
    const [call] = first.output;
    assert.deepEqual([call.type, call.name, call.call_id, call.arguments], [
      "function_call",
      "get_weather",
      "call_1",
      '{"city":"Rome"}',
    ]);
    const unanswered = await post(app, { input: "Well?", previous_response_id: first.id });
    assert.equal(unanswered.status, 400);
    assert.equal((await unanswered.json()).error.message, "No tool output found for function call call_1.");
    const output = [{ type: "function_call_output", call_id: "call_1", output: "sunny" }];
    const second = await (await post(app, { input: output, previous_response_id: first.id, tools: [weather] })).json();
    await (await post(app, { input: "Where was that?", previous_response_id: second.id })).json();
    await (await post(app, { input: [...output], previous_response_id: first.id, store: false })).json();
    assert.deepEqual(asked.map(({ messages }) => messages.length), [1, 3, 5, 3]);
    assert.deepEqual(asked.map(({ system }) => system), ["Once.\n\nBe brief.", ...Array(3).fill("Be brief.")]);
    assert.deepEqual(asked[1]?.tools.map(({ name }) => name), ["get_weather"]);
    assert.equal(asked[2]?.messages[2]?.role === "tool" && asked[2].messages[2].name, "get_weather");
    const referred = [{ role: "user", content: "And?" }, { type: "item_reference", id: call.id }, ...output];
    const missing = await post(app, { input: [{ type: "item_reference", id: `fc_${"0".repeat(48)}` }] });
    assert.equal(missing.status, 400);
    const answer = await post(app, { input: referred });
    assert.equal(answer.status, 502, "the reference was resolved: the script alone has ended");
  });
});

Deno.test("custom and namespaced tools are functions for the model and come back in the client's form", async () => {
  const { asked, steps } = noting(Scripted.calls(
    Scripted.toolCall("c1", "patch", { input: "*** Begin" }),
    Scripted.toolCall("c2", "agents__close", { id: 1 }),
  ));
  await withApp({ steps }, async (app) => {
    const close = { type: "function", name: "close", parameters: {} };
    const tools = [{ type: "custom", name: "patch" }, { type: "namespace", name: "agents", tools: [close] }, {
      type: "web_search",
    }];
    const { output } = await (await post(app, { input: "Go", tools, store: false })).json();
    assert.deepEqual(asked[0]?.tools.map(({ name }) => name), ["patch", "agents__close"]);
    assert.deepEqual(output.map(({ id: _, ...item }: Json) => item), [
      { type: "custom_tool_call", status: "completed", call_id: "c1", name: "patch", input: "*** Begin" },
      {
        type: "function_call",
        status: "completed",
        call_id: "c2",
        name: "close",
        namespace: "agents",
        arguments: '{"id":1}',
      },
    ]);
  });
});

Deno.test("what is wrong is refused in OpenAI's words, and another's response is not there", async () => {
  const table: ReadonlyArray<readonly [Json, string, string | null, string | null]> = [
    [
      { input: "Hi", previous_response_id: "resp_x" },
      "Previous response with id 'resp_x' not found.",
      "previous_response_not_found",
      "previous_response_id",
    ],
    [
      { input: [{ type: "function_call_output", call_id: "call_x", output: "" }] },
      "No tool call found for function call output with call_id call_x.",
      null,
      "input",
    ],
    [{}, "Missing required parameter: 'input'.", "missing_required_parameter", "input"],
    [
      { input: "Hi", previous_response_id: "a", conversation: "b" },
      "Mutually exclusive parameters: 'previous_response_id' and 'conversation' cannot be used together.",
      "mutually_exclusive_parameters",
      "previous_response_id",
    ],
    [
      { input: "Hi", tools: [{ type: "file_search" }] },
      "Tools of type 'file_search' are not supported by this server",
      "unsupported_value",
      "tools[0].type",
    ],
    [
      { input: "Hi", tools: [weather], tool_choice: { type: "function", name: "x" } },
      "Tool choice 'x' not found in 'tools' parameter.",
      "invalid_value",
      "tool_choice",
    ],
    [
      { input: "Hi", tools: [{ type: "web_search" }], tool_choice: "required" },
      "Tool choice 'required' must be specified with 'tools' parameter.",
      "invalid_value",
      "tool_choice",
    ],
    [
      { input: "Hi", background: true, store: false },
      "Background mode requires 'store' to be true.",
      "invalid_value",
      "background",
    ],
  ];
  const options: AppOptions = { steps: [Scripted.answers("Hi")] };
  await withApp(options, async (app) => {
    for (const [body, message, code, param] of table) {
      const response = await post(app, body);
      assert.equal(response.status, 400);
      assert.deepEqual((await response.json()).error, { message, type: "invalid_request_error", code, param });
    }
    assert.equal((await post(app, { input: "Hi", include: ["nothing"] })).status, 400);
    const { id } = await (await post(app, { input: "Hi" }, "ada")).json();
    assert.equal((await send(app, "GET", `/${id}`, undefined, "ada")).status, 200);
    for (const [method, path] of [["GET", ""], ["DELETE", ""], ["POST", "/cancel"], ["GET", "/input_items"]] as const) {
      const response = await send(app, method, `/${id}${path}`, undefined, "eve");
      assert.equal(response.status, 404);
      assert.equal((await response.json()).error.message, `Response with id '${id}' not found.`);
    }
    assert.equal((await post(app, { input: "Hi", previous_response_id: id }, "eve")).status, 400);
    const cancelled = await send(app, "POST", `/${id}/cancel`, undefined, "ada");
    assert.equal((await cancelled.json()).error.message, "Cannot cancel a synchronous response.");
  });
});

Deno.test("a background response outlives its client, is heard again, and is cancelled with what it had said", async () => {
  await withApp({ steps: [Scripted.answers("Done."), endless] }, async (app) => {
    const leaving = new AbortController();
    const begun = await send(
      app,
      "POST",
      "",
      { input: "Hi", background: true, stream: true },
      undefined,
      leaving.signal,
    );
    const reader = begun.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.ok(reader);
    const head = (await reader.read()).value ?? "";
    const id = /"id":"(resp_\w+)"/.exec(head)?.[1];
    await reader.cancel();
    leaving.abort();
    const done = await until(app, id, "completed");
    assert.equal((done["output"] as ReadonlyArray<Json>).length, 1);
    numbered(eventsOf(await (await send(app, "GET", `/${id}?stream=true&starting_after=1`)).text()), 2);

    const queued = await (await post(app, { input: "Hi", background: true })).json();
    assert.equal(queued.status, "queued");
    await until(app, queued.id, "in_progress");
    const cancelled = await (await send(app, "POST", `/${queued.id}/cancel`)).json();
    assert.equal(cancelled.status, "cancelled");
    assert.equal(cancelled.usage, null);
    assert.deepEqual(await (await send(app, "GET", `/${queued.id}`)).json(), cancelled);
  });
});

Deno.test("a failure after the beginning is told and kept; a bound makes a response incomplete", async () => {
  const failing: Scripted.Step = [Scripted.text("We")];
  await withApp({ steps: [failing, [Scripted.text("We"), Scripted.finished("OutputLimit")]] }, async (app) => {
    const events = eventsOf(await (await post(app, { input: "Hi", stream: true })).text());
    numbered(events);
    assert.deepEqual(events.slice(-2).map(({ type }) => type), ["error", "response.failed"]);
    const failed = events.at(-1)?.["response"] as Json;
    assert.equal(failed["status"], "failed");
    assert.deepEqual(await (await send(app, "GET", `/${failed["id"]}`)).json(), failed);
    assert.deepEqual(eventsOf(await (await send(app, "GET", `/${failed["id"]}?stream=true`)).text()), events);
    const incomplete = await (await post(app, { input: "Hi" })).json();
    assert.deepEqual([incomplete.status, incomplete.incomplete_details], ["incomplete", {
      reason: "max_output_tokens",
    }]);
  });
});

Deno.test("an input is counted with what it goes on from, its instructions and its tools", () =>
  withApp({ steps: [Scripted.answers("x".repeat(700))] }, async (app) => {
    const count = async (body: Json): Promise<number> => {
      const told = await (await send(app, "POST", "/input_tokens", body)).json();
      assert.equal(told.object, "response.input_tokens");
      return told.input_tokens;
    };
    const bare = await count({ input: "x".repeat(350) });
    assert.equal(bare, 108);
    assert.equal(await count({ input: "x".repeat(350), instructions: "y".repeat(350) }), bare + 100);
    assert.ok(await count({ input: "x".repeat(350), tools: [weather] }) > bare);
    const first = await (await post(app, { input: "Hi" })).json();
    assert.ok(await count({ input: "x".repeat(350), previous_response_id: first.id }) > bare + 200);
    const missing = await send(app, "POST", "/input_tokens", { input: "Hi", previous_response_id: "resp_x" });
    assert.equal(missing.status, 400);
  }));

Deno.test("a conversation is made shorter by its model, sealed for its owner, and gone on from", async () => {
  const { asked, steps } = noting(
    [Scripted.text("They like blue."), Scripted.finished()],
    [Scripted.text("Blue."), Scripted.finished()],
    [Scripted.text("Who knows."), Scripted.finished()],
  );
  await withApp({ steps }, async (app) => {
    const input = [
      { role: "user", content: "I like blue." },
      { role: "assistant", content: "Noted." },
      { role: "user", content: "And green?" },
    ];
    const nameless = await send(app, "POST", "/compact", { input });
    assert.deepEqual([nameless.status, (await nameless.json()).error.param], [400, "model"]);
    const compacted = await (await send(app, "POST", "/compact", { model: "scripted", input }, "ada")).json();
    assert.equal(compacted.object, "response.compaction");
    assert.ok(compacted.usage.output_tokens_details);
    assert.deepEqual(compacted.output.map(({ type, role }: Json) => [type, role]), [
      ["message", "user"],
      ["message", "user"],
      ["compaction", undefined],
    ]);
    assert.ok(!JSON.stringify(compacted).includes("They like blue"));
    assert.deepEqual(asked[0]?.tools, []);
    const going = [...compacted.output, { role: "user", content: "Which?" }];
    for (const user of ["ada", "eve"]) await (await post(app, { input: going }, user)).json();
    const said = asked.slice(1).map(({ messages }) => messages.map(textOf));
    assert.deepEqual(said, [
      ["I like blue.", "And green?", "What was said and done before, in short:\n\nThey like blue.", "Which?"],
      ["I like blue.", "And green?", "Which?"],
    ]);
  });
});
