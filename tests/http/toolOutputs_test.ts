/**
 * Images and files in what a client's tool gave: shown to the model, put into the container, remembered and bounded.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ToolMessage } from "../../src/domain/Message.ts";
import { Model, type ModelInfo, type ModelRequest } from "../../src/services/Model.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

type Json = Record<string, unknown>;

const post = (app: App, path: string, body: unknown) =>
  app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method: "POST",
      headers: { "x-user-id": "ada", ...(body instanceof FormData ? {} : { "content-type": "application/json" }) },
      body: body instanceof FormData ? body : JSON.stringify(body),
    }),
  );

const upload = async (app: App, name: string, content: BlobPart): Promise<string> => {
  const form = new FormData();
  form.append("purpose", "user_data");
  form.append("file", new Blob([content]), name);
  return (await (await post(app, "/files", form)).json()).id;
};

const png = Uint8Array.fromBase64("iVBORw0KGgoAAAAA");
const image = { type: "input_image", image_url: `data:image/png;base64,${png.toBase64()}` };
const shown = { mediaType: "image/png", base64: png.toBase64() };
const csv = { type: "input_file", filename: "my sales.csv", file_data: `data:text/csv;base64,${btoa("a,b\n1,2\n")}` };
const text = (text: string) => ({ type: "input_text", text });

/** A call of the client's, and what it gave. */
const round = (output: unknown, kind: "function_call" | "custom_tool_call" = "function_call") => [
  { role: "user", content: "Look" },
  { type: kind, call_id: "call_1", name: "look", ...(kind === "function_call" ? { arguments: "{}" } : { input: "" }) },
  { type: `${kind}_output`, call_id: "call_1", output },
];
const tools = [{ type: "function", name: "look", parameters: {} }];
const hosted = [...tools, { type: "code_interpreter", container: { type: "auto" } }];

/** An application whose model says "ok" and notes what it was given. */
const withOutputs = async (
  work: (app: App, seen: ReadonlyArray<ModelRequest>, files: ReadonlyMap<string, Uint8Array>) => Promise<void>,
  { vision = true, ...options }: AppOptions & { readonly vision?: boolean } = {},
) => {
  const dataPath = await Deno.makeTempDir({ prefix: "caisson-outputs-" });
  const sandbox = fakeSandbox();
  const seen: Array<ModelRequest> = [];
  const info: ModelInfo = { id: "m", provider: "scripted", vision };
  const model = Layer.succeed(
    Model,
    Model.of({
      defaultModel: Effect.succeed("m"),
      list: Effect.succeed([info]),
      find: () => Effect.succeed(info),
      stream: (request) => {
        seen.push(request);
        return Stream.fromIterable([Scripted.text("ok"), Scripted.finished()]);
      },
    }),
  );
  try {
    await withApp(
      { sandbox, model, ...options, settings: { ...options.settings, dataPath } },
      (app) => work(app, seen, sandbox.files),
    );
  } finally {
    await Deno.remove(dataPath, { recursive: true });
  }
};

const resultIn = (request: ModelRequest | undefined): ToolMessage => {
  const found = request?.messages.find(({ role }) => role === "tool");
  assert.ok(found?.role === "tool");
  return found;
};

const refused = async (answer: Promise<Response>) => {
  const response = await answer;
  return [response.status, (await response.json()).error?.param];
};

Deno.test("an image in what a tool gave is shown to the model where it stands, in every later turn too", () =>
  withOutputs(async (app, seen) => {
    for (const kind of ["function_call", "custom_tool_call"] as const) {
      const before = seen.length;
      const input = round([text("The page: "), image, text(" and the rest")], kind);
      const response = await post(app, "/responses", { input, tools });
      assert.equal(response.headers.get("x-caisson-not-applied"), null);
      const first = await response.json();
      assert.equal(resultIn(seen[before]).content, "The page: [image 1] and the rest");
      assert.deepEqual(resultIn(seen[before]).images, [shown]);
      await (await post(app, "/responses", { input: "Again", previous_response_id: first.id, tools })).json();
      assert.deepEqual(resultIn(seen[before + 1]), resultIn(seen[before]), "it is remembered");
      const items = await (await app.send(
        new Request(`http://caisson.test/v1/responses/${first.id}/input_items?order=asc`, {
          headers: { "x-user-id": "ada" },
        }),
      )).json();
      assert.deepEqual(items.data.at(-1).output, input[2]?.["output" as never]);
    }
  }));

Deno.test("an image that is named by its id is shown, in a conversation as well", () =>
  withOutputs(async (app, seen) => {
    const id = await upload(app, "page.bin", png);
    const conversation = await (await post(app, "/conversations", {})).json();
    const input = round([{ type: "input_image", file_id: id }]);
    await (await post(app, "/responses", { input, tools, conversation: conversation.id })).json();
    await (await post(app, "/responses", { input: "Again", conversation: conversation.id })).json();
    assert.deepEqual(seen.map((request) => resultIn(request).images), [[shown], [shown]]);
    const named = await post(app, "/conversations", { items: round([{ type: "input_file", file_id: "file-gone" }]) });
    const made = await named.json();
    await (await post(app, "/responses", { input: "Well?", conversation: made.id })).json();
    assert.equal(resultIn(seen[2]).content, "[The tool gave the file file-gone]");
  }));

Deno.test("a model that cannot see is told so, and is not sent the image", () =>
  withOutputs(async (app, seen) => {
    await (await post(app, "/responses", { input: round([image]), tools })).json();
    assert.equal(resultIn(seen[0]).content, "[image 1]\n(This model cannot be shown images.)");
    assert.equal(resultIn(seen[0]).images, undefined);
  }, { vision: false }));

Deno.test("files of what a tool gave are put into the container, and the model is told where", () =>
  withOutputs(async (app, seen, files) => {
    const id = await upload(app, "stored.csv", "c\n3\n");
    const input = round([text("Here."), csv, { type: "input_file", file_id: id }, image]);
    const first = await (await post(app, "/responses", { input, tools: hosted })).json();
    assert.equal(first.status, "completed");
    const laid = [...files].map(([key, bytes]) => [
      key.slice(key.indexOf(":") + 1).replace(/[0-9a-f]{8}/, "HASH"),
      new TextDecoder().decode(bytes),
    ]);
    assert.deepEqual(laid.map(([path]) => path), [
      "/workspace/uploads/HASH-my_sales.csv",
      "/workspace/uploads/HASH-stored.csv",
      "/workspace/uploads/HASH-image.png",
    ]);
    assert.deepEqual(laid.slice(0, 2).map(([, content]) => content), ["a,b\n1,2\n", "c\n3\n"]);
    const said =
      /^Here\.\[image 1\]\n\n\[The tool gave a file\. It is saved in the workspace as \/workspace\/uploads\//;
    assert.match(resultIn(seen[0]).content, said);
    assert.match(resultIn(seen[0]).content, /tool gave an image\./);
    assert.deepEqual(resultIn(seen[0]).images, [shown]);
    await (await post(app, "/responses", { input: "Again", previous_response_id: first.id, tools: hosted })).json();
    assert.deepEqual(resultIn(seen[1]), resultIn(seen[0]));
  }));

Deno.test("without hosted tools a file of what a tool gave is read as text", () =>
  withOutputs(async (app, seen, files) => {
    await (await post(app, "/responses", { input: round([text("Here."), csv]), tools })).json();
    assert.match(resultIn(seen[0]).content, /^Here\.\n\n[0-9a-f]{8}-my_sales\.csv:\na,b\n1,2\n$/);
    assert.equal(files.size, 0);
  }));

Deno.test("what cannot be read of a tool's output is refused by its field, what is foreign is named", () =>
  withOutputs(async (app, seen) => {
    const ask = (part: Json) => refused(post(app, "/responses", { input: round([text("a"), part]), tools }));
    const at = "input[2].output.1";
    const url = "https://example.com/a.png";
    assert.deepEqual(await ask({ type: "input_image", image_url: url }), [400, `${at}.image_url.url`]);
    assert.deepEqual(await ask({ type: "input_image" }), [400, `${at}.image_url`]);
    assert.deepEqual(await ask({ type: "input_image", file_id: "file-none" }), [404, `${at}.file_id`]);
    assert.deepEqual(await ask({ type: "input_file", file_url: url }), [400, `${at}.file_url`]);
    assert.deepEqual(await ask({ type: "input_file", file_data: btoa("\xff\xfe") }), [400, "input[2].output"]);
    assert.deepEqual(await ask({ ...image, image_url: image.image_url.repeat(2) }), [400, `${at}.image_url.url`]);
    const large = `data:image/png;base64,${"A".repeat(2_000_000)}`;
    assert.deepEqual(await ask({ type: "input_image", image_url: large }), [400, `${at}.image_url.url`]);
    assert.equal(seen.length, 0);
    const foreign = await post(app, "/responses", { input: round([{ type: "input_audio" }]), tools });
    assert.equal(foreign.headers.get("x-caisson-not-applied"), "input[function_call_output].output[input_audio]");
    assert.equal(resultIn(seen[0]).content, "[input_audio]");
  }, { settings: { artifactMbMax: 1 } }));
