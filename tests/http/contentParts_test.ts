import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

const png = Buffer.from("89504e470d0a1a0a", "hex").toString("base64");
const wav = Buffer.from("RIFFxxxxWAVE").toString("base64");

const content = [
  { type: "text", text: "Look at these." },
  { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
  { type: "input_audio", input_audio: { data: wav, format: "wav" } },
  {
    type: "file",
    file: { filename: "../../etc/my data.csv", file_data: `data:text/csv;base64,${btoa("a,b\n1,2\n")}` },
  },
];

Deno.test("image, audio and file parts land in the user's workspace and are named to the model", () => {
  const sandbox = fakeSandbox();
  const seen: Array<ModelRequest> = [];
  const step: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text("ok"), Scripted.finished()];
  };
  return withApp({ sandbox, steps: [step, step] }, async (app) => {
    const first = { role: "user", content };
    assert.equal((await app.chat({ user: "u", messages: [first] })).status, 200);
    const paths = [...sandbox.files.keys()].map((key) => key.slice(key.indexOf(":") + 1));
    assert.deepEqual(paths.map((path) => path.replace(/[0-9a-f]{8}/, "HASH")), [
      "/workspace/uploads/HASH-image.png",
      "/workspace/uploads/HASH-audio.wav",
      "/workspace/uploads/HASH-my_data.csv",
    ]);
    assert.deepEqual([...sandbox.files.values()].map((bytes) => Buffer.from(bytes).toString("base64")), [
      png,
      wav,
      btoa("a,b\n1,2\n"),
    ]);
    const parts = seen[0]?.messages[0]?.role === "user" ? seen[0].messages[0].parts : [];
    assert.ok(parts.some((part) => part._tag === "Image" && part.base64 === png));
    const text = parts.map((part) => part._tag === "Text" ? part.text : "").join("\n");
    for (const path of paths) assert.ok(text.includes(path));

    sandbox.files.clear();
    const next = { role: "user", content: "And now?" };
    await app.chat({ user: "u", messages: [first, { role: "assistant", content: "ok" }, next] });
    assert.equal(sandbox.files.size, 0, "what was sent before is not written again");
  });
});

Deno.test("a message without files opens no sandbox", () => {
  const sandbox = fakeSandbox();
  return withApp({ sandbox, steps: [Scripted.answers("hi")] }, async (app) => {
    await app.chat({ user: "u", messages: [{ role: "user", content: "hi" }] });
    assert.equal(sandbox.opened.length, 0);
  });
});

Deno.test("a file over the limit is refused by its part", () =>
  withApp({ settings: { artifactMbMax: 1 } }, async (app) => {
    const part = { type: "file", file: { filename: "x", file_data: "A".repeat(2 * 1024 * 1024) } };
    const response = await app.chat({ messages: [{ role: "user", content: [part] }] });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.param, "messages.0.content.0.file.file_data");
  }));
