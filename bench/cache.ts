/**
 * How much of what a provider is sent it was sent before, turn after turn of a long conversation, in the three
 * formats as they are lowered: `deno task bench:cache`.
 *
 * Providers charge a tenth to a quarter for a prompt's beginning that they have in their cache; a prompt that only
 * grows is read from it. Nothing is measured in time, so the figures are the same everywhere. A missed bound fails.
 */
import { Option, Result } from "effect";
import { lower as lowerAnthropic, traitsByName } from "../src/adapters/model/anthropic/request.ts";
import { fit } from "../src/adapters/model/contextWindow.ts";
import { lower as lowerGemini } from "../src/adapters/model/gemini/request.ts";
import { lower as lowerOpenAi } from "../src/adapters/model/openai/request.ts";
import { systemPrompt } from "../src/agent/systemPrompt.ts";
import { declarations } from "../src/domain/agentTools.ts";
import type { Message } from "../src/domain/Message.ts";
import type { ModelParameters, ModelRequest } from "../src/services/Model.ts";

const sharePlain = 0.9;
const shareTrimmed = 0.85;
/** Bytes of a token, which cancel out. */
const bytesPerToken = 3.5;

const system = systemPrompt({ agentName: "agent", sandboxNotes: ["There is no network."] });

/** The requests of a conversation: questions, each of some turns with a call, each result of so many bytes. */
const requests = (questions: number, turns: number, resultBytes: number): ReadonlyArray<ReadonlyArray<Message>> => {
  const messages: Array<Message> = [];
  const all: Array<ReadonlyArray<Message>> = [];
  for (let question = 0; question < questions; question++) {
    messages.push({ role: "user", parts: [{ _tag: "Text", text: `Question ${question}` }] });
    for (let turn = 0; turn < turns; turn++) {
      all.push([...messages]);
      const id = `call-${question}-${turn}`;
      const argumentsJson = JSON.stringify({ command: `python3 step.py ${id}` });
      messages.push(
        {
          role: "assistant",
          parts: [
            { _tag: "Text", text: `Step ${id}` },
            { _tag: "ToolCall", call: { id, name: "execute_bash", argumentsJson } },
          ],
        },
        {
          role: "tool",
          callId: id,
          name: "execute_bash",
          content: JSON.stringify({ exit_code: 0, stdout: "row data ".repeat(resultBytes / 9), stderr: "" }),
          isError: false,
        },
      );
    }
    all.push([...messages]);
    messages.push({ role: "assistant", parts: [{ _tag: "Text", text: `Answer ${question}` }] });
  }
  return all;
};

/** The blocks of a prompt in the order in which the provider reads them; cache marks are no part of it. */
const blocks = (values: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  values.map((value) => JSON.stringify(value, (key, inner) => (key === "cache_control" ? undefined : inner)) ?? "");

const formats: Readonly<Record<string, (request: ModelRequest) => ReadonlyArray<string>>> = {
  "gemini-3-flash": (request) => {
    const { functions, system, contents } = Result.getOrThrow(lowerGemini(request));
    return blocks([
      functions,
      Option.getOrNull(system),
      ...contents.flatMap(({ role, parts }) => parts.map((part) => [role, part])),
    ]);
  },
  "claude-sonnet-4-6": (request) => {
    const { tools, system, messages } = Result.getOrThrow(lowerAnthropic(request, traitsByName(request.model)));
    return blocks([
      tools,
      system,
      ...messages.flatMap(({ role, content }) =>
        (Array.isArray(content) ? content : [content]).map((block) => [role, block])
      ),
    ]);
  },
  "gpt-5.6": (request) => {
    const { tools, messages } = lowerOpenAi(request, {
      provider: "openai",
      limitField: "max_completion_tokens",
      sampling: "openai",
    });
    return blocks([tools, ...(Array.isArray(messages) ? messages : [])]);
  },
};

interface Turn {
  readonly messages: ReadonlyArray<Message>;
  readonly parameters: ModelParameters;
}

/** The share of all input that stood at the beginning of the request before, and how often that beginning changed. */
const shareOf = (model: string, turns: ReadonlyArray<Turn>) => {
  let [total, known, breaks] = [0, 0, 0];
  let before: ReadonlyArray<string> = [];
  for (const { messages, parameters } of turns) {
    const now = formats[model]?.({ model, system, messages, tools: declarations, parameters }) ?? [];
    const tokens = (some: ReadonlyArray<string>) => some.reduce((sum, text) => sum + text.length / bytesPerToken, 0);
    const differs = now.findIndex((block, index) => block !== before[index]);
    const same = differs < 0 ? now.length : differs;
    if (same < before.length) breaks += 1;
    total += tokens(now);
    known += tokens(now.slice(0, same));
    before = now;
  }
  return { share: known / total, breaks };
};

let missed = 0;
const show = (what: string, model: string, turns: ReadonlyArray<Turn>, wanted: number) => {
  const { share, breaks } = shareOf(model, turns);
  if (share < wanted) missed += 1;
  console.log(
    `${share < wanted ? "✗ " : "  "}${model}, ${what}: ${(100 * share).toFixed(1)} % sent before (wanted ≥ ${
      100 * wanted
    } %), the beginning changed ${breaks} times`,
  );
};

const plain = (turns: ReadonlyArray<ReadonlyArray<Message>>) =>
  turns.map((messages): Turn => ({ messages, parameters: {} }));
const trimmed = (turns: ReadonlyArray<ReadonlyArray<Message>>, contextTokens: number) =>
  plain(turns.map((messages) =>
    Option.match(fit({ contextTokens, system, tools: declarations, messages }), {
      onNone: () => messages,
      onSome: (fitted) => fitted.messages,
    })
  ));
const formatted = (turns: ReadonlyArray<ReadonlyArray<Message>>) =>
  turns.flatMap((messages, index): ReadonlyArray<Turn> => {
    const work: Turn = { messages, parameters: {} };
    const format: Turn = {
      messages,
      parameters: { toolChoice: { _tag: "None" }, responseFormat: { _tag: "JsonObject" } },
    };
    return index % 5 === 4 ? [work, format] : [work];
  });

for (const model of Object.keys(formats)) {
  show("20 turns", model, plain(requests(4, 4, 3_000)), sharePlain);
  show("20 turns and answers in a wished form", model, formatted(requests(4, 4, 3_000)), sharePlain);
  show(
    "105 turns, a window of 128,000 tokens, trimming",
    model,
    trimmed(requests(21, 4, 20_000), 128_000),
    shareTrimmed,
  );
}
Deno.exit(missed > 0 ? 1 : 0);
