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

/** A model that says what it has been asked, one entry a request. */
const recording = () => {
  const seen: Array<ModelRequest> = [];
  const step: Scripted.Step = (request) => {
    seen.push(request);
    return [Scripted.text("ok"), Scripted.finished()];
  };
  return { seen, steps: Array.from({ length: 9 }, () => step) };
};

const csv = (text: string, filename = "a.csv") => ({ type: "file", file: { filename, file_data: btoa(text) } });
const ok = { role: "assistant", content: "ok" };

Deno.test("a resent history does not put back a file that the agent or its user changed since", () => {
  const sandbox = fakeSandbox();
  const { steps } = recording();
  return withApp({ sandbox, steps }, async (app) => {
    const first = { role: "user", content: [{ type: "text", text: "Sort it in place." }, csv("3\n1\n2\n")] };
    assert.equal((await app.chat({ user: "u", messages: [first] })).status, 200);
    const [key = ""] = sandbox.files.keys();
    const path = key.slice(key.indexOf(":") + 1);
    const sorted = new TextEncoder().encode("1\n2\n3\n");
    sandbox.files.set(key, sorted);
    // The newest text names the path of the file, as people and models do.
    const next = { role: "user", content: `Is ${path} sorted now?` };
    assert.equal((await app.chat({ user: "u", messages: [first, ok, next] })).status, 200);
    assert.deepEqual([...sandbox.files], [[key, sorted]]);
    // A regenerated answer and an edited question branch the session: the file stays what it is.
    await app.chat({ user: "u", messages: [{ ...first, content: [first.content[1], { type: "text", text: "No." }] }] });
    assert.deepEqual(sandbox.files.get(key), sorted);
  });
});

Deno.test("resent files are aligned with the session that has them, whatever was said about them", () => {
  const { seen, steps } = recording();
  return withApp({ steps }, async (app) => {
    const first = { role: "user", content };
    await app.chat({ user: "u", messages: [first] });
    const next = { role: "user", content: "And now?" };
    await app.chat({ user: "u", messages: [first, ok, next] });
    assert.deepEqual(seen[1]?.messages.map(({ role }) => role), ["user", "assistant", "user"]);
    assert.deepEqual(seen[1]?.messages[0], seen[0]?.messages[0], "the model reads the same of the first message");
  });
});

Deno.test("files of one content whose names are not ASCII stay apart", () => {
  const sandbox = fakeSandbox();
  const { seen, steps } = recording();
  return withApp({ sandbox, steps }, async (app) => {
    const files = [csv("1", "отчёт.csv"), csv("1", "данные.csv"), csv("1", "報告書.csv")];
    await app.chat({ user: "u", messages: [{ role: "user", content: files }] });
    const paths = [...sandbox.files.keys()].map((key) => key.slice(key.lastIndexOf("-") + 1));
    assert.deepEqual(paths, ["отчёт.csv", "данные.csv", "報告書.csv"]);
    const said = seen[0]?.messages.map((message) => JSON.stringify(message)).join("") ?? "";
    for (const path of paths) assert.ok(said.includes(path));
  });
});

Deno.test("what is told of an attached image is not glued to the user's words", () => {
  const { seen, steps } = recording();
  return withApp({ steps }, async (app) => {
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } };
    for (const parts of [[image, { type: "text", text: "What is this?" }], [{ type: "text", text: "What?" }, image]]) {
      await app.chat({ user: "u", messages: [{ role: "user", content: parts }] });
      const last = seen.at(-1)?.messages.at(-1);
      assert.ok(last?.role === "user");
      const text = last.parts.map((part) => part._tag === "Text" ? part.text : "").join("");
      assert.match(text, /^What[^[]*\?\n\n\[The user attached an image\./);
    }
  });
});

Deno.test("a file that is attached twice to one message is one file, told once", () => {
  const sandbox = fakeSandbox();
  const { seen, steps } = recording();
  return withApp({ sandbox, steps }, async (app) => {
    await app.chat({ user: "u", messages: [{ role: "user", content: [csv("1"), csv("1")] }] });
    assert.equal(sandbox.files.size, 1);
    assert.equal(JSON.stringify(seen[0]?.messages).split("The user attached").length, 2);
  });
});
