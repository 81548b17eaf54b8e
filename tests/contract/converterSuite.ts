/**
 * The contract of the Converter port, run on every adapter of it.
 */
import assert from "node:assert/strict";
import { Effect, type Layer, Schema } from "effect";
import { stripActivity } from "../../src/domain/resentActivity.ts";
import type { AgentEvent, FinishReason } from "../../src/domain/AgentEvent.ts";
import { ChatChunk } from "../../src/domain/ChatChunk.ts";
import { type ConversionOptions, Converter, View } from "../../src/services/Converter.ts";
import { it } from "../support/it.ts";

const decodeChunk = Schema.decodeUnknownSync(Schema.fromJsonString(ChatChunk), { onExcessProperty: "error" });

const options = (changes: Partial<ConversionOptions> = {}): ConversionOptions => ({
  view: "text",
  id: "chatcmpl-1",
  createdSeconds: 1_700_000_000,
  model: "m",
  includeUsage: false,
  answerOnly: false,
  ...changes,
});

const usage = { inputTokens: 30, cachedInputTokens: 10, outputTokens: 12, reasoningTokens: 2 };
const bash = { id: "call_1", name: "execute_bash", argumentsJson: '{"command":"echo \\"<a> & \'b\'\\""}' };
const outcome = {
  exitCode: 0,
  stdout: "<a> & 'b'\n",
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 5,
  stdoutBytes: 10,
  stderrBytes: 0,
};

const finished = (reason: FinishReason = "Stop"): AgentEvent => ({ _tag: "RunFinished", reason, usage, turns: 2 });
const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });

/** A run that thinks, speaks, calls a tool, and answers. */
const run: ReadonlyArray<AgentEvent> = [
  { _tag: "ReasoningDelta", text: "hm" },
  said("Let me "),
  said("look."),
  { _tag: "ToolCallStarted", call: bash },
  {
    _tag: "ToolCallFinished",
    call: bash,
    result: { text: '{"stdout":"<a> & \'b\'\\n"}', isError: false, outcome },
    durationMs: 5,
  },
  said("It is "),
  said("done."),
  finished(),
];

const deltas = (chunks: ReadonlyArray<ChatChunk>) => chunks.flatMap((chunk) => chunk.choices.map(({ delta }) => delta));
const content = (chunks: ReadonlyArray<ChatChunk>) => deltas(chunks).map((delta) => delta.content ?? "").join("");
const reasoning = (chunks: ReadonlyArray<ChatChunk>) =>
  deltas(chunks).map((delta) => delta.reasoning_content ?? "").join("");
const calls = (chunks: ReadonlyArray<ChatChunk>) => deltas(chunks).flatMap((delta) => delta.tool_calls ?? []);
const finishes = (chunks: ReadonlyArray<ChatChunk>) =>
  chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.finish_reason ?? []));

/** Runs the contract on a converter. */
export const converterSuite = (name: string, layer: Layer.Layer<Converter>): void => {
  const { effect } = it.layer(layer);

  const convert = (events: ReadonlyArray<AgentEvent>, changes: Partial<ConversionOptions> = {}) =>
    Effect.map(Converter, (converter) => {
      const conversion = converter.start(options(changes));
      return events.flatMap(conversion.step).map((json) => decodeChunk(json));
    });

  for (const view of View.literals) {
    effect(
      `${name}: view ${view} gives every chunk one id, one role first and one finish last`,
      () =>
        Effect.gen(function* () {
          const chunks = yield* convert(run, { view });
          assert.equal(new Set(chunks.map(({ id, created, model }) => `${id} ${created} ${model}`)).size, 1);
          assert.deepEqual(chunks[0]?.choices[0]?.delta, { role: "assistant", content: "" });
          assert.equal(deltas(chunks).filter((delta) => delta.role !== undefined).length, 1);
          assert.deepEqual(finishes(chunks), ["stop"]);
          assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, "stop");
          assert.ok(chunks.every((chunk) => chunk.choices.every((choice) => choice.finish_reason !== undefined)));
        }),
    );

    effect(
      `${name}: view ${view} says the same answer as every other once activity is taken out`,
      () =>
        Effect.gen(function* () {
          const answer = stripActivity(content(yield* convert(run, { view }))).replace(/\s+/g, " ").trim();
          assert.equal(answer, "Let me look. It is done.");
        }),
    );

    effect(
      `${name}: view ${view} folds a whole response from the same pieces as the stream`,
      () =>
        Effect.gen(function* () {
          const chunks = yield* convert(run, { view });
          const whole = (yield* Converter).fold(options({ view }), run);
          const message = whole.choices[0]?.message;
          assert.equal(message?.content, content(chunks));
          assert.equal(message?.reasoning_content ?? "", reasoning(chunks));
          assert.deepEqual(
            message?.tool_calls ?? [],
            calls(chunks).map(({ index: _, ...call }) => call),
          );
          assert.equal(whole.choices[0]?.finish_reason, "stop");
          assert.deepEqual(whole.usage, {
            prompt_tokens: 30,
            completion_tokens: 12,
            total_tokens: 42,
            prompt_tokens_details: { cached_tokens: 10 },
            completion_tokens_details: { reasoning_tokens: 2 },
          });
        }),
    );

    effect(
      `${name}: view ${view} keeps everything but the answer out of content when only the answer may stand there`,
      () =>
        Effect.gen(function* () {
          const chunks = yield* convert(run, { view, answerOnly: true });
          assert.equal(content(chunks), "It is done.");
          assert.deepEqual(calls(chunks), []);
        }),
    );
  }

  effect(`${name}: view text shows call and result in fenced blocks of their own`, () =>
    Effect.gen(function* () {
      const chunks = yield* convert(run, { view: "text" });
      assert.equal(
        content(chunks),
        "Let me look.\n\n[//]: # (caisson:call call_1)\n\n```bash\necho \"<a> & 'b'\"\n```\n\n" +
          "\n\n[//]: # (caisson:result call_1)\n\n```text\n<a> & 'b'\n```\n\nIt is done.",
      );
      assert.equal(reasoning(chunks), "hm");
    }));

  effect(
    `${name}: view tool_calls shows the call as a tool call and the run still ends with stop`,
    () =>
      Effect.gen(function* () {
        const chunks = yield* convert(run, { view: "tool_calls" });
        assert.deepEqual(calls(chunks), [{
          index: 0,
          id: "call_1",
          type: "function",
          function: { name: "execute_bash", arguments: bash.argumentsJson },
        }]);
        assert.match(content(chunks), /caisson:result/);
        assert.deepEqual(finishes(chunks), ["stop"]);
      }),
  );

  effect(`${name}: view reasoning shows call and result as reasoning only`, () =>
    Effect.gen(function* () {
      const chunks = yield* convert(run, { view: "reasoning" });
      assert.equal(content(chunks), "Let me look.\n\nIt is done.");
      assert.match(reasoning(chunks), /^hm\n\n```bash\necho[^\n]*\n```\n\n\n\n```text\n<a>/);
    }));

  effect(`${name}: view details shows one closed block with escaped attributes`, () =>
    Effect.gen(function* () {
      const block = /<details id="call_1" type="tool_calls"[^>]*>\n<summary>Tool Executed<\/summary>\n<\/details>/.exec(
        content(yield* convert(run, { view: "details" })),
      );
      assert.ok(block !== null);
      assert.match(block[0], / name="execute_bash" /);
      assert.match(block[0], /&lt;a&gt; &amp; &#x27;b&#x27;/);
    }));

  effect(`${name}: view none shows neither activity nor reasoning`, () =>
    Effect.gen(function* () {
      const chunks = yield* convert(run, { view: "none" });
      assert.equal(content(chunks), "Let me look.\n\nIt is done.");
      assert.equal(reasoning(chunks), "");
    }));

  effect(
    `${name}: a client's own tool is a tool call in every view and ends with tool_calls`,
    () =>
      Effect.gen(function* () {
        const call = { id: "call_9", name: "weather", argumentsJson: '{"city":"Oslo"}' };
        const events: ReadonlyArray<AgentEvent> = [{ _tag: "ClientToolCalled", call }, finished("ClientTools")];
        for (const view of View.literals) {
          const chunks = yield* convert(events, { view });
          assert.deepEqual(calls(chunks).map(({ id, function: called }) => [id, called.name]), [["call_9", "weather"]]);
          assert.deepEqual(finishes(chunks), ["tool_calls"]);
          const whole = (yield* Converter).fold(options({ view }), events);
          assert.equal(whole.choices[0]?.message.content, null);
          assert.equal(whole.choices[0]?.finish_reason, "tool_calls");
        }
      }),
  );

  effect(`${name}: usage comes last, without choices, and only when asked for`, () =>
    Effect.gen(function* () {
      const asked = yield* convert(run, { includeUsage: true });
      assert.deepEqual(asked.at(-1)?.choices, []);
      assert.equal(asked.at(-1)?.usage?.total_tokens, 42);
      assert.ok(asked.slice(0, -1).every((chunk) => chunk.usage === null));
      const unasked = yield* convert(run);
      assert.ok(unasked.every((chunk) => !Object.hasOwn(chunk, "usage") && chunk.choices.length === 1));
    }));

  /** What a running command printed, in two looks. */
  const watched: ReadonlyArray<AgentEvent> = [
    { _tag: "TurnStarted", turn: 1 },
    { _tag: "TurnFinished", turn: 1, usage },
    { _tag: "ToolCallStarted", call: bash },
    { _tag: "ToolOutput", callId: bash.id, stream: "stdout", text: "tick\n" },
    { _tag: "ToolOutput", callId: bash.id, stream: "stderr", text: "tock\n", omitted: 7 },
    { _tag: "ToolCallFinished", call: bash, result: { text: "whole", isError: false }, durationMs: 5 },
    said("Done."),
    finished(),
  ];
  const unwatched = watched.filter(({ _tag }) => _tag !== "ToolOutput");

  effect(
    `${name}: what a running call prints is streamed as a thought in reasoning and details, nowhere else`,
    () =>
      Effect.gen(function* () {
        for (const view of View.literals) {
          const live = reasoning(yield* convert(watched, { view }));
          const rest = reasoning(yield* convert(unwatched, { view }));
          const shown = "tick\n\n… 7 characters left out …\ntock\n";
          if (view === "reasoning") assert.ok(live.includes(shown));
          else if (view === "details") assert.match(live, /echo[\s\S]*tick\n\n… 7 characters left out …\ntock\n$/);
          else assert.equal(live, rest);
          assert.equal(content(yield* convert(watched, { view })), content(yield* convert(unwatched, { view })));
        }
      }),
  );

  effect(`${name}: a whole response says nothing of what was printed while a call ran`, () =>
    Effect.gen(function* () {
      const { fold } = yield* Converter;
      for (const view of View.literals) {
        assert.deepEqual(fold(options({ view }), watched), fold(options({ view }), unwatched));
      }
    }));

  effect(`${name}: details says what runs when a call prints nothing`, () =>
    Effect.gen(function* () {
      const silent: AgentEvent = { _tag: "ToolOutput", callId: bash.id, stream: "stdout", text: "" };
      const [started, ...rest] = unwatched.slice(2);
      assert.ok(started !== undefined);
      const events = [started, silent, ...rest];
      assert.match(reasoning(yield* convert(events, { view: "details" })), /echo/);
      assert.equal(
        reasoning(yield* convert(events, { view: "reasoning" })),
        reasoning(yield* convert(unwatched, { view: "reasoning" })),
      );
    }));

  effect(`${name}: the boundaries of turns are nothing to answer with`, () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* convert(watched.slice(0, 2)), []);
    }));

  const endings: ReadonlyArray<readonly [FinishReason, string]> = [
    ["Stop", "stop"],
    ["ClientTools", "tool_calls"],
    ["Approval", "stop"],
    ["OutputLimit", "length"],
    ["ContentFilter", "content_filter"],
    ["TurnLimit", "length"],
    ["TimeLimit", "length"],
    ["RunOutputLimit", "length"],
    ["SpendingLimit", "length"],
  ];
  for (const [reason, wire] of endings) {
    effect(`${name}: a run that ends with ${reason} finishes with ${wire}`, () =>
      Effect.gen(function* () {
        assert.deepEqual(finishes(yield* convert([said("x"), finished(reason)])), [wire]);
      }));
  }
};
