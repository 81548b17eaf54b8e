/**
 * Caisson as a library: a Model of one's own, composed with the layers that come ready-made.
 *
 * Run it with `deno task example`. It needs neither a key nor Docker.
 */
import { Effect, Layer, Ref, Stream } from "effect";
import { Agent, app, Conversation, Message, Model, Settings, Usage } from "@caisson/caisson";

/** A model that always counts the files of its workspace and then says what it saw. */
const counting = Layer.effect(
  Model.Model,
  Effect.gen(function* () {
    const turns = yield* Ref.make(0);
    const finished = (reason: "Stop" | "ToolCalls"): Model.ModelEvent => ({
      _tag: "Finished",
      reason,
      usage: Usage.zero,
    });
    return Model.Model.of({
      defaultModel: Effect.succeed("counting"),
      list: Effect.succeed([{ id: "counting", provider: "example", vision: false }]),
      find: (id) => Effect.succeed({ id, provider: "example", vision: false }),
      stream: ({ messages }) =>
        Stream.unwrap(Effect.map(Ref.getAndUpdate(turns, (turn) => turn + 1), (turn) => {
          const last = messages.at(-1);
          return Stream.fromIterable<Model.ModelEvent>(
            turn === 0
              ? [
                {
                  _tag: "ToolCall",
                  call: { id: "1", name: "execute_bash", argumentsJson: '{"command":"touch a b c; ls | wc -l"}' },
                },
                finished("ToolCalls"),
              ]
              : [
                { _tag: "TextDelta", text: `I saw: ${last === undefined ? "nothing" : Message.textOf(last)}` },
                finished("Stop"),
              ],
          );
        })),
    });
  }),
);

const program = Effect.gen(function* () {
  const agent = yield* Agent.Agent;
  const owner = { principal: "example", user: "ada", ephemeral: true };
  const conversation = yield* Conversation.open({ owner, messages: [Message.user("How many files are there?")] });
  const events = agent.run({
    owner,
    conversation,
    model: "counting",
    instructions: [],
    parameters: {},
    clientTools: [],
    useTools: true,
  });
  yield* Stream.runForEach(events, (event) => Effect.sync(() => console.log(JSON.stringify(event))));
});

const layers = app.agent.pipe(
  Layer.provide(app.toolbox),
  Layer.provide([counting, app.sandbox]),
  Layer.merge(app.sessions),
  Layer.provide(Settings.layerWith({ sandbox: "embedded", sessions: "memory" })),
);

await Effect.runPromise(Effect.provide(program, layers));
