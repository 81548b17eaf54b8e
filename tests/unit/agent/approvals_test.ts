/** Replies to what a run asked, from several instances and after a crash: carried out at most once. */
import assert from "node:assert/strict";
import { Effect, Fiber, Layer, Stream } from "effect";
import { TestClock } from "effect/testing";
import * as Scripted from "../../../src/adapters/model/Scripted.ts";
import * as Sqlite from "../../../src/adapters/sessions/Sqlite.ts";
import { Agent, layer as agentLayer } from "../../../src/agent/Agent.ts";
import * as Conversation from "../../../src/agent/Conversation.ts";
import { Settings } from "../../../src/config.ts";
import { declarations } from "../../../src/domain/agentTools.ts";
import { type Message, user } from "../../../src/domain/Message.ts";
import { parseToolRules } from "../../../src/domain/ToolRule.ts";
import { Sessions } from "../../../src/services/Sessions.ts";
import { Toolbox } from "../../../src/services/Toolbox.ts";
import { it } from "../../support/it.ts";
import { temporaryDirectory } from "../../support/temporaryDirectory.ts";

const owner = { principal: "p", user: "u", ephemeral: false };
const push = Scripted.calls(Scripted.toolCall("c1", "execute_bash", { command: "git push" }));

/** One instance over the store in a directory; calls are noted in `ran`. */
const instance = (dataPath: string, ran: Array<string>, steps: ReadonlyArray<Scripted.Step>) => {
  const settings = Settings.layerWith({ dataPath, toolsAsk: parseToolRules("Bash(git push *)") ?? [] });
  const toolbox = Layer.succeed(
    Toolbox,
    Toolbox.of({
      open: () =>
        Effect.succeed({
          declarations,
          call: ({ argumentsJson }) =>
            Effect.gen(function* () {
              ran.push(argumentsJson);
              // The others ask for the call while it runs.
              yield* Effect.promise(() => Promise.resolve());
              return { text: `pushed ${ran.length}`, isError: false };
            }),
        }),
      systemPrompt: () => Effect.succeed(""),
      serverConnected: Effect.succeed(null),
    }),
  );
  return agentLayer.pipe(
    Layer.provide([Scripted.layer(steps), toolbox]),
    Layer.merge(Sqlite.layer),
    Layer.provide(settings),
  );
};

const open = (text: string) => Conversation.open({ owner, sessionId: "s", messages: [user(text)] });

/** Runs what is said in the one session, and returns the results of calls that the turn keeps. */
const answer = Effect.fnUntraced(function* (conversation: Conversation.Conversation) {
  const agent = yield* Agent;
  yield* Stream.runDrain(agent.run({
    owner,
    conversation,
    model: Scripted.scriptedModel,
    instructions: [],
    parameters: {},
    clientTools: [],
    useTools: true,
  }));
  const { turns } = yield* (yield* Sessions).load(conversation.key);
  const stored: ReadonlyArray<Message> = turns.find(({ id }) => id === conversation.turn)?.messages ?? [];
  return stored.flatMap((message) => message.role === "tool" ? [message.content] : []);
});

const say = (text: string) => Effect.flatMap(open(text), answer);

const answers = Array.from({ length: 20 }, () => Scripted.answers("done"));

it.live("twenty replies at once to two instances carry a call out once, and every turn keeps its result", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const ran: Array<string> = [];
    const one = yield* Layer.build(instance(dataPath, ran, [push, ...answers]));
    const two = yield* Layer.build(instance(dataPath, ran, answers));
    yield* Effect.provide(say("Publish it."), one);
    assert.deepEqual(ran, []);
    const replies = yield* Effect.forEach(
      Array.from({ length: 20 }, (_, n) => n % 2 === 0 ? one : two),
      (each) =>
        Effect.map(Effect.provide(open("yes"), each), (conversation) => Effect.provide(answer(conversation), each)),
    );
    const results = yield* Effect.all(replies, { concurrency: "unbounded" });
    assert.deepEqual(ran, ['{"command":"git push"}']);
    assert.deepEqual(results, Array.from({ length: 20 }, () => ["pushed 1"]));
  }));

it.effect("a call whose instance died in the middle is not tried again: its outcome is not known", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const ran: Array<string> = [];
    const one = yield* Layer.build(instance(dataPath, ran, [push]));
    yield* Effect.provide(say("Publish it."), one);
    // What an instance leaves behind that was killed while it carried the call out.
    const claimed = yield* Effect.provide(
      Effect.gen(function* () {
        const { pending } = yield* open("yes");
        const call = pending?.calls[0]?.call ?? assert.fail();
        return yield* pending?.claim(call) ?? assert.fail();
      }),
      one,
    );
    assert.deepEqual(claimed, { _tag: "Won" });
    const two = yield* Layer.build(instance(dataPath, ran, answers));
    const reply = yield* Effect.forkChild(Effect.provide(say("yes"), two));
    yield* TestClock.adjust("21 seconds");
    const [content] = yield* Fiber.join(reply);
    assert.match(content ?? "", /its outcome is not known.*Check before doing it again/s);
    assert.deepEqual(ran, []);
  }));

it.effect("a call that was carried out before its instance died has the result that came of it", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const ran: Array<string> = [];
    const one = yield* Layer.build(instance(dataPath, ran, [push]));
    yield* Effect.provide(say("Publish it."), one);
    yield* Effect.provide(
      Effect.gen(function* () {
        const { pending } = yield* open("yes");
        const call = pending?.calls[0]?.call ?? assert.fail();
        yield* pending?.claim(call) ?? assert.fail();
        const outcome = { role: "tool", callId: call.id, name: call.name, content: "it went through", isError: false };
        yield* pending?.settle(call, { ...outcome, role: "tool" }) ?? assert.fail();
      }),
      one,
    );
    const two = yield* Layer.build(instance(dataPath, ran, answers));
    assert.deepEqual(yield* Effect.provide(say("yes"), two), ["it went through"]);
    assert.deepEqual(ran, []);
  }));
