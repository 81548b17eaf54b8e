import assert from "node:assert/strict";
import { Effect } from "effect";
import { attachment } from "../../../src/domain/Attachment.ts";
import { attachmentsOf, inWords, type Message, textOf, user, withoutContent } from "../../../src/domain/Message.ts";
import { placeAttachments } from "../../../src/runs/attachments.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { fakeSandbox } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";
import { growsWithin } from "../../support/timing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const owner = { principal: "p", user: "u", ephemeral: false };
const withFiles = (...files: ReadonlyArray<readonly [name: string, text: string]>): Message => ({
  ...user("here"),
  attachments: files.map(([name, text]) => attachment(name, bytes(text))),
});

/** Places messages and returns the paths that they are remembered with. */
const placing = (fake: ReturnType<typeof fakeSandbox>, ...messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const placed = yield* placeAttachments(yield* Sandbox, owner, messages);
    return placed.flatMap(attachmentsOf).map(({ path }) => path);
  }).pipe(Effect.scoped, Effect.provide(fake.layer));

const contents = (fake: ReturnType<typeof fakeSandbox>) =>
  [...fake.files].map(([key, content]) => [key.slice(key.indexOf(":") + 1), new TextDecoder().decode(content)]);

it.effect("placeAttachments never overwrites what a file has become and puts the file beside it", () =>
  Effect.gen(function* () {
    const fake = fakeSandbox();
    const message = withFiles(["a.csv", "3\n1\n2\n"]);
    const [path = ""] = yield* placing(fake, message);
    const [key = ""] = fake.files.keys();
    fake.files.set(key, bytes("1\n2\n3\n"));
    const [beside = ""] = yield* placing(fake, message);
    assert.notEqual(beside, path);
    assert.deepEqual(contents(fake), [[path, "1\n2\n3\n"], [beside, "3\n1\n2\n"]]);
    // What is there unchanged is not written again.
    assert.deepEqual(yield* placing(fake, message), [beside]);
    assert.equal(fake.files.size, 2);
  }));

it.effect("placeAttachments tells content apart that only begins, or goes on, like the file", () =>
  Effect.gen(function* () {
    for (const changed of ["abcd", "ab", "abd", ""]) {
      const fake = fakeSandbox();
      yield* placing(fake, withFiles(["x", "abc"]));
      const [key = ""] = fake.files.keys();
      fake.files.set(key, bytes(changed));
      yield* placing(fake, withFiles(["x", "abc"]));
      assert.deepEqual(contents(fake).map(([, text]) => text), [changed, "abc"]);
    }
  }));

it.effect("placeAttachments writes a file that two messages carry once", () =>
  Effect.gen(function* () {
    const fake = fakeSandbox();
    const paths = yield* placing(fake, withFiles(["a", "1"]), withFiles(["a", "1"], ["b", "1"]));
    assert.equal(new Set(paths).size, 2);
    assert.equal(fake.files.size, 2);
  }));

it.effect("placeAttachments opens no sandbox for messages without files", () =>
  Effect.gen(function* () {
    const fake = fakeSandbox();
    assert.deepEqual(yield* placing(fake, user("hi")), []);
    assert.deepEqual(fake.opened, []);
  }));

const names: ReadonlyArray<readonly [given: string, kept: string]> = [
  ["my data.csv", "my_data.csv"],
  ["../../etc/passwd", "passwd"],
  ["C:\\Users\\ada\\plan.xlsx", "plan.xlsx"],
  ["отчёт.csv", "отчёт.csv"],
  ["報告書.pdf", "報告書.pdf"],
  ["ÜBER été.txt", "ÜBER_été.txt"],
  ["e\u0301te\u0301.txt", "été.txt"],
  ["हिन्दी.txt", "हिन्दी.txt"],
  ["a\u202egnp.exe", "a_gnp.exe"],
  ["line\nbreak`$(x)'\".sh", "line_break_x_.sh"],
  ["\ud83d\ude00.txt", "\ud83d\ude00.txt"],
  ["\ud83d.txt", "_.txt"],
  ["..", "file"],
  [".bashrc", "bashrc"],
  ["", "file"],
  ["a/", "file"],
];

for (const [given, kept] of names) {
  Deno.test(`attachment() keeps ${JSON.stringify(given)} as ${kept}`, () => {
    assert.equal(attachment(given, bytes("x")).name, kept);
  });
}

Deno.test("attachment() keeps the end of a long name within what file systems take, without cutting a character", () => {
  const { name, path } = attachment(`${"漢".repeat(400)}${"🀀".repeat(50)}.csv`, bytes("x"));
  assert.ok(name.endsWith(".csv") && name.isWellFormed());
  assert.ok(bytes(path.slice(path.lastIndexOf("/") + 1)).length <= 255);
  assert.ok(bytes(attachment("漢".repeat(400), bytes("x")).name).length <= 200);
});

Deno.test("attachment() reads a name of any length in a time that does not depend on it", () => {
  const named = (length: number) => {
    const name = "a/\\ ".repeat(length / 4);
    return () => {
      for (let n = 0; n < 20; n++) attachment(name, bytes("x"));
    };
  };
  assert.ok(growsWithin(50, named(40_000), named(4_000_000)));
});

Deno.test("inWords() tells of files in a part of their own, apart from the user's text", () => {
  const message = withFiles(["a", "1"], ["b", "2"]);
  const told = inWords(message);
  assert.ok(told.role === "user" && told.attachments === undefined);
  assert.deepEqual(told.parts.length, 2);
  assert.match(textOf(told), /^here\n\n\[The user attached a file\..*-a\]\n\[The user attached a file\..*-b\]$/);
  assert.equal(textOf(message), "here");
  const alone = inWords({ role: "user", parts: [], attachments: [attachment("i.png", bytes("1"), "image")] });
  assert.match(textOf(alone), /^\[The user attached an image\./);
});

Deno.test("withoutContent() keeps where a file is and not its bytes", () => {
  const [kept] = attachmentsOf(withoutContent(withFiles(["a", "1"])));
  assert.ok(kept !== undefined && !Object.hasOwn(kept, "content"));
  assert.equal(kept.sizeBytes, 1);
});
