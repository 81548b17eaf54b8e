import assert from "node:assert/strict";
import { parseDotEnv, strayLines } from "../../src/config/dotEnv.ts";
import { editDistance, unknownNames } from "../../src/config/unknownNames.ts";

const lines = [
  "GOOGLE_API_KEY=abc",
  'CAISSON_API_KEYS="me:key with words"',
  "# a comment",
  "",
  "export LOG_LEVEL=DEBUG # said to a shell as well",
  `CAISSON_MCP_SERVERS='{"mcpServers": {"docs": {"url": "https://mcp.example"}}}'`,
  "DEFAULT_MODEL = qwen3:8b ",
];
const expected = {
  GOOGLE_API_KEY: "abc",
  CAISSON_API_KEYS: "me:key with words",
  LOG_LEVEL: "DEBUG",
  CAISSON_MCP_SERVERS: '{"mcpServers": {"docs": {"url": "https://mcp.example"}}}',
  DEFAULT_MODEL: "qwen3:8b",
};

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const utf16 = (text: string): Uint8Array =>
  new Uint8Array(Uint16Array.from([0xfeff, ...Array.from(text, (character) => character.charCodeAt(0))]).buffer);

for (
  const [kind, bytes] of [
    ["with lines of Unix", utf8(lines.join("\n"))],
    ["with lines of Windows", utf8(`${lines.join("\r\n")}\r\n`)],
    ["with a byte order mark", utf8(`\uFEFF${lines.join("\r\n")}`)],
    ["in the encoding of PowerShell", utf16(lines.join("\r\n"))],
  ] as const
) {
  Deno.test(`parseDotEnv reads a file ${kind}`, () => assert.deepEqual({ ...parseDotEnv(bytes) }, expected));
}

Deno.test("strayLines finds the lines of which nothing is read", () => {
  assert.deepEqual(strayLines(utf8(lines.join("\r\n"))), []);
  const text = [
    "# fine",
    "GOOGLE_API_KEY: abc",
    "A='one",
    "two: three",
    "four'",
    "set B=1",
    "C",
    "export D=1",
    'E="',
    '"',
  ];
  assert.deepEqual(strayLines(utf8(text.join("\n"))), [2, 6, 7]);
});

Deno.test("editDistance counts insertions, deletions, replacements and swaps", () => {
  for (
    const [left, right, edits] of [
      ["", "", 0],
      ["abc", "abc", 0],
      ["abc", "", 3],
      ["abc", "acb", 1],
      ["CAISSON_API_KEY", "CAISSON_API_KEYS", 1],
      ["kitten", "sitting", 3],
    ] as const
  ) {
    assert.equal(editDistance(left, right), edits);
    assert.equal(editDistance(right, left), edits);
  }
});

const known = new Set(["CAISSON_API_KEYS", "CAISSON_SANDBOX", "OPENAI_API_KEY", "LOG_LEVEL"]);

Deno.test("unknownNames tells of what has our prefix or nearly a setting's name, and leaves other programs alone", () => {
  const names = ["CAISSON_API_KEY", "CAISSON_NOTHING_LIKE_IT", "OPENAI_API_KYE", "LOGLEVEL", "PATH", "OPENAI_ORG_ID"];
  assert.deepEqual(unknownNames([...names, ...known, "CAISSON_ENGINE_GID"], known), [
    { name: "CAISSON_API_KEY", nearest: "CAISSON_API_KEYS" },
    { name: "CAISSON_NOTHING_LIKE_IT", nearest: undefined },
    { name: "OPENAI_API_KYE", nearest: "OPENAI_API_KEY" },
    { name: "LOGLEVEL", nearest: "LOG_LEVEL" },
  ]);
});

Deno.test("unknownNames does not compare names that are longer than any setting", () => {
  const long = `CAISSON_${"X".repeat(1_000_000)}`;
  assert.deepEqual(unknownNames([long], known), [{ name: long, nearest: undefined }]);
});
