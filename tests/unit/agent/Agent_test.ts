import assert from "node:assert/strict";
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Ref, Stream } from "effect";
import { TestClock } from "effect/testing";
import * as Scripted from "../../../src/adapters/model/Scripted.ts";
import { Agent, type AgentRequest, layer as agentLayer } from "../../../src/agent/Agent.ts";
import type { Conversation, TurnOutcome } from "../../../src/agent/Conversation.ts";
import { declarations } from "../../../src/domain/agentTools.ts";
import { Settings, type SettingsService } from "../../../src/config.ts";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { type Message, textOf, user } from "../../../src/domain/Message.ts";
import { OwnerKey } from "../../../src/domain/Owner.ts";
import type { ToolResult } from "../../../src/domain/Tool.ts";
import { parseToolRules } from "../../../src/domain/ToolRule.ts";
import { ConnectionLost, Model, ModelError, type ToolChoice } from "../../../src/services/Model.ts";
import { SandboxError, SandboxLost } from "../../../src/services/Sandbox.ts";
import { Toolbox, type ToolKit, type Tools } from "../../../src/services/Toolbox.ts";
import { it } from "../../support/it.ts";

const result = (text: string): ToolResult => ({ text, isError: false });

const toolbox = (call: Tools["call"]) =>
  Layer.succeed(
    Toolbox,
    Toolbox.of({
      open: () => Effect.succeed({ declarations, call }),
      systemPrompt: () => Effect.succeed("our prompt"),
      serverConnected: Effect.succeed(null),
    }),
  );

/** A toolbox whose calls answer with their own arguments. */
const echo = toolbox((call) => Effect.succeed(result(call.argumentsJson)));

const agent = (
  steps: ReadonlyArray<Scripted.Step>,
  tools: Layer.Layer<Toolbox> = echo,
  settings: Partial<SettingsService> = {},
) =>
  agentLayer.pipe(
    Layer.provideMerge(Scripted.layer(steps)),
    Layer.provide(tools),
    Layer.provide(Settings.layerWith(settings)),
    Layer.provideMerge(TestClock.layer()),
  );

/** A conversation that remembers what was stored instead of keeping a session. */
const conversation = (history: ReadonlyArray<Message> = []) => {
  const stored: Array<TurnOutcome> = [];
  const saying = (fresh: ReadonlyArray<Message>): Conversation => ({
    key: { owner: OwnerKey.make("0".repeat(32)), id: "default" },
    turn: "t",
    parent: null,
    history,
    fresh,
    grants: new Set(),
    canAsk: false,
    saying,
    store: (outcome) =>
      Effect.sync(() => {
        stored.push(outcome);
        return { ...outcome, id: "t", parent: null, messages: [], startedAtMs: 0, finishedAtMs: 0 };
      }),
  });
  return { opened: saying([user("hello")]), stored };
};

const request = (opened: Conversation, changes: Partial<AgentRequest> = {}): AgentRequest => ({
  owner: { principal: "p", user: "u", ephemeral: false },
  conversation: opened,
  model: Scripted.scriptedModel,
  instructions: [],
  parameters: {},
  clientTools: [],
  useTools: true,
  ...changes,
});

const run = (agentRequest: AgentRequest) =>
  Effect.flatMap(Agent, (service) => Stream.runCollect(service.run(agentRequest)));

const asked = Effect.flatMap(Scripted.ScriptedRequests, Ref.get);

const tags = (events: ReadonlyArray<AgentEvent>) => events.map((event) => event._tag);

const answerOf = (events: ReadonlyArray<AgentEvent>) =>
  events.map((event) => event._tag === "TextDelta" ? event.text : "").join("");

const bash = (id: string, command: string) => Scripted.toolCall(id, "execute_bash", { command });

const clientTool = { name: "get_weather", description: "", parameters: { type: "object" as const } };

it.effect("Agent.run streams the answer and stores the turn when the model just answers", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened, { instructions: ["be brief"] }));
    const usage = { inputTokens: 10, cachedInputTokens: 0, outputTokens: 5, reasoningTokens: 0 };
    assert.deepEqual(events, [
      { _tag: "TurnStarted", turn: 1 },
      { _tag: "TextDelta", text: "Hel" },
      { _tag: "TextDelta", text: "lo" },
      { _tag: "TurnFinished", turn: 1, usage },
      {
        _tag: "RunFinished",
        reason: "Stop",
        turns: 1,
        usage,
      },
    ]);
    assert.deepEqual(stored.map(({ status, produced }) => [status, produced.map(textOf)]), [["completed", ["Hello"]]]);
    const [first] = yield* asked;
    assert.equal(first?.system, "our prompt\n\n# From the application\n\nbe brief");
    assert.deepEqual(first?.messages, [user("hello")]);
  }).pipe(Effect.provide(agent([Scripted.answers("Hel", "lo")])));
});

it.effect("Agent.run executes the calls of a turn in order and shows the model their results", () => {
  const { opened, stored } = conversation([user("before")]);
  return Effect.gen(function* () {
    const events = yield* run(request(opened));
    assert.deepEqual(tags(events), [
      "TurnStarted",
      "TurnFinished",
      "ToolCallStarted",
      "ToolCallFinished",
      "ToolCallStarted",
      "ToolCallFinished",
      "TurnStarted",
      "TextDelta",
      "TurnFinished",
      "RunFinished",
    ]);
    const [, second] = yield* asked;
    assert.deepEqual(second?.messages.map((message) => message.role), ["user", "user", "assistant", "tool", "tool"]);
    assert.deepEqual(second?.messages.slice(3).map(textOf), ['{"command":"one"}', '{"command":"two"}']);
    assert.equal(events.at(-1)?._tag === "RunFinished" && events.at(-1), events.at(-1));
    assert.deepEqual(stored[0]?.usage, { inputTokens: 20, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 0 });
  }).pipe(
    Effect.provide(agent([Scripted.calls(bash("1", "one"), bash("2", "two")), Scripted.answers("done")])),
  );
});

it.effect("Agent.run ends with the client's calls after running its own when a turn mixes both", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened, { clientTools: [clientTool] }));
    assert.deepEqual(tags(events), [
      "TurnStarted",
      "TurnFinished",
      "ToolCallStarted",
      "ToolCallFinished",
      "ClientToolCalled",
      "RunFinished",
    ]);
    assert.equal(stored[0]?.status, "awaiting-client");
    assert.deepEqual(stored[0]?.produced.map(({ role }) => role), ["assistant", "tool"]);
  }).pipe(
    Effect.provide(agent([Scripted.calls(bash("1", "one"), Scripted.toolCall("2", "get_weather", { city: "Oslo" }))])),
  );
});

it.effect("Agent.run ends by a limit when the model never stops calling tools", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened));
    assert.deepEqual(tags(events).filter((tag) => tag === "ToolCallFinished").length, 3);
    const last = events.at(-1);
    assert.equal(last?._tag === "RunFinished" && last.reason, "TurnLimit");
    assert.equal(stored[0]?.status, "limited");
  }).pipe(
    Effect.provide(
      agent(Array.from({ length: 9 }, (_, i) => Scripted.calls(bash(`${i}`, "x"))), echo, { turnsMax: 3 }),
    ),
  );
});

it.effect("Agent.run interrupts the command and ends by a limit when its time is over", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const started = yield* Deferred.make<void>();
    const killed = yield* Deferred.make<void>();
    const hanging = toolbox(() =>
      Deferred.succeed(started, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(killed, undefined)),
      )
    );
    yield* Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(run(request(opened)));
      yield* Deferred.await(started);
      yield* TestClock.adjust("60 seconds");
      const events = yield* Fiber.join(fiber);
      yield* Deferred.await(killed);
      const last = events.at(-1);
      assert.equal(last?._tag === "RunFinished" && last.reason, "TimeLimit");
      assert.deepEqual(stored[0]?.produced.map(({ role }) => role), ["assistant", "tool"]);
    }).pipe(Effect.provide(agent([Scripted.calls(bash("1", "sleep"))], hanging, { runSecondsMax: 60 })));
  });
});

it.effect("Agent.run ends by a limit when its output is over the bound", () => {
  const { opened } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened));
    const last = events.at(-1);
    assert.equal(last?._tag === "RunFinished" && last.reason, "RunOutputLimit");
    assert.equal(answerOf(events).length, 2000);
  }).pipe(
    Effect.provide(
      agent([Scripted.answers("a".repeat(1000), "b".repeat(1000), "c")], echo, { runOutputBytesMax: 1024 }),
    ),
  );
});

it.effect("Agent.run fails after storing what was completed when the model is cut in its second turn", () => {
  const { opened, stored } = conversation();
  const lost = new ModelError({ provider: "p", model: "m", reason: new ConnectionLost({}), detail: "reset" });
  return Effect.gen(function* () {
    const service = yield* Agent;
    const seen: Array<AgentEvent> = [];
    const exit = yield* Effect.exit(
      Stream.runForEach(service.run(request(opened)), (event) => Effect.sync(() => void seen.push(event))),
    );
    assert.ok(Exit.isFailure(exit));
    assert.equal(Cause.squash(exit.cause), lost);
    assert.deepEqual(tags(seen), [
      "TurnStarted",
      "TurnFinished",
      "ToolCallStarted",
      "ToolCallFinished",
      "TurnStarted",
      "TextDelta",
    ]);
    assert.equal(stored[0]?.status, "failed");
    assert.deepEqual(stored[0]?.produced.map(textOf), ["", '{"command":"x"}', "Half an ans"]);
  }).pipe(Effect.provide(agent([
    Scripted.calls(bash("1", "x")),
    () => Stream.concat(Stream.make(Scripted.text("Half an ans")), Stream.fail(lost)),
  ])));
});

it.effect("Agent.run stores nothing when the model fails before it said anything", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const exit = yield* Effect.exit(run(request(opened)));
    assert.ok(Exit.isFailure(exit));
    assert.deepEqual(stored, []);
  }).pipe(Effect.provide(agent([])));
});

it.effect("Agent.run closes open calls in the stored turn when the listener goes away mid-command", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const started = yield* Deferred.make<void>();
    const hanging = toolbox(() => Effect.andThen(Deferred.succeed(started, undefined), Effect.never));
    yield* Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(run(request(opened)));
      yield* Deferred.await(started);
      yield* Fiber.interrupt(fiber);
      assert.equal(stored[0]?.status, "cancelled");
      assert.deepEqual(stored[0]?.produced.map((message) => message.role === "tool" && message.isError), [false, true]);
    }).pipe(Effect.provide(agent([Scripted.calls(bash("1", "sleep 100"))], hanging)));
  });
});

const image = { path: "/workspace/a.png", mediaType: "image/png", base64: "A".repeat(8_000_000) };

for (const vision of [true, false]) {
  it.effect(`Agent.run shows images of tools to a model that ${vision ? "sees, up to its bound" : "is blind in words"}`, () => {
    const { opened, stored } = conversation();
    const looks = ["1", "2"].map((id) => Scripted.calls(Scripted.toolCall(id, "view_image", { file_path: "a.png" })));
    return Effect.gen(function* () {
      const model = yield* Model;
      const sighted = Model.of({
        ...model,
        find: (name) => Effect.map(model.find(name), (info) => ({ ...info, vision })),
      });
      const layer = agentLayer.pipe(
        Layer.provide(Layer.succeed(Model, sighted)),
        Layer.provide(toolbox(() => Effect.succeed({ text: "Image a.png", isError: false, images: [image] }))),
        Layer.provide(Settings.layerWith()),
      );
      const events = yield* run(request(opened)).pipe(Effect.provide(layer));
      const requests = yield* asked;
      const results = requests.at(-1)?.messages.flatMap((message) => message.role === "tool" ? [message] : []) ?? [];
      assert.deepEqual(results.map(({ images = [] }) => images.length), vision ? [1, 0] : [0, 0]);
      assert.match(results.at(-1)?.content ?? "", vision ? /It is not shown/ : /cannot be shown images/);
      assert.equal(requests[0]?.tools.some(({ name }) => name === "view_image"), vision);
      // The reader has the file; nothing of the image is in the run's events.
      assert.ok(JSON.stringify(events).length < 10_000);
      assert.equal(stored.length, 1);
    }).pipe(Effect.provide(Layer.merge(Scripted.layer([...looks, Scripted.answers("Seen.")]), TestClock.layer())));
  });
}

it.effect("Agent.run fails when the sandbox fails, and keeps the call it was in", () => {
  const { opened, stored } = conversation();
  const lost = new SandboxError({ reason: new SandboxLost({}), detail: "gone" });
  return Effect.gen(function* () {
    const exit = yield* Effect.exit(run(request(opened)));
    assert.ok(Exit.isFailure(exit));
    assert.equal(Cause.squash(exit.cause), lost);
    assert.equal(stored[0]?.status, "failed");
  }).pipe(Effect.provide(agent([Scripted.calls(bash("1", "x"))], toolbox(() => Effect.fail(lost)))));
});

it.effect("Agent.run asks for the wished format in a last turn that may call no tool when tools are offered", () => {
  const { opened, stored } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened, { parameters: { responseFormat: { _tag: "JsonObject" } } }));
    assert.equal(answerOf(events), '{"sum":4}');
    const requests = yield* asked;
    const seen = requests.map(({ tools, parameters: { responseFormat, toolChoice } }) => [
      tools.length,
      responseFormat?._tag,
      toolChoice?._tag,
    ]);
    assert.deepEqual(seen, [
      [declarations.length, undefined, undefined],
      [declarations.length, undefined, undefined],
      [declarations.length, "JsonObject", "None"],
    ]);
    assert.deepEqual(requests[2]?.messages.map(({ role }) => role), ["user", "assistant", "tool"]);
    assert.deepEqual(stored[0]?.produced.map(textOf).at(-1), '{"sum":4}');
  }).pipe(Effect.provide(agent([
    Scripted.calls(Scripted.text("Let me see"), bash("1", "echo 4")),
    Scripted.answers("The sum is 4"),
    Scripted.answers('{"sum":4}'),
  ])));
});

it.effect("Agent.run gives every model turn of a conversation one cache key that names nobody, an ephemeral owner none", () => {
  const { opened } = conversation();
  const passing = { principal: "p", user: "u", ephemeral: true };
  return Effect.gen(function* () {
    yield* run(request(opened));
    yield* run(request(opened));
    yield* run(request(opened, { owner: passing }));
    const [first, ...others] = (yield* asked).map(({ cacheKey }) => cacheKey);
    assert.match(first ?? "", /^[0-9a-f]{32}$/);
    assert.deepEqual(others, [first, first, undefined]);
  }).pipe(Effect.provide(agent([
    Scripted.calls(bash("1", "x")),
    Scripted.answers("ok"),
    Scripted.answers("ok"),
    Scripted.answers("ok"),
  ])));
});

/** A tool choice, whether the client has a tool, and whether the choice is passed on in each of three turns. */
const choices: ReadonlyArray<readonly [ToolChoice, boolean, ReadonlyArray<boolean>]> = [
  [{ _tag: "Auto" }, true, [true, true, true]],
  [{ _tag: "None" }, true, [true, true, true]],
  [{ _tag: "Required" }, false, [true, false, false]],
  [{ _tag: "Required" }, true, [true, true, true]],
  [{ _tag: "Named", name: "execute_bash" }, true, [true, false, false]],
  [{ _tag: "Named", name: "get_weather" }, true, [true, true, true]],
];
for (const [toolChoice, hasClientTool, passed] of choices) {
  const name = toolChoice._tag === "Named" ? `the tool ${toolChoice.name}` : toolChoice._tag;
  it.effect(
    `Agent.run holds ${name} ${hasClientTool ? "with" : "without"} a client's tool as long as only it can be met`,
    () => {
      const { opened } = conversation();
      const changes = { parameters: { toolChoice }, clientTools: hasClientTool ? [clientTool] : [] };
      return Effect.gen(function* () {
        yield* run(request(opened, changes));
        assert.deepEqual((yield* asked).map(({ parameters }) => parameters.toolChoice !== undefined), passed);
      }).pipe(Effect.provide(agent([
        Scripted.calls(bash("1", "x")),
        Scripted.calls(bash("2", "x")),
        hasClientTool ? Scripted.calls(Scripted.toolCall("3", "get_weather", {})) : Scripted.answers("ok"),
      ])));
    },
  );
}

it.effect("Agent.run tells live what a call prints, within its bounds, and stores only the result", () => {
  const { opened, stored } = conversation();
  const talking = toolbox((_call, { onOutput } = {}) =>
    Effect.gen(function* () {
      onOutput?.("stdout", "one\n");
      yield* Effect.sleep("150 millis");
      onOutput?.("stderr", "two\n");
      yield* Effect.sleep("150 millis");
      for (let line = 0; line < 100_000; line++) onOutput?.("stdout", `${line}\n`);
      yield* Effect.sleep("150 millis");
      onOutput?.("stdout", "last");
      return result("whole");
    })
  );
  return Effect.gen(function* () {
    const running = yield* Effect.forkChild(run(request(opened)));
    yield* TestClock.adjust("10 seconds");
    const events = yield* Fiber.join(running);
    const outputs = events.flatMap((event) => event._tag === "ToolOutput" ? [event] : []);
    assert.deepEqual(outputs.slice(0, 2).map(({ stream, text }) => [stream, text]), [
      ["stdout", "one\n"],
      ["stderr", "two\n"],
    ]);
    const [head, tail] = outputs.slice(2);
    assert.ok(head !== undefined && tail !== undefined);
    assert.ok(head.text.startsWith("0\n1\n") && tail.text.endsWith("99999\n"));
    assert.equal(head.text.length + tail.text.length, 4_096);
    assert.equal(tail.omitted, 588_890 - 4_096, "100,000 numbers, a line each");
    assert.equal(outputs.length, 4, "what is printed at the end is in the result");
    const finishedAt = events.findIndex(({ _tag }) => _tag === "ToolCallFinished");
    assert.ok(events.slice(finishedAt).every(({ _tag }) => _tag !== "ToolOutput"));
    assert.deepEqual(stored[0]?.produced.map(textOf), ["", "whole", "ok"]);
  }).pipe(Effect.provide(agent([Scripted.calls(bash("1", "x")), Scripted.answers("ok")], talking, {
    runOutputBytesMax: 100,
  })));
});

it.effect("Agent.run tells once that a call which prints nothing is running, and nothing of one that ends at once", () => {
  const { opened } = conversation();
  const slow = toolbox(({ argumentsJson }) =>
    Effect.as(argumentsJson.includes("slow") ? Effect.sleep("1 minute") : Effect.void, result("done"))
  );
  return Effect.gen(function* () {
    const running = yield* Effect.forkChild(run(request(opened)));
    yield* TestClock.adjust("2 minutes");
    const events = yield* Fiber.join(running);
    assert.deepEqual(events.filter(({ _tag }) => _tag === "ToolOutput"), [
      { _tag: "ToolOutput", callId: "2", stream: "stdout", text: "" },
    ]);
  }).pipe(Effect.provide(agent([Scripted.calls(bash("1", "fast"), bash("2", "slow")), Scripted.answers("ok")], slow)));
});

it.effect("Agent.run says so when the model ends without an answer", () => {
  const { opened } = conversation();
  return Effect.gen(function* () {
    const events = yield* run(request(opened));
    assert.match(answerOf(events), /without an answer/);
  }).pipe(Effect.provide(agent([[Scripted.finished()]])));
});

it.effect("Agent.run offers no tools and no prompt of ours when the request must not use them", () => {
  const { opened } = conversation();
  return Effect.gen(function* () {
    yield* run(request(opened, { useTools: false, instructions: ["Make a title"] }));
    const [first] = yield* asked;
    assert.deepEqual([first?.system, first?.tools], ["Make a title", []]);
  }).pipe(Effect.provide(agent([Scripted.answers("A title")])));
});

it.effect("Agent.run carries out as many calls as the request allows and tells the model of the others", () =>
  Effect.gen(function* () {
    const { opened } = conversation();
    const call = (id: string) => Scripted.toolCall(id, "execute_bash", { command: id });
    const steps = [Scripted.calls(call("1"), call("2")), Scripted.calls(call("3")), Scripted.answers("Done.")];
    yield* Effect.gen(function* () {
      const events = yield* run(request(opened, { ownCallsMax: 1 }));
      assert.deepEqual(
        events.flatMap((event) => event._tag === "ToolCallFinished" ? [event.call.id] : []),
        ["1"],
      );
      const results = (yield* asked).at(-1)?.messages.filter(({ role }) => role === "tool").map(textOf);
      assert.deepEqual(results, [
        '{"command":"1"}',
        "Not carried out: this request allows 1 tool calls in all.",
        "Not carried out: this request allows 1 tool calls in all.",
      ]);
    }).pipe(Effect.provide(agent(steps)));
  }));

it.effect("Agent.run holds what a kit of its request works in for as long as it runs, also when it is given up", () =>
  Effect.gen(function* () {
    const held: Array<string> = [];
    const isCalling = yield* Deferred.make<void>();
    const kit: ToolKit = {
      owner: { principal: "p", user: "container", ephemeral: false },
      container: "cntr_1",
      held: Effect.acquireRelease(
        Effect.sync(() => void held.push("held")),
        () => Effect.sync(() => void held.push("let go")),
      ),
      declarations,
      prompt: "the kit's prompt",
      comesTo: () => [],
      call: (call, tools) =>
        Effect.gen(function* () {
          held.push("called");
          yield* Deferred.succeed(isCalling, undefined);
          yield* Effect.sleep("1 hour");
          return yield* tools.call(call);
        }),
    };
    const running = yield* Effect.forkChild(run(request(conversation().opened, { toolKit: kit })));
    yield* Deferred.await(isCalling);
    assert.deepEqual(held, ["held", "called"]);
    yield* Fiber.interrupt(running);
    assert.deepEqual(held, ["held", "called", "let go"]);
  }).pipe(
    Effect.provide(agent([Scripted.calls(Scripted.toolCall("c1", "execute_bash", {})), Scripted.answers("ok")])),
  ));

it.effect("Agent.run carries out no call that a rule denies, and tells the rule", () => {
  const { opened, stored } = conversation();
  const ran: Array<string> = [];
  const counted = toolbox(({ argumentsJson }) =>
    Effect.sync(() => {
      ran.push(argumentsJson);
      return result("done");
    })
  );
  return Effect.gen(function* () {
    const events = yield* run(request(opened));
    assert.deepEqual(ran, ['{"command":"ls"}']);
    const finished = events.filter((event) => event._tag === "ToolCallFinished");
    assert.deepEqual(finished.map(({ call, result }) => [call.id, result.isError]), [["1", true], ["2", false]]);
    const [, second] = yield* asked;
    assert.match(textOf(second?.messages[2] ?? user("")), /^Error: not allowed here \(rule Bash\(rm \*\)\)/);
    assert.equal(stored[0]?.status, "completed");
  }).pipe(Effect.provide(agent(
    [Scripted.calls(bash("1", "rm x"), bash("2", "ls")), Scripted.answers("ok")],
    counted,
    { toolsDeny: parseToolRules("Bash(rm *)") ?? [] },
  )));
});

it.effect("Agent.run judges a call of a kit by what it comes to", () => {
  const { opened } = conversation();
  return Effect.gen(function* () {
    const kit: ToolKit = {
      owner: { principal: "p", user: "container", ephemeral: false },
      container: "cntr_1",
      held: Effect.void,
      declarations,
      prompt: "",
      comesTo: ({ id }) => [{ id, name: "execute_bash", argumentsJson: '{"command":"rm x"}' }],
      call: () => Effect.die("it was carried out"),
    };
    const events = yield* run(request(opened, { toolKit: kit }));
    assert.equal(events.find((event) => event._tag === "ToolCallFinished")?.result.isError, true);
  }).pipe(Effect.provide(agent(
    [Scripted.calls(Scripted.toolCall("1", "shell", { commands: ["rm x"] })), Scripted.answers("ok")],
    echo,
    { toolsDeny: parseToolRules("Bash(rm *)") ?? [] },
  )));
});
