import assert from "node:assert/strict";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { makeItemStep } from "../../../src/domain/runItems.ts";
import { zero } from "../../../src/domain/Usage.ts";

const call = (id: string) => ({ id, name: "execute_bash", argumentsJson: "{}" });
const said = (text: string): AgentEvent => ({ _tag: "TextDelta", text });
const thought = (text: string): AgentEvent => ({ _tag: "ReasoningDelta", text });
const finished = (id: string): AgentEvent => ({
  _tag: "ToolCallFinished",
  call: call(id),
  result: { text: "r", isError: false },
  durationMs: 1,
});
const output = (callId: string, text: string): AgentEvent => ({ _tag: "ToolOutput", callId, stream: "stdout", text });

/** What happens, one word an event: what, which item, what text. */
const happened = (events: ReadonlyArray<AgentEvent>): ReadonlyArray<string> => {
  const step = makeItemStep();
  return events.flatMap(step).map((event) => {
    switch (event._tag) {
      case "ItemOpened":
        return `+${event.item.kind}${event.item.index}@${event.item.turn}`;
      case "ItemDelta":
        return `${event.item.index}:${event.text}`;
      case "ItemOutput":
        return `${event.item.index}>${event.output.text}`;
      case "ItemClosed":
        return `-${event.item.index}${event.finished === undefined ? "" : `=${event.finished.result.text}`}`;
      case "ApprovalAsked":
        return `?${event.asked.id}`;
      default:
        return event._tag;
    }
  });
};

const cases: ReadonlyArray<readonly [string, ReadonlyArray<AgentEvent>, ReadonlyArray<string>]> = [
  ["opens a text with its first word and closes it with the run", [
    said("a"),
    said(""),
    said("b"),
    { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1 },
  ], ["+Text0@1", "0:a", "0:b", "-0", "RunEnded"]],
  ["keeps thoughts and texts apart", [thought("x"), said("a"), thought("y")], [
    "+Reasoning0@1",
    "0:x",
    "-0",
    "+Text1@1",
    "1:a",
    "-1",
    "+Reasoning2@1",
    "2:y",
  ]],
  ["begins a new text in every turn", [
    { _tag: "TurnStarted", turn: 1 },
    said("a"),
    { _tag: "TurnFinished", turn: 1, usage: zero },
    { _tag: "TurnStarted", turn: 2 },
    said("b"),
  ], ["+Text0@1", "0:a", "-0", "+Text1@2", "1:b"]],
  ["opens a call with its start, adds what it prints and closes it with its result", [
    said("a"),
    { _tag: "ToolCallStarted", call: call("c") },
    output("c", "1"),
    output("other", "2"),
    finished("c"),
    output("c", "late"),
  ], ["+Text0@1", "0:a", "-0", "+Call1@1", "1>1", "-1=r"]],
  ["opens a call late that it has not heard of", [finished("c")], ["+Call0@1", "-0=r"]],
  ["opens and closes a client's call at once", [{ _tag: "ClientToolCalled", call: call("c") }], [
    "+ClientCall0@1",
    "-0",
  ]],
  ["closes what is said before a person is asked", [
    said("a"),
    { _tag: "ApprovalRequested", id: "appr_1", calls: [{ call: call("c") }], expiresAtMs: 0 },
  ], ["+Text0@1", "0:a", "-0", "?appr_1"]],
  ["gives calls of one id places of their own", [
    { _tag: "ToolCallStarted", call: call("c") },
    finished("c"),
    { _tag: "ToolCallStarted", call: call("c") },
    finished("c"),
  ], ["+Call0@1", "-0=r", "+Call1@1", "-1=r"]],
];

for (const [name, events, expected] of cases) {
  Deno.test(`makeItemStep() ${name}`, () => assert.deepEqual(happened(events), expected));
}
