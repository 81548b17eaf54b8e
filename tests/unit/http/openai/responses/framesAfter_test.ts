import assert from "node:assert/strict";
import type { AgentEvent } from "../../../../../src/domain/AgentEvent.ts";
import { zero } from "../../../../../src/domain/Usage.ts";
import { ResponseDialect } from "../../../../../src/http/openai/responses/dialect.ts";
import { framesAfter } from "../../../../../src/http/openai/responses/stream.ts";

const said: ReadonlyArray<AgentEvent> = [
  { _tag: "ReasoningDelta", text: 'a "thought"' },
  ...["plain", '"quoted" \\ \n\t', "\u2028\u2029", "\ud800", "日本語 😀", "", "</script>"].map((text): AgentEvent => ({
    _tag: "TextDelta",
    text,
  })),
  { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1 },
];

Deno.test("every event is framed as the JSON that it is, pieces of text written by hand included", () => {
  const dialect = new ResponseDialect({ id: "resp_1", created_at: 1, output: [], status: "in_progress" });
  const events = [...dialect.begin(), ...said.flatMap((event) => dialect.step(event))];
  assert(events.filter(({ type }) => type === "response.output_text.delta").length > 5);
  assert.equal(
    framesAfter(events, -1),
    events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""),
  );
});
