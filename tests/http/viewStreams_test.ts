/**
 * The bodies of whole responses, byte for byte, in every view: what the agent, the converter and the
 * framing make of one request together. The id and the time of a response stand as `ID` and `0`.
 */
import assert from "node:assert/strict";
import { Effect, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../src/config.ts";
import { View } from "../../src/services/Converter.ts";
import { ConnectionLost, ModelError } from "../../src/services/Model.ts";
import { makeApp } from "../support/app.ts";
import { fakeSandbox, outcome } from "../support/fakeSandbox.ts";

const lost = new ModelError({ provider: "acme", model: "scripted", reason: new ConnectionLost(), detail: "" });
const breaks: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("half an ")), Stream.fail(lost));

const works: Scripted.Step = [
  Scripted.reasoning("ls tells."),
  Scripted.text("Let me count."),
  Scripted.toolCall("call_1", "execute_bash", { command: "ls | wc -l" }),
  Scripted.toolCall("call_2", "write_file", { file_path: "/tmp/a.txt", content: "kept" }),
  Scripted.finished("ToolCalls"),
];
const weather = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: {} } },
};

interface Case {
  readonly steps: ReadonlyArray<Scripted.Step>;
  readonly settings?: Partial<SettingsService>;
  readonly body?: Readonly<Record<string, unknown>>;
}

const cases: Readonly<Record<string, Case>> = {
  "a run": { steps: [works, Scripted.answers("There are ", "3 files.")] },
  "a run with usage": { steps: [Scripted.answers("Hi")], body: { stream_options: { include_usage: true } } },
  "a failure after the first byte": { steps: [works, breaks] },
  "a client's tool": {
    steps: [works, Scripted.calls(Scripted.toolCall("call_3", "get_weather", { city: "Oslo" }))],
    body: { tools: [weather] },
  },
  "a run cut by its turns": { steps: [works], settings: { turnsMax: 1 } },
  "a run cut by its output": {
    steps: [Scripted.answers("0123456789", "0123456789")],
    settings: { runOutputBytesMax: 15 },
  },
  "an answer in JSON": {
    steps: [works, Scripted.answers("It is 3."), Scripted.answers('{"files":', "3}")],
    body: { response_format: { type: "json_object" } },
  },
  "an empty answer": { steps: [Scripted.answers()] },
};

const bodyOf = async (view: View, { steps, settings = {}, body = {} }: Case, stream: boolean): Promise<string> => {
  const sandbox = fakeSandbox(() => Effect.succeed(outcome("3\n")));
  const app = makeApp({ steps, settings: { unnamed: "request", ...settings }, sandbox });
  try {
    const messages = [{ role: "user", content: "How many files?" }];
    const request = { messages, ...body, stream, ...(stream ? {} : { stream_options: null }) };
    const response = await app.chat(request, { "x-caisson-view": view });
    const text = await response.text();
    return `${response.status}\n${text}`
      .replaceAll(/"id":"chatcmpl-[\w-]+"/g, '"id":"ID"')
      .replaceAll(/"created":\d+/g, '"created":0')
      .replaceAll(/"run":"[\w-]+"/g, '"run":"RUN"')
      .replaceAll(/"turn":"turn-[\w-]+"/g, '"turn":"TURN"')
      .replaceAll(/"at_ms":\d+/g, '"at_ms":0')
      .replaceAll(/"duration_ms":\d+/g, '"duration_ms":0');
  } finally {
    await app.dispose();
  }
};

/** Every case in a view, streamed and whole. */
const bodies = async (view: View): Promise<string> => {
  const parts: Array<string> = [];
  for (const [name, one] of Object.entries(cases)) {
    for (const stream of [true, false]) {
      parts.push(`# ${name}, ${stream ? "streamed" : "whole"}`, await bodyOf(view, one, stream));
    }
  }
  return parts.join("\n") + "\n";
};

const fileOf = (view: View): URL => new URL(`../fixtures/views/${view}.http.txt`, import.meta.url);

if (import.meta.main) { for (const view of View.literals) Deno.writeTextFileSync(fileOf(view), await bodies(view)); }

for (const view of View.literals) {
  Deno.test(`POST /v1/chat/completions answers in view ${view} byte for byte as before`, async () => {
    const [got, wanted] = [await bodies(view), Deno.readTextFileSync(fileOf(view))].map((text) => text.split("\n"));
    assert.deepEqual(got, wanted);
  });
}
