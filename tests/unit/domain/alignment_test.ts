import assert from "node:assert/strict";
import { Arbitrary, Effect, Schema } from "effect";
import { renderCallBlock, renderResultBlock } from "../../../src/domain/activityMarkup.ts";
import { align } from "../../../src/domain/alignment.ts";
import { assistant, type Message, textOf, toolCallsOf, user } from "../../../src/domain/Message.ts";
import { pathTo, type Turn, type TurnStatus } from "../../../src/domain/Session.ts";
import { zero } from "../../../src/domain/Usage.ts";
import { it } from "../../support/it.ts";

// Arrange ----------------------------------------------------------------------------------------

const turn = (
  id: string,
  parent: string | null,
  messages: ReadonlyArray<Message>,
  status: TurnStatus = "completed",
): Turn => ({ id, parent, messages, status, model: "m", usage: zero, startedAtMs: 0, finishedAtMs: 0 });

const calls = (text: string, ...ids: ReadonlyArray<string>): Message => ({
  role: "assistant",
  parts: [
    { _tag: "Text", text },
    ...ids.map((id) => ({
      _tag: "ToolCall" as const,
      call: { id, name: "execute_bash", argumentsJson: `{"command":"echo ${id}"}` },
    })),
  ],
});

const result = (callId: string, content = `out of ${callId}`): Message => ({
  role: "tool",
  callId,
  name: "execute_bash",
  content,
  isError: false,
});

/** A turn in which one of our tools ran between two pieces of the answer. */
const rich = (id: string, parent: string | null, said: string) =>
  turn(id, parent, [
    user(said),
    calls(`Let me see ${id}.`, `call-${id}`),
    result(`call-${id}`),
    assistant(`Done ${id}.`),
  ]);

const views = ["none", "text", "details", "tool_calls", "replayed"] as const;
type TestView = (typeof views)[number];

/** What a client resends of one turn that it saw in a view. */
const asSeen = (view: TestView, shown: Turn): ReadonlyArray<Message> => {
  const said = shown.messages.slice(0, shown.messages.findIndex((m) => m.role === "assistant"));
  const answer = shown.messages.slice(said.length);
  // A client of an agent framework resends the calls and results that it was shown.
  if (view === "replayed") return shown.messages;
  const results = new Map(answer.flatMap((m) => (m.role === "tool" ? [[m.callId, m] as const] : [])));
  const content = answer.filter((m) => m.role === "assistant").map((message) => {
    const activity = toolCallsOf(message).filter((call) => results.has(call.id)).map((call) => {
      const output = { text: results.get(call.id)?.content ?? "", isError: false };
      if (view === "text") return renderCallBlock(call) + renderResultBlock(output, call.id);
      if (view === "tool_calls") return renderResultBlock(output, call.id);
      if (view === "none") return "";
      return `\n<details type="tool_calls" done="true" id="${call.id}" name="${call.name}" arguments="&quot;">\n` +
        `<summary>Tool Executed</summary>\n</details>\n`;
    });
    return textOf(message) + activity.join("");
  }).join("");
  const open = answer.flatMap(toolCallsOf).filter((call) => !results.has(call.id));
  return [...said, {
    role: "assistant",
    parts: [
      { _tag: "Text", text: content.trim() },
      ...open.map((call) => ({ _tag: "ToolCall" as const, call })),
    ],
  }];
};

const seen = (view: TestView, path: ReadonlyArray<Turn>) => path.flatMap((t) => asSeen(view, t));

const three = [rich("1", null, "first"), rich("2", "1", "second"), rich("3", "2", "third")];
const messagesOf = (turns: ReadonlyArray<Turn>) => turns.flatMap((t) => t.messages);

// New messages -----------------------------------------------------------------------------------

Deno.test("align continues after the newest turn when only a new user message comes", () => {
  assert.deepEqual(align(three, [user("more")]), {
    parent: { _tag: "Newest" },
    history: messagesOf(three),
    fresh: [user("more")],
  });
});

Deno.test("align continues after the newest turn when the first message is said again", () => {
  assert.deepEqual(align(three, [user("first")]).parent, { _tag: "Newest" });
});

Deno.test("align starts anew when a client that sends whole conversations sends one message", () => {
  assert.deepEqual(align(three, [user("first")], { sendsWholeHistory: true }), {
    parent: { _tag: "Root" },
    history: [],
    fresh: [user("first")],
  });
});

Deno.test("align starts at the root when resent history shares nothing", () => {
  const incoming = [user("other"), assistant("answer"), user("more")];
  assert.deepEqual(align(three, incoming), { parent: { _tag: "Root" }, history: [], fresh: incoming });
  assert.deepEqual(align([], incoming), { parent: { _tag: "Root" }, history: [], fresh: incoming });
});

// Resent history ---------------------------------------------------------------------------------

for (const view of views) {
  Deno.test(`align keeps the rich form of every turn when history comes back from the view ${view}`, () => {
    assert.deepEqual(align(three, [...seen(view, three), user("new")]), {
      parent: { _tag: "After", turn: "3" },
      history: messagesOf(three),
      fresh: [user("new")],
    });
  });
}

Deno.test("align branches when a turn is regenerated", () => {
  const incoming = [...seen("text", three.slice(0, 2)), user("third")];
  assert.deepEqual(align(three, incoming), {
    parent: { _tag: "After", turn: "2" },
    history: messagesOf(three.slice(0, 2)),
    fresh: [user("third")],
  });
});

Deno.test("align branches when an earlier message is edited", () => {
  const incoming = [...seen("text", three.slice(0, 1)), user("second, edited")];
  assert.deepEqual(align(three, incoming).parent, { _tag: "After", turn: "1" });
});

Deno.test("align branches when an answer is edited", () => {
  const incoming = [...seen("none", three.slice(0, 1)), user("second"), assistant("What I never said."), user("and?")];
  assert.deepEqual(align(three, incoming), {
    parent: { _tag: "After", turn: "1" },
    history: messagesOf(three.slice(0, 1)),
    fresh: [user("second"), assistant("What I never said."), user("and?")],
  });
});

Deno.test("align follows the branch that the client shows when two exist", () => {
  const turns = [...three, rich("2b", "1", "second, edited"), rich("2c", "1", "second")];
  const path = pathTo(turns, "2b");
  assert.deepEqual(align(turns, [...seen("text", path), user("on")]).parent, { _tag: "After", turn: "2b" });
  const other = pathTo(turns, "2c");
  assert.deepEqual(align(turns, [...seen("text", other), user("on")]).parent, { _tag: "After", turn: "2c" });
});

Deno.test("align takes a resent turn as something new when nothing follows it", () => {
  const incoming = seen("none", three.slice(0, 1));
  assert.deepEqual(align(three, incoming), { parent: { _tag: "Root" }, history: [], fresh: incoming });
});

Deno.test("align keeps the shown turns in rich form when a client dropped the oldest", () => {
  const incoming = [...seen("text", three.slice(1)), user("new")];
  assert.deepEqual(align(three, incoming), {
    parent: { _tag: "After", turn: "3" },
    history: messagesOf(three.slice(1)),
    fresh: [user("new")],
  });
});

Deno.test("align tells images apart when the text is the same", () => {
  const picture = (base64: string): Message => ({
    role: "user",
    parts: [{ _tag: "Text", text: "what is this?" }, { _tag: "Image", mediaType: "image/png", base64 }],
  });
  const turns = [turn("1", null, [picture("AAAA"), assistant("A cat.")])];
  const after = (image: Message) => align(turns, [image, assistant("A cat."), user("sure?")]).parent;
  assert.deepEqual(after(picture("AAAA")), { _tag: "After", turn: "1" });
  assert.deepEqual(after(picture("BBBB")), { _tag: "Root" });
});

Deno.test("align keeps a cancelled turn when the client saw less of it, more of it or nothing", () => {
  const turns = [three[0] ?? assert.fail(), turn("2", "1", [user("long"), assistant("one two three")], "cancelled")];
  for (const shown of [[assistant("one two")], [assistant("one two three four")], [assistant("")], []]) {
    const incoming = [...seen("none", turns.slice(0, 1)), user("long"), ...shown, user("go on")];
    assert.deepEqual(align(turns, incoming).parent, { _tag: "After", turn: "2" });
  }
});

Deno.test("align answers the calls that nobody answered when a turn was cut between call and result", () => {
  const turns = [turn("1", null, [user("run"), calls("Running.", "c1")], "cancelled")];
  assert.deepEqual(align(turns, [user("again")]).history, [
    user("run"),
    calls("Running.", "c1"),
    { ...result("c1", "This call was not answered."), isError: true },
  ]);
});

// Client tools -----------------------------------------------------------------------------------

const awaiting = [...three, turn("4", "3", [user("weather?"), calls("Asking.", "w1", "w2")], "awaiting-client")];

Deno.test("align continues the awaiting turn when only tool answers come", () => {
  const answers = [result("w1"), result("w2")];
  for (const incoming of [answers, [calls("", "w1", "w2"), ...answers]]) {
    assert.deepEqual(align(awaiting, incoming), {
      parent: { _tag: "After", turn: "4" },
      history: messagesOf(awaiting),
      fresh: answers,
    });
  }
});

Deno.test("align continues the awaiting turn when tool answers come with the whole history", () => {
  for (const content of ["Asking.", ""]) {
    const incoming = [
      ...seen("text", three),
      user("weather?"),
      calls(content, "w1", "w2"),
      result("w1"),
      result("w2"),
      user("hurry"),
    ];
    assert.deepEqual(align(awaiting, incoming), {
      parent: { _tag: "After", turn: "4" },
      history: messagesOf(awaiting),
      fresh: [result("w1"), result("w2"), user("hurry")],
    });
  }
});

Deno.test("align follows a chain of tool answers when a client resends all of it", () => {
  const turns = [
    ...awaiting,
    turn("5", "4", [result("w1"), result("w2"), calls("One more.", "w3")], "awaiting-client"),
    turn("6", "5", [result("w3"), assistant("Rain.")]),
  ];
  const incoming = [...seen("none", turns), user("thanks")];
  assert.deepEqual(align(turns, incoming), {
    parent: { _tag: "After", turn: "6" },
    history: messagesOf(turns),
    fresh: [user("thanks")],
  });
});

Deno.test("align closes a client's call that was abandoned when the user says something else", () => {
  const { history, fresh } = align(awaiting, [user("never mind")]);
  assert.deepEqual(fresh, [user("never mind")]);
  assert.deepEqual(history.slice(-2).map((m) => (m.role === "tool" ? [m.callId, m.isError] : m.role)), [
    ["w1", true],
    ["w2", true],
  ]);
});

// Properties -------------------------------------------------------------------------------------

const Step = Schema.Struct({
  parent: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  said: Schema.Literals(["hi", "go on", "  fix\r\nthis ", "```bash\nls\n```"]),
  text: Schema.String,
  output: Schema.String,
  calls: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
});
const Scenario = Schema.Struct({
  steps: Schema.NonEmptyArray(Step),
  target: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  edit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  view: Schema.Literals(views),
});

/** A tree of turns: every answer is its own, what the user says often repeats. */
const treeOf = (steps: (typeof Scenario.Type)["steps"]): ReadonlyArray<Turn> =>
  steps.map((step, index) => {
    const parent = step.parent % (index + 1);
    const ids = Array.from({ length: step.calls }, (_, n) => `call-${index}-${n}`);
    return turn(`t${index}`, parent === index ? null : `t${parent}`, [
      user(step.said),
      ...ids.flatMap((id) => [calls(step.text.replaceAll("caisson:", ""), id), result(id, step.output)]),
      assistant(`Answer ${index}.`),
    ]);
  });

const holds = (name: string, property: (scenario: typeof Scenario.Type) => void) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const outcome = yield* Arbitrary.checkEffect(Arbitrary.schema(Scenario), (scenario) =>
        Effect.try(() => property(scenario)).pipe(Effect.as(true)), { runs: 400, seed: "alignment" });
      assert.equal(Arbitrary.formatCheckFailure(outcome), undefined);
    }));

holds("align returns the path when any stored tree is seen through any view", ({ steps, target, view }) => {
  const turns = treeOf(steps);
  const path = pathTo(turns, `t${target % turns.length}`);
  assert.deepEqual(align(turns, [...seen(view, path), user("what is new")]), {
    parent: { _tag: "After", turn: path.at(-1)?.id },
    history: messagesOf(path),
    fresh: [user("what is new")],
  });
});

holds("align branches before the edit when any message of any path is edited", ({ steps, target, view, edit }) => {
  const turns = treeOf(steps);
  const path = pathTo(turns, `t${target % turns.length}`);
  const at = edit % path.length;
  const kept = path.slice(0, at);
  const fresh = [user("edited here"), ...seen(view, path.slice(at)).slice(1), user("what is new")];
  assert.deepEqual(align(turns, [...seen(view, kept), ...fresh]), {
    parent: kept.length === 0 ? { _tag: "Root" } : { _tag: "After", turn: kept.at(-1)?.id },
    history: messagesOf(kept),
    fresh,
  });
});

holds("align gives the model every turn once when a path is regenerated", ({ steps, target, view }) => {
  const turns = treeOf(steps);
  const path = pathTo(turns, `t${target % turns.length}`);
  const kept = path.slice(0, -1);
  const again = (path.at(-1)?.messages ?? []).slice(0, 1);
  const aligned = align(turns, [...seen(view, kept), ...again], { sendsWholeHistory: true });
  assert.deepEqual([...aligned.history, ...aligned.fresh], [...messagesOf(kept), ...again]);
});

Deno.test("align answers every call of a resent history that nobody answered", () => {
  const open = calls("I look.", "call-open");
  const { history, fresh } = align([], [user("one"), open, user("two")]);
  assert.deepEqual(history, []);
  assert.deepEqual(fresh.map((message) => message.role), ["user", "assistant", "tool", "user"]);
  const again = align([rich("1", null, "zero")], [user("one"), open, result("call-open"), user("two")]);
  assert.deepEqual(again.fresh, [user("one"), open, result("call-open"), user("two")]);
});
