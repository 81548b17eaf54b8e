import assert from "node:assert/strict";
import { contents, contentsNotes, contentsOf } from "../../../../../src/adapters/sandbox/docker/contents.ts";

/** The prompt cuts a longer note of a sandbox. */
const noteCharactersMax = 400;

Deno.test("contentsOf full holds all that slim holds", () => {
  const full = new Set(contentsOf("full"));
  assert.ok(contentsOf("slim").every((content) => full.has(content)));
  assert.ok(full.size > contentsOf("slim").length);
});

Deno.test("every content names where it comes from, and each file of the package index by its hashes", () => {
  for (const { name, debian = [], pypi = [] } of contents) {
    assert.ok(debian.length + pypi.length > 0, name);
    for (const requirement of pypi) assert.match(requirement, /^[\w-]+==[\d.]+( --hash=sha256:[0-9a-f]{64})+$/);
  }
});

for (const image of ["mcp-code-executor:latest", "mcp-code-executor:full", "somebody/else:1"]) {
  Deno.test(`contentsNotes of ${image} fit the prompt and name what it has`, () => {
    const notes = contentsNotes(image);
    for (const note of notes) assert.ok(note.length <= noteCharactersMax, `${note.length}: ${note}`);
    const said = notes.join("\n");
    assert.match(said, /scikit-learn/);
    assert.match(said, /python-docx,/);
    assert.equal(/XGBoost/.test(said), image === "mcp-code-executor:full");
  });
}
