/**
 * Caisson as a library: a Model of one's own, composed with the layers that come ready-made.
 *
 * A file goes in with a question, the run sorts it in the sandbox, and the file that it made comes out. Run it with
 * `deno task example`. It needs neither a key nor Docker.
 */
import { Effect, Layer, Stream } from "effect";
import { app, Message, Model, Runs, Sandbox, Settings, Usage } from "@caisson/caisson";

const info: Model.ModelInfo = { id: "sorting", provider: "example", vision: false };

const finished = (reason: "Stop" | "ToolCalls"): Model.ModelEvent => ({ _tag: "Finished", reason, usage: Usage.zero });

/** A model that sorts whatever file it is told of, and then says what it saw. */
const sorting = Layer.succeed(
  Model.Model,
  Model.Model.of({
    defaultModel: Effect.succeed(info.id),
    list: Effect.succeed([info]),
    find: () => Effect.succeed(info),
    stream: ({ messages }) => {
      const last = messages.at(-1);
      const said = last === undefined ? "" : Message.textOf(last);
      const path = /\/workspace\/uploads\/[^\]\s]+/.exec(said)?.[0];
      const command = `sort ${path} | tee sorted.txt`;
      return Stream.fromIterable<Model.ModelEvent>(
        last?.role === "user"
          ? [
            { _tag: "ToolCall", call: { id: "1", name: "execute_bash", argumentsJson: JSON.stringify({ command }) } },
            finished("ToolCalls"),
          ]
          : [{ _tag: "TextDelta", text: `The command said: ${said}` }, finished("Stop")],
      );
    },
  }),
);

const owner = { principal: "example", user: "ada", ephemeral: false };

const program = Effect.gen(function* () {
  const runs = yield* Runs.Runs;
  const list = Message.attachment("list.txt", new TextEncoder().encode("pear\napple\nfig\n"));
  const run = yield* runs.start({
    owner,
    model: info.id,
    messages: [{ ...Message.user("Sort this."), attachments: [list] }],
  });
  yield* Stream.runForEach(run.events, (event) =>
    Effect.gen(function* () {
      console.log(JSON.stringify(event));
      if (event._tag !== "ArtifactsChanged") return;
      const handle = yield* (yield* Sandbox.Sandbox).open(owner);
      for (const { path } of event.artifacts) {
        const bytes = yield* Stream.runCollect(handle.readBytes(path));
        console.log(`${path}:\n${new TextDecoder().decode(new Uint8Array(bytes.flatMap((piece) => [...piece])))}`);
      }
    }));
});

const layers = app.runs.pipe(
  Layer.provideMerge(Layer.mergeAll(sorting, app.sandbox)),
  Layer.provide(Settings.layerWith({ sandbox: "embedded", sessions: "memory", runsPerUserMax: 1 })),
);

await Effect.runPromise(Effect.scoped(Effect.provide(program, layers)));
