import assert from "node:assert/strict";
import { Effect, Result, Stream } from "effect";
import * as Offline from "../../../../src/adapters/model/Offline.ts";
import { assistant, type Message, type ToolCall, user } from "../../../../src/domain/Message.ts";
import type { ToolDeclaration } from "../../../../src/domain/Tool.ts";
import type { ModelEvent, ModelParameters, ModelRequest } from "../../../../src/services/Model.ts";
import { captured } from "../../../fixtures/backgroundRequests.ts";
import { it } from "../../../support/it.ts";

const tool = (name: string, required: ReadonlyArray<string> = []): ToolDeclaration => ({
  name,
  description: "",
  parameters: { type: "object", required: [...required] },
});
const tools = ["execute_bash", "write_file", "read_file", "read_docstring"].map((name) => tool(name));

const request = (messages: ReadonlyArray<Message>, changes: Partial<ModelRequest> = {}): ModelRequest => ({
  model: Offline.offlineModel,
  system: "",
  messages,
  tools,
  parameters: {},
  ...changes,
});
const events = (asked: ModelRequest) =>
  Effect.map(Stream.runCollect(Offline.provider.stream(asked)), (all) => [...all]);
const textOf = (all: ReadonlyArray<ModelEvent>) => all.map((e) => (e._tag === "TextDelta" ? e.text : "")).join("");
const callsOf = (all: ReadonlyArray<ModelEvent>) => all.flatMap((e) => (e._tag === "ToolCall" ? [e.call] : []));
const reasonOf = (all: ReadonlyArray<ModelEvent>) => all.flatMap((e) => (e._tag === "Finished" ? [e.reason] : []));

/** Plays a whole run: every call is answered by `answer`, until the model answers in text. */
const play = (
  messages: ReadonlyArray<Message>,
  answer: (call: ToolCall) => string,
  changes: Partial<ModelRequest> = {},
) =>
  Effect.gen(function* () {
    const all: Array<Message> = [...messages];
    const calls: Array<ToolCall> = [];
    for (let turn = 0; turn < 20; turn++) {
      const said = yield* events(request(all, changes));
      const [call] = callsOf(said);
      if (call === undefined) return { calls, text: textOf(said), messages: all };
      assert.deepEqual(reasonOf(said), ["ToolCalls"]);
      calls.push(call);
      all.push({ role: "assistant", parts: [{ _tag: "ToolCall", call }] });
      all.push({ role: "tool", callId: call.id, name: call.name, content: answer(call), isError: false });
    }
    return assert.fail("the run does not end");
  });
const outcome = (stdout: string, exit_code = 0, stderr = "") => JSON.stringify({ exit_code, stdout, stderr });

it.effect("Offline.stream runs code and quotes what really came back when told to execute", () =>
  Effect.gen(function* () {
    const { calls, text } = yield* play([user("Execute: print('Hello, World!')")], () => outcome("Hello, World!\n"));
    assert.deepEqual(calls, [{
      id: "call_offline_1_0",
      name: "execute_bash",
      argumentsJson: JSON.stringify({ command: `python3 -c "print('Hello, World!')"` }),
    }]);
    assert.match(text, /^The Python code printed:\n\n```\nHello, World!\n```\n/);
    assert.match(text, /rule-based stand-in.*GOOGLE_API_KEY/);
  }));

it.effect("Offline.stream says the same events when asked the same twice", () =>
  Effect.gen(function* () {
    const asked = request([user("1. Run `ls`\n2. Calculate 2+2")]);
    assert.deepEqual(yield* events(asked), yield* events(asked));
  }));

it.effect("Offline.stream takes the steps one by one when given a list", () =>
  Effect.gen(function* () {
    const { calls, text } = yield* play(
      [user("Write a Python script hello.py that prints 2+2 then run it")],
      (call) => call.name === "write_file" ? "Successfully wrote 11 bytes to hello.py" : outcome("4\n"),
    );
    assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.argumentsJson)]), [
      ["write_file", { file_path: "hello.py", content: "print(2+2)\n" }],
      ["execute_bash", { command: "python3 hello.py" }],
    ]);
    assert.match(text, /Successfully wrote 11 bytes to hello\.py\.\n\nThe command printed:\n\n```\n4\n```/);
  }));

it.effect("Offline.stream stops and says so when a step fails", () =>
  Effect.gen(function* () {
    const { calls, text } = yield* play(
      [user("1. Execute: 1/0\n2. Run `ls`\n3. Run `pwd`")],
      () => outcome("", 1, "ZeroDivisionError: division by zero\n"),
    );
    assert.equal(calls.length, 1);
    assert.match(text, /failed with exit code 1\.\n\nOn stderr it said:\n\n```\nZeroDivisionError/);
    assert.match(text, /2 steps were not tried/);
  }));

it.effect("Offline.stream reads the file of an earlier turn when told to read the file just created", () =>
  Effect.gen(function* () {
    const first = yield* play(
      [user("Write a file test.txt with content 'abc'")],
      () => "Successfully wrote 3 bytes to test.txt",
    );
    const rich = [...first.messages, assistant(first.text), user("Read the file you just created")];
    const poor = [
      user("Write a file test.txt with content 'abc'"),
      assistant(first.text),
      user("Read the file you just created"),
    ];
    for (const history of [rich, poor]) {
      const { calls, text } = yield* play(history, () => "abc");
      assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.argumentsJson)]), [
        ["read_file", { file_path: "test.txt" }],
      ]);
      assert.equal(text, "test.txt contains:\n\n```\nabc\n```");
    }
  }));

it.effect("Offline.stream says what it is and what it can do when it does not understand", () =>
  Effect.gen(function* () {
    const said = yield* events(request([user("What is the meaning of life?")]));
    assert.deepEqual(reasonOf(said), ["Stop"]);
    assert.match(textOf(said), /^I am caisson-offline, a rule-based stand-in.*OPENAI_API_KEY.*\n\nI understand/);
    assert.ok(said.length > 10, "the text comes in small pieces");
  }));

it.effect("Offline.stream answers in text when tools are absent or forbidden", () =>
  Effect.gen(function* () {
    const messages = [user("Execute: print(1)")];
    const none: ModelParameters = { toolChoice: { _tag: "None" } };
    for (const changes of [{ tools: [] }, { parameters: none }]) {
      const said = yield* events(request(messages, changes));
      assert.deepEqual(reasonOf(said), ["Stop"]);
      assert.match(textOf(said), /I would need the tool execute_bash/);
    }
  }));

it.effect("Offline.stream calls a client's tool when its name stands with JSON", () =>
  Effect.gen(function* () {
    const { calls, text } = yield* play(
      [user('Call the tool get_weather with {"city": "Paris"}')],
      () => "18 degrees",
      { tools: [...tools, tool("get_weather", ["city"])] },
    );
    assert.deepEqual(calls.map((call) => [call.name, call.argumentsJson]), [["get_weather", '{"city": "Paris"}']]);
    assert.match(text, /The tool get_weather answered:\n\n```\n18 degrees\n```/);
  }));

it.effect("Offline.stream gives the message to a named tool's only argument when the choice names it", () =>
  Effect.gen(function* () {
    const said = yield* events(request([user("What's the weather in Paris?")], {
      tools: [tool("get_weather", ["city"])],
      parameters: { toolChoice: { _tag: "Named", name: "get_weather" } },
    }));
    assert.deepEqual(callsOf(said).map((call) => call.argumentsJson), ['{"city":"What\'s the weather in Paris?"}']);
  }));

it.effect("Offline.stream refuses when a call is required that it cannot make, or a schema must be filled", () =>
  Effect.gen(function* () {
    const wishes: ReadonlyArray<ModelParameters> = [
      { toolChoice: { _tag: "Required" } },
      { responseFormat: { _tag: "JsonSchema", name: "x", schema: {}, strict: true } },
    ];
    for (const parameters of wishes) {
      const result = yield* Effect.result(events(request([user("Hello")], { parameters })));
      assert.ok(Result.isFailure(result));
      assert.ok(result.failure._tag === "ModelError");
      const { reason } = result.failure;
      assert.ok(reason._tag === "RequestRefused");
      assert.match(reason.param ?? "", /^(?:tool_choice|response_format)$/);
      assert.match(reason.why ?? "", /schema|understands/);
    }
  }));

it.effect("Offline.stream honours stop texts, the output limit and JSON answers when asked", () =>
  Effect.gen(function* () {
    const hello = [user("Hello")];
    const stopped = yield* events(request(hello, { parameters: { stop: [" and not"] } }));
    assert.equal(textOf(stopped), "I am caisson-offline, a rule-based stand-in");
    const limited = yield* events(request(hello, { parameters: { outputTokensMax: 2 } }));
    assert.deepEqual([textOf(limited), reasonOf(limited)], ["I am cai", ["OutputLimit"]]);
    const json = yield* events(request(hello, { parameters: { responseFormat: { _tag: "JsonObject" } } }));
    assert.deepEqual(Object.keys(JSON.parse(textOf(json))), ["answer"]);
  }));

it.effect("Offline.stream counts a token per four characters when it reports usage", () =>
  Effect.gen(function* () {
    const asked = request([user("Hello")], { system: "x".repeat(400) });
    const said = yield* events(asked);
    const usage = said.flatMap((event) => (event._tag === "Finished" ? [event.usage] : []));
    const input = 400 + JSON.stringify([asked.messages, asked.tools]).length;
    assert.deepEqual(usage, [{
      inputTokens: Math.ceil(input / 4),
      cachedInputTokens: 0,
      outputTokens: Math.ceil(textOf(said).length / 4),
      reasoningTokens: 0,
    }]);
  }));

it.effect("Offline.stream answers a chat UI's background task with the JSON it asks for", () =>
  Effect.gen(function* () {
    const task = (key: string) =>
      `### Task:\nSuggest something.\nJSON format: { "${key}": "…" }\n<chat_history>\nUSER: Execute: print("a b") and then more words\n` +
      "ASSISTANT: done\n</chat_history>";
    const say = (key: string) => Effect.map(events(request([user(task(key))], { tools: [] })), textOf);
    assert.equal(yield* say("title"), '{"title":"Execute: print( a b ) and"}');
    assert.equal(yield* say("tags"), '{"tags":[]}');
    assert.equal(yield* say("follow_ups"), '{"follow_ups":[]}');
  }));

it.effect("Offline.stream runs code in the Python that remembers where a message says so, and it is offered", () =>
  Effect.gen(function* () {
    const cells = [...tools, tool("execute_python", ["code"])];
    const said = (message: string, offered = cells) =>
      Effect.map(
        events(request([user(message)], { tools: offered })),
        (all) => callsOf(all).map(({ name, argumentsJson }) => [name, JSON.parse(argumentsJson)]),
      );
    for (
      const message of [
        "Run in a notebook cell: x = 41",
        "Execute in the kernel: x = 41",
        "Use execute_python to run: x = 41",
        "Run this in a cell:\n```python\nx = 41\n```",
      ]
    ) assert.deepEqual(yield* said(message), [["execute_python", { code: "x = 41" }]], message);
    assert.deepEqual(yield* said("Execute: print(1)"), [["execute_bash", { command: "python3 -c 'print(1)'" }]]);
    assert.equal((yield* said("Run in a notebook cell: x = 41", tools))[0]?.[0], "execute_bash");
    const answer = (result: Record<string, unknown>) =>
      Effect.map(
        play([user("Run in a notebook cell: x + 1")], () => JSON.stringify(result), { tools: cells }),
        ({ text }) => text,
      );
    assert.match(yield* answer({ stdout: "", stderr: "", result: "42", images: [] }), /^The Python code printed.*42/s);
    assert.match(
      yield* answer({ stdout: "", stderr: "", images: [] }),
      /^The Python code finished and printed nothing/,
    );
  }));

it.effect("Offline.stream says why it does not read a message that is too long, and reads a long block", () =>
  Effect.gen(function* () {
    const long = yield* events(request([user(`Run ls. ${"word ".repeat(2_000)}`)]));
    assert.match(textOf(long), /has 100\d\d characters outside fenced code blocks; I read up to 4000/);
    const code = "x = 1\n".repeat(20_000);
    const block = yield* events(request([user(`Run this:\n\`\`\`python\n${code}print(x)\n\`\`\``)]));
    assert.equal(callsOf(block).length, 1);
    const huge = yield* events(request([user("`".repeat(2_000_000))]));
    assert.match(textOf(huge), /has 2000000 characters; I read messages of up to 1000000/);
  }));

it.effect("Offline.stream quotes many lines in a fence that none of them closes", () =>
  Effect.gen(function* () {
    const { text } = yield* play([user("Run `cat a.md`")], () => outcome("# a\n```\ncode\n```\n"));
    assert.match(text, /^The command printed:\n\n````\n# a\n```\ncode\n```\n````/);
  }));

for (const { name, messages } of captured.filter((each) => each.name.includes("title"))) {
  it.effect(`Offline.stream names a chat when it is asked as by ${name}`, () =>
    Effect.gen(function* () {
      const system = messages.filter(({ role }) => role === "system").map(({ content }) => content).join("\n\n");
      const said = messages.filter(({ role }) => role === "user").map(({ content }) => user(content));
      const text = textOf(yield* events(request(said, { system, tools: [] })));
      assert.match(text, /^(?:\{"title":")?Execute: print\(6 7\)(?:"\})?$/);
    }));
}

it.effect("a function-only request that clearly asks for its function gets the call, then what came of it", () =>
  Effect.gen(function* () {
    const weather = {
      name: "get_weather",
      description: "",
      parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
    };
    const asked = [user("What's the weather like in San Francisco?")];
    const [call] = callsOf(yield* events(request(asked, { tools: [weather] })));
    assert.deepEqual([call?.name, call?.argumentsJson], ["get_weather", '{"location":"San Francisco"}']);
    assert.deepEqual(callsOf(yield* events(request(asked, { tools: [...tools, weather] }))), []);
    const { text } = yield* play(asked, () => "foggy", { tools: [weather] });
    assert.match(text, /foggy/);
  }));
