/**
 * OpenAI's hosted code interpreter as a script meets it: a container, an upload, a chart in two responses, and the
 * cited file, byte for byte; the whole HTTP application with a model that plays the steps, and real containers.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Effect, Layer } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { makeId } from "../../src/domain/ids.ts";
import { type App, makeApp } from "../support/app.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";

type Json = Record<string, unknown>;

const python = (id: string, code: string) => Scripted.calls(Scripted.toolCall(id, "python", { code }));
const chart = [
  "import hashlib",
  "import matplotlib.pyplot as plt",
  "df.plot(x='month', y='total', kind='bar')",
  "plt.savefig('chart.png')",
  "plt.close('all')",
  "print(hashlib.sha256(open('/mnt/data/chart.png', 'rb').read()).hexdigest())",
].join("\n");
const steps = [
  python("c1", "import pandas as pd\ndf = pd.read_csv('/mnt/data/sales.csv')\ndf.total.sum()"),
  Scripted.answers("The total is 42."),
  python("c2", chart),
  Scripted.answers("Here it is: [chart](sandbox:/mnt/data/chart.png)."),
  Scripted.calls(Scripted.toolCall("c3", "shell", { commands: ["ls /mnt/data", "exit 3"] })),
  Scripted.answers("Seen: sandbox:/mnt/data/chart.png."),
];

/** A user of the whole application over real containers, whose model plays these steps. */
const userOver = Effect.fnUntraced(function* (steps: ReadonlyArray<Scripted.Step>) {
  const user = makeId("user");
  const sandbox = yield* Layer.build(Layer.orDie(dockerLayer.pipe(Layer.provide(engineSettings()))));
  const app: App = makeApp({ steps, sandbox: { ...fakeSandbox(), layer: Layer.succeedContext(sandbox) } });
  yield* Effect.addFinalizer(() => Effect.promise(() => app.dispose()));
  const ask = async (method: string, path: string, body?: Json | FormData): Promise<Response> =>
    await app.send(
      new Request(`http://caisson.test/v1${path}`, {
        method,
        headers: { "x-user-id": user, ...(body instanceof FormData ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      }),
    );
  const read = async (method: string, path: string, body?: Json | FormData): Promise<Json> =>
    await (await ask(method, path, body)).json();
  return { ask, read };
});

/** A form with one file. */
const formOf = (text: string, name: string, fields: Readonly<Record<string, string>> = {}): FormData => {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set("file", new File([text], name));
  return form;
};

it.live(
  "a container keeps files and variables from response to response, and what is cited can be fetched",
  () =>
    Effect.gen(function* () {
      const { ask, read } = yield* userOver(steps);
      yield* Effect.promise(async () => {
        const { id } = await read("POST", "/containers", { name: "analysis" });
        const form = formOf("month,total\nJan,12\nFeb,30\n", "sales.csv");
        assert.equal((await read("POST", `/containers/${id}/files`, form))["path"], "/mnt/data/sales.csv");
        const tools = [{ type: "code_interpreter", container: id }];

        const first = await read("POST", "/responses", { model: "scripted", input: "Sum it", tools });
        const [call] = first["output"] as [Json];
        assert.deepEqual(call["outputs"], [{ type: "logs", logs: "42" }], "the repr of the last expression");

        const second = await read("POST", "/responses", {
          model: "scripted",
          input: "Chart it",
          previous_response_id: first["id"],
          tools: [{ type: "code_interpreter", container: { type: "auto" } }],
        });
        const [charted, message] = second["output"] as [Json, Json];
        assert.equal(charted["container_id"], id, "auto is the container of the chain, with its variables");
        const [{ logs }] = charted["outputs"] as [{ logs: string }];
        const [{ annotations: [citation] }] = message["content"] as [{ annotations: [Json] }];
        assert.equal(citation["filename"], "chart.png");
        const content = await ask("GET", `/containers/${id}/files/${citation["file_id"]}/content`);
        const bytes = new Uint8Array(await content.arrayBuffer());
        assert.equal(createHash("sha256").update(bytes).digest("hex"), logs.slice(0, 64));

        const third = await read("POST", "/responses", {
          model: "scripted",
          input: "Look",
          tools: [{ type: "shell", environment: { type: "container_reference", container_id: id } }],
        });
        const [, output, seen] = third["output"] as [Json, { output: ReadonlyArray<Json> }, Json];
        assert.deepEqual(output.output.map(({ stdout, outcome }) => [stdout, outcome]), [
          ["chart.png\nsales.csv\n", { type: "exit", exit_code: 0 }],
          ["", { type: "exit", exit_code: 3 }],
        ]);
        const [{ annotations: [earlier] }] = seen["content"] as [{ annotations: [Json] }];
        assert.equal(earlier["file_id"], citation["file_id"], "a file of an earlier response is cited as well");
        assert.equal((await read("DELETE", `/containers/${id}`))["deleted"], true);
      });
    }),
  { skip: skipWithoutEngine },
);

const reading = (name: string) => `print(open('/mnt/data/${name}').read(), end='')`;

it.live(
  "code reads the files that were sent to /v1/files, in a container that was made with them and in one made by itself",
  () =>
    Effect.gen(function* () {
      const { read } = yield* userOver([
        python("c1", reading("sales.csv")),
        Scripted.answers("Read."),
        python("c2", reading("notes.txt")),
        Scripted.answers("Read too."),
      ]);
      yield* Effect.promise(async () => {
        const upload = async (text: string, name: string) =>
          (await read("POST", "/files", formOf(text, name, { purpose: "user_data" })))["id"];
        const [sales, notes] = [
          await upload("month,total\nJan,12\n", "sales.csv"),
          await upload("hello\n", "notes.txt"),
        ];
        const logsOf = async (container: unknown) => {
          const tools = [{ type: "code_interpreter", container }];
          const response = await read("POST", "/responses", {
            model: "scripted",
            input: "Read it",
            tools,
            include: ["code_interpreter_call.outputs"],
          });
          const [call] = response["output"] as [Json];
          return call["outputs"];
        };
        const { id } = await read("POST", "/containers", { name: "analysis", file_ids: [sales] });
        assert.deepEqual(await logsOf(id), [{ type: "logs", logs: "month,total\nJan,12" }]);
        assert.deepEqual(await logsOf({ type: "auto", file_ids: [notes] }), [{ type: "logs", logs: "hello" }]);
      });
    }),
  { skip: skipWithoutEngine },
);
