import assert from "node:assert/strict";
import { readAttached } from "../../../../../src/adapters/model/offline/attached.ts";
import { attachment, attachmentNote } from "../../../../../src/domain/Attachment.ts";

const files = [attachment("a b.csv", new Uint8Array([1])), attachment("x.png", new Uint8Array([2]), "image")];

Deno.test("readAttached tells the files of a message from its words", () => {
  const read = readAttached(`Execute: print(1)\n\n${attachmentNote(files)}`);
  assert.deepEqual(read, { words: "Execute: print(1)", files: files.map(({ path }) => path) });
  assert.deepEqual(readAttached(attachmentNote(files)).words, "");
});

Deno.test("readAttached leaves words alone that only speak of files", () => {
  const words = `${attachmentNote(files)}\nExecute: print(1)`;
  assert.deepEqual(readAttached(words), { words, files: [] });
});
