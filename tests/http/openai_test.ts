import assert from "node:assert/strict";
import { Effect } from "effect";
import OpenAI from "npm:openai@7.57.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

const client = (baseURL: string) => new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "any", maxRetries: 2 });

const printing = fakeSandbox(() => Effect.succeed(outcome("Hello, World!\n")));

const hello = [
  Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "python3 -c \"print('Hello, World!')\"" })),
  Scripted.answers("It printed ", "Hello, World!"),
];

const weather = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const said = (content: string) => ({ role: "user", content }) as const;

it.live("the openai client gets a whole completion", () =>
  Effect.gen(function* () {
    const base = yield* served({ steps: hello, sandbox: printing });
    const completion = yield* Effect.promise(() =>
      client(base).chat.completions.create({
        model: "scripted",
        user: "ann",
        messages: [said("Execute: print('Hello, World!')")],
      })
    );
    assert.match(
      completion.choices[0]?.message.content ?? "",
      /caisson:result [\w-]+\)\n\n```text\nHello, World!\n[\s\S]*It printed/,
    );
    assert.equal(completion.choices[0]?.finish_reason, "stop");
    assert.equal(completion.usage?.total_tokens, 30);
    assert.ok(completion._request_id);
  }));

it.live("the openai client's stream helper gathers the answer and one finish", () =>
  Effect.gen(function* () {
    const base = yield* served({ steps: hello, sandbox: printing });
    const completion = yield* Effect.promise(() =>
      client(base).chat.completions.stream({
        model: "scripted:none",
        messages: [said("go")],
        stream_options: { include_usage: true },
      }).finalChatCompletion()
    );
    assert.equal(completion.choices[0]?.message.content, "It printed Hello, World!");
    assert.equal(completion.choices[0]?.message.role, "assistant");
    assert.equal(completion.usage?.completion_tokens, 10);
  }));

it.live("the openai client's runTools answers its own tool while ours runs on the server", () =>
  Effect.gen(function* () {
    const base = yield* served({
      sandbox: printing,
      steps: [
        Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "true" })),
        Scripted.calls(Scripted.toolCall("c2", "get_weather", { city: "Oslo" })),
        (request) => {
          const last = request.messages.at(-1);
          return [Scripted.text(`Weather: ${last?.role === "tool" ? last.content : "none"}`), Scripted.finished()];
        },
      ],
    });
    const asked: Array<string> = [];
    const runner = client(base).chat.completions.runTools({
      model: "scripted",
      user: "bob",
      messages: [said("weather in Oslo?")],
      tools: [{
        type: "function",
        function: {
          ...weather,
          parse: (text: string): { city: string } => JSON.parse(text),
          function: ({ city }: { city: string }) => {
            asked.push(city);
            return "rain";
          },
        },
      }],
    });
    assert.equal(yield* Effect.promise(() => runner.finalContent()), "Weather: rain");
    assert.deepEqual(asked, ["Oslo"]);
  }));

it.live("the openai client remembers a file from turn 1 in turn 2 with the same user", () =>
  Effect.gen(function* () {
    const base = yield* served({
      steps: [
        Scripted.calls(Scripted.toolCall("w", "write_file", { file_path: "notes.txt", content: "42" })),
        Scripted.answers("Written."),
        Scripted.calls(Scripted.toolCall("r", "read_file", { file_path: "notes.txt" })),
        (request) => {
          const last = request.messages.at(-1);
          return [Scripted.text(last?.role === "tool" ? last.content : "nothing"), Scripted.finished()];
        },
      ],
    });
    const ask = (content: string) =>
      Effect.promise(() =>
        client(base).chat.completions.create({ model: "scripted:none", user: "cy", messages: [said(content)] })
      );
    yield* ask("write it");
    const second = yield* ask("read it");
    assert.match(second.choices[0]?.message.content ?? "", /42/);
  }));

it.live("the openai client raises its own error classes, with code, param and request id", () =>
  Effect.gen(function* () {
    const base = yield* served();
    const error: unknown = yield* Effect.promise(() =>
      client(base).chat.completions.create({ model: "nope", messages: [said("hi")] }).then(() => undefined, (e) => e)
    );
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.equal(error.param, "model");
    assert.ok(error.requestID);
    const models = yield* Effect.promise(() => client(base).models.list());
    assert.ok(models.data.some((model) => model.id === "scripted:details"));
  }));
