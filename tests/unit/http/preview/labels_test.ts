import assert from "node:assert/strict";
import { parsePreviewOrigin, previewUrl } from "../../../../src/domain/PreviewOrigin.ts";
import { labelId, labelKey, readLabel, writeLabel } from "../../../../src/http/preview/labels.ts";
import { PreviewTable } from "../../../../src/http/preview/PreviewTable.ts";
import { ownerKey } from "../../../../src/domain/ids.ts";

const key = labelKey("a secret");
const id = labelId(new Uint8Array(9).fill(7));
const label = { port: 8000, expiresSeconds: 2_000_000_000, id };
const beforeMs = 1_999_999_999_000;

Deno.test("a label is read as it was written, and is one of DNS whatever it says", () => {
  for (const port of [1, 80, 8000, 65_535]) {
    for (const expiresSeconds of [1, 2_000_000_000, 36 ** 7 - 1]) {
      const text = writeLabel(key, { port, expiresSeconds, id });
      assert.match(text, /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
      assert.deepEqual(readLabel(key, text, 0), { _tag: "Valid", port, expiresSeconds, id });
    }
  }
});

Deno.test("a label that was altered in any letter, or signed by another secret, is worth nothing", () => {
  const text = writeLabel(key, label);
  for (let at = 0; at < text.length; at++) {
    for (const letter of ["a", "2", "9", "-", ""]) {
      const altered = text.slice(0, at) + letter + text.slice(at + 1);
      if (altered !== text) assert.equal(readLabel(key, altered, beforeMs)._tag, "Altered", altered);
    }
  }
  assert.equal(readLabel(labelKey("another"), text, beforeMs)._tag, "Altered");
  for (const other of ["", "p", "p8000", `${text}-`, `${text}a`, text.toUpperCase(), "p0-1-", "é".repeat(63)]) {
    assert.equal(readLabel(key, other, beforeMs)._tag, "Altered", other);
  }
});

Deno.test("a label expires to the second, and a forged one never counts as expired", () => {
  const text = writeLabel(key, label);
  assert.equal(readLabel(key, text, beforeMs)._tag, "Valid");
  assert.equal(readLabel(key, text, 2_000_000_000_000)._tag, "Expired");
  assert.equal(readLabel(labelKey("another"), text, 2_000_000_000_000)._tag, "Altered");
});

Deno.test("origins are names of one level below a suffix, and nothing else", () => {
  const read = (text: string) => {
    const origin = parsePreviewOrigin(text);
    return origin === undefined ? undefined : previewUrl(origin, "x");
  };
  assert.equal(read("http://*.localhost:8001"), "http://x.localhost:8001/");
  assert.equal(read("https://*.Preview.Example/"), "https://x.preview.example/");
  for (
    const wrong of [
      "*.localhost",
      "http://localhost:8001",
      "http://*.localhost:0",
      "http://*.localhost:70000",
      "http://*.*.localhost",
      "http://a.*.localhost",
      "http://*.local host",
      "http://*.-a.example",
      "http://*.localhost/path",
      "ftp://*.localhost",
      "http://user@*.localhost",
      `http://*.${"a".repeat(190)}`,
    ]
  ) assert.equal(read(wrong), undefined, wrong);
});

Deno.test("an owner has at most sixteen previews, each forgotten at its time or when it is taken back", () => {
  const table = new PreviewTable();
  const owner = (user: string) => ({ principal: "p", user, ephemeral: false });
  const ada = ownerKey(owner("ada"));
  const ended: Array<number> = [];
  for (let port = 1; port <= 20; port++) {
    table.add(`a${port}`, owner("ada"), port, 100 + port, 0).onEnd.add(() => ended.push(port));
  }
  table.add("b", owner("bob"), 5, 100, 0);
  assert.deepEqual(ended, [1, 2, 3, 4]);
  assert.deepEqual(table.of(ada, 0).map(({ port }) => port), Array.from({ length: 16 }, (_, at) => at + 5));
  assert.equal(table.find("a1"), undefined);
  table.end(ada, 5);
  assert.deepEqual([table.find("a5"), table.find("b")?.port], [undefined, 5]);
  assert.deepEqual(table.of(ada, 119).map(({ port }) => port), [20]);
  assert.equal(table.find("a6"), undefined);
  table.end(ada, undefined);
  assert.deepEqual(ended, [1, 2, 3, 4, 5, 20]);
  assert.deepEqual([table.of(ada, 0).length, table.isEmpty], [0, false]);
});
