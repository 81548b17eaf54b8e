/**
 * What a run said, gathered: every event comes back as it was, however it was cut.
 */
import assert from "node:assert/strict";
import { Schema } from "effect";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { eventsOf, Gathered, joinedEvents, KeptEvent } from "../../../src/domain/keptEvents.ts";
import { zero } from "../../../src/domain/Usage.ts";

const text = (text: string): AgentEvent => ({ _tag: "TextDelta", text });
const thought = (text: string, origin?: string): AgentEvent => ({
  _tag: "ReasoningDelta",
  text,
  ...(origin !== undefined && { origin: { provider: origin, data: {} } }),
});
const called: AgentEvent = { _tag: "ClientToolCalled", call: { id: "c", name: "n", argumentsJson: "{}" } };
const finished: AgentEvent = { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1, atMs: 5 };

const runs: ReadonlyArray<ReadonlyArray<AgentEvent>> = [
  [],
  [finished],
  [text("a"), text(""), text("bc"), finished],
  [thought("a"), thought("b"), text("c"), thought("d"), text("e"), called, text("f"), text("g"), finished],
  [thought("a"), thought("b", "p"), thought("c", "p"), thought("", "q"), text("d"), finished],
  [text("\ud83d"), text("\ude00!"), text("\udc00"), finished],
];

const gathered = (events: ReadonlyArray<AgentEvent>) => {
  const all = new Gathered();
  for (const event of events) all.add(event);
  return all;
};

Deno.test("what was gathered comes back event by event, through a store as well", () => {
  const codec = Schema.fromJsonString(Schema.Array(KeptEvent));
  for (const events of runs) {
    const all = gathered(events);
    assert.equal(all.isEmpty, events.length === 0);
    assert.deepEqual(eventsOf(all.whole.events), events);
    const written = JSON.stringify(all.whole.events);
    assert.deepEqual(eventsOf(Schema.decodeUnknownSync(codec)(written)), events);
    // What was kept before pieces were gathered is read as it is.
    assert.deepEqual(eventsOf(Schema.decodeUnknownSync(codec)(JSON.stringify(events))), events);
  }
});

Deno.test("texts that follow one another are one, and a thought ends with its origin", () => {
  const joined = (events: ReadonlyArray<AgentEvent>) => joinedEvents(gathered(events).whole.events);
  assert.deepEqual(joined(runs[2] ?? []), [text("abc"), finished]);
  assert.deepEqual(joined(runs[3] ?? []), [
    thought("ab"),
    text("c"),
    thought("d"),
    text("e"),
    called,
    text("fg"),
    finished,
  ]);
  assert.deepEqual(joined(runs[4] ?? []), [
    thought("ab", "p"),
    thought("c", "p"),
    thought("", "q"),
    text("d"),
    finished,
  ]);
});

Deno.test("a long stream is gathered as one text, and counted", () => {
  const pieces = Array.from({ length: 2_000 }, (_, index) => text(`word ${index} `));
  const { events, characters } = gathered(pieces).whole;
  assert.equal(events.length, 1);
  const written = JSON.stringify(events).length;
  assert.ok(characters > written / 2 && characters < written * 2, `${characters} counted, ${written} written`);
});

Deno.test("what is looked at meanwhile does not change what comes later", () => {
  const all = gathered([text("a"), text("b")]);
  assert.deepEqual(eventsOf(all.whole.events), [text("a"), text("b")]);
  for (const event of [text("c"), finished]) all.add(event);
  assert.deepEqual(eventsOf(all.whole.events), [text("a"), text("b"), text("c"), finished]);
  assert.deepEqual(joinedEvents(all.whole.events), [text("abc"), finished]);
});
