import assert from "node:assert/strict";
import { ThinkTags } from "../../../../src/adapters/model/thinkTags.ts";
import { zero } from "../../../../src/domain/Usage.ts";
import type { ModelEvent } from "../../../../src/services/Model.ts";

const finished: ModelEvent = { _tag: "Finished", reason: "Stop", usage: zero };

/** What is told of an answer that comes in pieces of a size: [thought, text]. */
const told = (answer: string, size: number): readonly [string, string] => {
  const tags = new ThinkTags();
  const events: Array<ModelEvent> = [];
  for (let at = 0; at < answer.length; at += size) {
    events.push(...tags.step({ _tag: "TextDelta", text: answer.slice(at, at + size) }));
  }
  events.push(...tags.step(finished));
  assert.equal(events.at(-1), finished);
  const of = (tag: "TextDelta" | "ReasoningDelta") =>
    events.map((event) => event._tag === tag ? event.text : "").join("");
  return [of("ReasoningDelta"), of("TextDelta")];
};

const answers: ReadonlyArray<readonly [string, readonly [string, string]]> = [
  ["<think>Hm</think>Hello", ["Hm", "Hello"]],
  ["\n<think>\nHm </thin k\n</think>\n\nHello <think>", ["\nHm </thin k\n", "Hello <think>"]],
  ["<think>Hm", ["Hm", ""]],
  ["<think>Hm</thi", ["Hm</thi", ""]],
  ["<thinking>Hm", ["", "<thinking>Hm"]],
  ["<thi", ["", "<thi"]],
  ["Hello <think>no</think>", ["", "Hello <think>no</think>"]],
  ["<think></think>Hello", ["", "Hello"]],
];
for (const [answer, expected] of answers) {
  Deno.test(`ThinkTags tells thoughts from text wherever ${JSON.stringify(answer)} is cut`, () => {
    for (let size = 1; size <= answer.length; size++) assert.deepEqual(told(answer, size), expected, `size ${size}`);
  });
}
