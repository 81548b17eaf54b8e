import assert from "node:assert/strict";
import { Arbitrary, Effect, Option, Schema } from "effect";
import { fit, type Window } from "../../../../src/adapters/model/contextWindow.ts";
import { messageTokens } from "../../../../src/domain/tokenEstimate.ts";
import type { Message } from "../../../../src/domain/Message.ts";
import { assistant, user } from "../../../../src/domain/Message.ts";
import { it } from "../../../support/it.ts";

/** A call and its result, which is `bytes` long. */
const exchange = (id: string, bytes: number): ReadonlyArray<Message> => [
  { role: "assistant", parts: [{ _tag: "ToolCall", call: { id, name: "execute_bash", argumentsJson: "{}" } }] },
  { role: "tool", callId: id, name: "execute_bash", content: "x".repeat(bytes), isError: false },
];
const window = (contextTokens: number, messages: ReadonlyArray<Message>): Window => ({
  contextTokens,
  outputTokensMax: 100,
  system: "",
  messages,
  tools: [],
});
const contents = (messages: ReadonlyArray<Message>) =>
  messages.flatMap((message) => (message.role === "tool" ? [message.content.length] : []));

Deno.test("fit changes nothing when the conversation fits", () => {
  const messages = [user("hi"), ...exchange("a", 1000)];
  const fitted = Option.getOrThrow(fit(window(1000, messages)));
  assert.equal(fitted.messages, messages);
  assert.equal(fitted.trimmed, 0);
});

Deno.test("fit replaces the oldest results by a note and says their size when there is too much", () => {
  const messages = [user("a"), ...exchange("a", 8000), assistant("ok"), user("b"), ...exchange("b", 3500), user("c")];
  const { messages: sent, trimmed } = Option.getOrThrow(fit(window(2000, messages)));
  assert.equal(trimmed, 1);
  const [, , first, , , , second] = sent;
  assert.ok(first?.role === "tool" && first.content.startsWith("[This result of 8000 bytes was removed"));
  assert.equal(second, messages[6]);
});

Deno.test("fit keeps the newest results of the turn that is under way and short ones", () => {
  const messages = [
    user("go"),
    ...exchange("a", 7000),
    ...exchange("b", 100),
    ...exchange("c", 3000),
    ...exchange("d", 3000),
  ];
  const { messages: sent, trimmed } = Option.getOrThrow(fit(window(3000, messages)));
  assert.equal(trimmed, 1);
  assert.deepEqual(contents(sent).slice(1), [100, 3000, 3000]);
});

Deno.test("fit gives up when what people said is certainly too long", () => {
  assert.ok(Option.isNone(fit(window(1000, [user("x".repeat(10_000))]))));
});

Deno.test("fit leaves it to the provider when what people said may be too long", () => {
  const messages = [user("x".repeat(4000))];
  assert.deepEqual(Option.getOrThrow(fit(window(1000, messages))).messages, messages);
});

Deno.test("fit trims the same results in the next turn when little was added", () => {
  const messages = [user("go"), ...["a", "b", "c", "d", "e", "f"].flatMap((id) => exchange(id, 1000)), user("more")];
  const before = Option.getOrThrow(fit(window(1800, messages)));
  const after = Option.getOrThrow(fit(window(1800, [...messages, assistant("Done."), user("next")])));
  assert.ok(before.trimmed > 0);
  assert.deepEqual(after.messages.slice(0, messages.length), before.messages);
});

const Scenario = Schema.Struct({
  contextTokens: Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 5000 })),
  outputTokensMax: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })),
  /** Turns, each a list of result lengths. */
  turns: Schema.Array(
    Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4000 }))).check(Schema.isMaxLength(5)),
  ).check(Schema.isMaxLength(5)),
});

const scenarioMessages = (turns: (typeof Scenario.Type)["turns"]) =>
  turns.flatMap((results, turn) => [
    user(`turn ${turn}`),
    ...results.flatMap((bytes, index) => exchange(`${turn}-${index}`, bytes)),
  ]);

it.live("fit changes contents of results only, never grows, and gives up only when nothing is left to trim", () =>
  Effect.gen(function* () {
    const outcome = yield* Arbitrary.checkEffect(
      Arbitrary.schema(Scenario),
      ({ turns, ...limits }) =>
        Effect.sync(() => {
          const messages = scenarioMessages(turns);
          const found = fit({ ...limits, system: "", tools: [], messages });
          const tokens = (all: ReadonlyArray<Message>) => all.reduce((sum, each) => sum + messageTokens(each), 0);
          if (Option.isNone(found)) {
            return tokens(messages) * 0.7 > limits.contextTokens * 0.75 - limits.outputTokensMax;
          }
          const { messages: sent, trimmed } = found.value;
          const shape = (all: ReadonlyArray<Message>) =>
            JSON.stringify(all.map((each) => (each.role === "tool" ? { ...each, content: "" } : each)));
          const changed = sent.filter((message, index) => message !== messages[index]).length;
          return shape(sent) === shape(messages) && tokens(sent) <= tokens(messages) && changed === trimmed;
        }),
    );
    assert.equal(Arbitrary.formatCheckFailure(outcome), undefined);
  }));

Deno.test("fit says where a removed result was saved, and never asks for a command to be run again", () => {
  const saved = JSON.stringify({ stdout: "x".repeat(8000), output_path: "/workspace/.caisson/output/1.txt" });
  const messages = [user("a"), ...exchange("a", 8000), ...exchange("b", 8000), user("c")].map((message, index) =>
    index === 4 && message.role === "tool" ? { ...message, content: saved } : message
  );
  const { messages: sent } = Option.getOrThrow(fit(window(2000, messages)));
  const notes = sent.flatMap((message) => (message.role === "tool" ? [message.content] : []));
  assert.ok(notes[1]?.includes("Its output is in /workspace/.caisson/output/1.txt"));
  assert.ok(notes.every((note) => note.startsWith("[This result of") && !/run|again the command/i.test(note)));
});

Deno.test("fit drops the oldest turns where the request wishes it, and changes nothing where it forbids it", () => {
  const long = user("x".repeat(4000));
  const messages = [long, assistant("one"), long, ...exchange("a", 8000), assistant("two"), user("last")];
  assert.ok(Option.isNone(fit({ ...window(1000, messages), truncation: "disabled" })));
  const { messages: sent, dropped } = Option.getOrThrow(fit({ ...window(1000, messages), truncation: "auto" }));
  assert.deepEqual(sent, [user("last")]);
  assert.equal(dropped, messages.length - 1);
  const lone = [user("x".repeat(40_000))];
  assert.ok(Option.isNone(fit({ ...window(1000, lone), truncation: "auto" })), "the last turn is never dropped");
});
