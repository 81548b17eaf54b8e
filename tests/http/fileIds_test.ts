/**
 * Files of `/v1/files` that messages name by their ids, in chat and in responses.
 */
import assert from "node:assert/strict";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

type Json = Record<string, unknown>;

const ask = (app: App, path: string, body: BodyInit, user: string) =>
  app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method: "POST",
      headers: { "x-user-id": user, ...(typeof body === "string" ? { "content-type": "application/json" } : {}) },
      body,
    }),
  );

const stored = async (app: App, name: string, content: BlobPart, user = "ada"): Promise<string> => {
  const form = new FormData();
  form.append("purpose", "user_data");
  form.append("file", new Blob([content]), name);
  return (await (await ask(app, "/files", form, user)).json()).id;
};

const chat = (app: App, content: unknown, user = "ada") =>
  ask(app, "/chat/completions", JSON.stringify({ messages: [{ role: "user", content }] }), user);
const respond = (app: App, content: unknown, more: Json = {}, user = "ada") =>
  ask(app, "/responses", JSON.stringify({ input: [{ role: "user", content }], ...more }), user);

const hosted = { tools: [{ type: "code_interpreter", container: { type: "auto" } }] };

/** An application whose model says what it was given, and what lies in its sandboxes. */
const withFiles = async (
  options: AppOptions,
  work: (app: App, parts: {
    readonly seen: Array<ModelRequest>;
    readonly laid: () => ReadonlyArray<readonly [string, string]>;
    readonly dataPath: string;
  }) => Promise<void>,
) => {
  const dataPath = await Deno.makeTempDir({ prefix: "caisson-files-" });
  const sandbox = fakeSandbox();
  const seen: Array<ModelRequest> = [];
  const step: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text("ok"), Scripted.finished()];
  };
  const laid = () =>
    [...sandbox.files].map(([key, bytes]) =>
      [key.slice(key.indexOf(":") + 1).replace(/[0-9a-f]{8}/, "HASH"), new TextDecoder().decode(bytes)] as const
    );
  try {
    await withApp(
      {
        sandbox,
        steps: Array.from({ length: 6 }, () => step),
        ...options,
        settings: { ...options.settings, dataPath },
      },
      (app) => work(app, { seen, laid, dataPath }),
    );
  } finally {
    await Deno.remove(dataPath, { recursive: true });
  }
};

const table = [["/workspace/uploads/HASH-my_sales.csv", "a,b\n1,2\n"]];

Deno.test("a file that a chat message names is put into the workspace once, as one that is sent along", () =>
  withFiles({}, async (app, { seen, laid }) => {
    const id = await stored(app, "my sales.csv", "a,b\n1,2\n");
    const byId = { type: "file", file: { file_id: id } };
    const sent = { type: "file", file: { filename: "my sales.csv", file_data: btoa("a,b\n1,2\n") } };
    assert.equal((await chat(app, [{ type: "text", text: "Sum it" }, byId])).status, 200);
    assert.deepEqual(laid(), table);
    assert.match(JSON.stringify(seen[0]?.messages), /attached a file.*uploads\/[0-9a-f]{8}-my_sales\.csv/);
    assert.doesNotMatch(JSON.stringify(seen[0]?.messages), /sha256|file-[0-9a-f]{40}/);
    assert.equal((await chat(app, [{ type: "text", text: "And again" }, byId, sent])).status, 200);
    assert.deepEqual(laid(), table, "the same content has the same place");
  }));

Deno.test("a file that a response's input names is put into its container, and an image is shown as well", () =>
  withFiles({}, async (app, { seen, laid }) => {
    const id = await stored(app, "my sales.csv", "a,b\n1,2\n");
    const png = Uint8Array.fromBase64("iVBORw0KGgoAAAAA");
    const image = await stored(app, "chart.bin", png);
    const content = [
      { type: "input_text", text: "Look" },
      { type: "input_file", file_id: id },
      { type: "input_image", file_id: image },
    ];
    const response = await respond(app, content, hosted);
    assert.equal((await response.json()).status, "completed");
    assert.deepEqual(laid().map(([path]) => path), [
      "/workspace/uploads/HASH-my_sales.csv",
      "/workspace/uploads/HASH-chart.bin",
    ]);
    assert.deepEqual(laid()[0], table[0]);
    const said = seen[0]?.messages.find(({ role }) => role === "user");
    assert.ok(said?.role === "user");
    assert.deepEqual(said.parts.find(({ _tag }) => _tag === "Image"), {
      _tag: "Image",
      mediaType: "image/png",
      base64: png.toBase64(),
    });
  }));

Deno.test("without hosted tools a file that is named is read as text", () =>
  withFiles({}, async (app, { seen, laid }) => {
    const id = await stored(app, "notes.txt", "the secret is 42");
    assert.equal((await respond(app, [{ type: "input_file", file_id: id }])).status, 200);
    assert.match(JSON.stringify(seen[0]?.messages), /notes\.txt:\\nthe secret is 42/);
    assert.deepEqual(laid(), []);
    const binary = await stored(app, "x.bin", Uint8Array.of(0xff, 0xfe, 0x00));
    assert.equal((await respond(app, [{ type: "input_file", file_id: binary }])).status, 400);
  }));

Deno.test("a file that is foreign, gone or no image is refused by its field, before a model is asked", () =>
  withFiles({}, async (app, { seen, laid }) => {
    const foreign = await stored(app, "x.csv", "x", "eve");
    const text = await stored(app, "x.png", "no image");
    const large = await stored(app, "l.png", new Uint8Array(17 * 1024 * 1024));
    const refused = async (answer: Promise<Response>) => {
      const response = await answer;
      const { error } = await response.json();
      return [response.status, error.param, error.message];
    };
    for (const id of [foreign, "file-none"]) {
      const missing = `No such File object: ${id}`;
      const file = { type: "file", file: { file_id: id } };
      assert.deepEqual(await refused(chat(app, [file])), [404, "messages.0.content.0.file.file_id", missing]);
      for (const type of ["input_file", "input_image"]) {
        for (const more of [{}, hosted]) {
          const answer = await refused(respond(app, [{ type, file_id: id }], more));
          assert.deepEqual(answer, [404, "input[0].content.0.file_id", missing]);
        }
      }
    }
    const image = (id: string) => refused(respond(app, [{ type: "input_image", file_id: id }], hosted));
    assert.deepEqual((await image(text)).slice(0, 2), [400, "input[0].content.0.file_id"]);
    assert.deepEqual((await image(large)).slice(0, 2), [400, "input[0].content.0.file_id"]);
    assert.deepEqual([seen, laid()], [[], []]);
  }));

Deno.test("a conversation's items name their files in words, and can be changed when those are gone", () =>
  withFiles({}, async (app) => {
    const items = [
      { role: "user", content: [{ type: "input_file", file_id: "file-gone" }] },
      { role: "user", content: "hi" },
    ];
    const made = await (await ask(app, "/conversations", JSON.stringify({ items }), "ada")).json();
    assert.match(made.id, /^conv_/);
  }));
