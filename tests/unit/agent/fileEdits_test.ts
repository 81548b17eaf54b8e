import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import { makeToolCalls } from "../../../src/agent/toolHandlers.ts";
import { editedBytesMax } from "../../../src/domain/textEdit.ts";
import { shownImageBytesMax } from "../../../src/domain/Tool.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { fakeSandbox } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";
import { tinyPng } from "../../support/tinyPng.ts";

const handleToolCall = makeToolCalls();

const owner = { principal: "p", user: "u", ephemeral: false };
const png = Buffer.from(tinyPng, "base64");

const opened = Effect.gen(function* () {
  const handle = yield* (yield* Sandbox).open(owner);
  const call = (name: string, args: Record<string, unknown>) =>
    handleToolCall({ id: "1", name, argumentsJson: JSON.stringify(args) }, Effect.succeed(handle));
  return { handle, call };
});

it.effect("edit_file changes a file and says where", () =>
  Effect.gen(function* () {
    const { handle, call } = yield* opened;
    yield* handle.writeFile("a.py", Buffer.from("x = 1\ny = 2\n"));
    const result = yield* call("edit_file", { file_path: "a.py", old_text: "y = 2", new_text: "y = 3" });
    assert.deepEqual(result, {
      text: "Edited a.py at line 2",
      isError: false,
      structured: { path: "a.py", replacements: 1, first_line: 2, bytes: 12 },
    });
    assert.equal((yield* handle.readText("a.py", { offset: 0 })).text, "x = 1\ny = 3\n");
    const missing = yield* call("edit_file", { file_path: "a.py", old_text: "z", new_text: "y" });
    assert.match(missing.text, /^Error: a\.py: old_text was not found\./);
    assert.equal(missing.isError, true);
  }).pipe(Effect.scoped, Effect.provide(fakeSandbox().layer)));

it.effect("edit_file loses no edit when many of one file come at once", () =>
  Effect.gen(function* () {
    const { handle, call } = yield* opened;
    const names = Array.from({ length: 50 }, (_, at) => `[${at}]`);
    yield* handle.writeFile("a.txt", Buffer.from(names.join("")));
    yield* Effect.forEach(
      names,
      (name) => call("edit_file", { file_path: "a.txt", old_text: name, new_text: "." }),
      { concurrency: "unbounded" },
    );
    assert.equal((yield* handle.readText("a.txt", { offset: 0 })).text, ".".repeat(50));
  }).pipe(Effect.scoped, Effect.provide(fakeSandbox().layer)));

it.effect("edit_file and view_image refuse files beyond their bounds and say what to do instead", () =>
  Effect.gen(function* () {
    const { handle, call } = yield* opened;
    yield* handle.writeFile("big", Buffer.alloc(Math.max(editedBytesMax, shownImageBytesMax) + 1, "a"));
    const edit = yield* call("edit_file", { file_path: "big", old_text: "a", new_text: "b", all: true });
    assert.match(edit.text, /larger than 4194304 bytes; change it with a command/);
    assert.equal(edit.refusedFile?.reason, "TooLarge");
    assert.match(
      (yield* call("view_image", { file_path: "big" })).text,
      /larger than 3750000 bytes; make a smaller copy/,
    );
  }).pipe(Effect.scoped, Effect.provide(fakeSandbox().layer)));

it.effect("view_image shows what the bytes prove to be an image, and nothing else", () =>
  Effect.gen(function* () {
    const { handle, call } = yield* opened;
    yield* handle.writeFile("chart.png", png);
    const result = yield* call("view_image", { file_path: "chart.png" });
    assert.deepEqual(result.images, [{ path: "chart.png", mediaType: "image/png", base64: png.toString("base64") }]);
    yield* handle.writeFile("fake.png", Buffer.from("<svg onload=alert(1)>"));
    const refused = yield* call("view_image", { file_path: "fake.png" });
    assert.deepEqual([refused.isError, refused.images], [true, undefined]);
    assert.match(refused.text, /no PNG, JPEG, GIF or WebP/);
    yield* handle.writeFile("half.png", png.subarray(0, 40));
    assert.match((yield* call("view_image", { file_path: "half.png" })).text, /half\.png: .* cut off or broken/);
  }).pipe(Effect.scoped, Effect.provide(fakeSandbox().layer)));
