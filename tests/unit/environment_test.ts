import assert from "node:assert/strict";
import { parseDotEnv } from "../../src/config/dotEnv.ts";
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
  Deno.test(`parseDotEnv reads a file ${kind}`, () =>
    assert.deepEqual(parseDotEnv(bytes), { variables: expected, stray: [] }));
}

const said: ReadonlyArray<readonly [text: string, variables: Record<string, string>, stray?: ReadonlyArray<number>]> = [
  ['A=b#c\nB="x # y" z\nC=x=y', { A: "b", B: "x # y", C: "x=y" }],
  ["A='one\ntwo: three\nfour'\nB=1", { A: "one\ntwo: three\nfour", B: "1" }],
  ['A="a\\nb"\nB="say \\"yes\\""\nC="C:\\\\new"\nD=\'a\\nb\'', { A: "a\nb", B: 'say "yes"', C: "C:\\new", D: "a\\nb" }],
  ['A="unclosed\nB=2', { A: '"unclosed', B: "2" }],
  ['A="l1\r\nl2"\r\n', { A: "l1\nl2" }],
  ["A=\nB= q \nexport   C=1", { A: "", B: "q", C: "1" }],
  ["# fine\nGOOGLE_API_KEY: abc\nset B=1\nC\n=1\nD=1", { D: "1" }, [2, 3, 4, 5]],
  ['A=`it\'s "so"`', { A: 'it\'s "so"' }],
];

for (const [text, variables, stray = []] of said) {
  Deno.test(`parseDotEnv of ${JSON.stringify(text)}`, () =>
    assert.deepEqual(parseDotEnv(utf8(text)), { variables, stray }));
}

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
    assert.equal(editDistance(left, right, edits), edits);
    if (edits > 0) assert.ok(editDistance(left, right, edits - 1) >= edits);
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
