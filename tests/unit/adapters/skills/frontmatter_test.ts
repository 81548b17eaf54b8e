import assert from "node:assert/strict";
import { Option } from "effect";
import { parseSkill } from "../../../../src/adapters/skills/frontmatter.ts";

const skill = (frontmatter: string, body = "Do this.\n") => `---\n${frontmatter}\n---\n\n${body}`;
const messages = (source: string, folder = "a-b") =>
  parseSkill(source, folder).findings.map(({ line, message, refused }) => `${line}${refused ? "!" : ""} ${message}`);
const parsed = (source: string, folder = "a-b") => Option.getOrThrow(parseSkill(source, folder).skill);

Deno.test("parseSkill reads every field when the frontmatter follows the specification", () => {
  const source = skill(
    "name: a-b\ndescription: >-\n  Does a\n  and b.\nlicense: MIT\ncompatibility: Needs git\n" +
      "metadata:\n  author: me\n  version: 1.0\nallowed-tools: Bash(git:*) Read",
  );
  assert.deepEqual(parsed(source), {
    name: "a-b",
    description: "Does a and b.",
    license: "MIT",
    compatibility: "Needs git",
    metadata: { author: "me", version: "1" },
    allowedTools: ["Bash(git:*)", "Read"],
  });
  assert.deepEqual(messages(source), []);
});

Deno.test("parseSkill warns with the line when a rule is broken that does no harm", () => {
  const source = skill(
    `name: A_b\nlicence: MIT\ndescription: ${"x".repeat(1025)}\ncompatibility: ${"y".repeat(501)}`,
    "line\n".repeat(600),
  );
  assert.deepEqual(messages(source), [
    "3 unknown key 'licence'",
    "4 description is longer than 1024 characters",
    "2 name 'A_b' has characters other than a-z, 0-9 and single hyphens between them",
    "2 name 'A_b' differs from its folder 'a-b'",
    "5 compatibility is longer than 500 characters",
    "506 more than 500 lines: move details to references/",
  ]);
  assert.equal(parsed(source).name, "A_b");
});

Deno.test("parseSkill reads line by line when a value has a colon that YAML does not allow", () => {
  const source = skill('name: a-b\ndescription: Use this: for tables\n  and more\nlicense: "MIT"');
  assert.deepEqual(parsed(source), { name: "a-b", description: "Use this: for tables and more", license: "MIT" });
  assert.match(messages(source)[0] ?? "", /^3 the frontmatter is not valid YAML and was read line by line/);
});

Deno.test("parseSkill takes the folder's name when none is given", () => {
  const source = skill("description: d");
  assert.equal(parsed(source).name, "a-b");
  assert.deepEqual(messages(source), ["1 name is missing; the folder's is used"]);
});

Deno.test("parseSkill understands byte order marks and Windows line ends", () => {
  assert.equal(parsed("\uFEFF---\r\nname: a-b\r\ndescription: d\r\n---\r\nText\r\n").description, "d");
});

Deno.test("parseSkill refuses what an agent could not choose, with the line", () => {
  assert.deepEqual(messages("# Title"), ["1! no frontmatter: the first line must be ---"]);
  assert.deepEqual(messages("---\nname: a-b\n"), ["1! the frontmatter is never closed by a line ---"]);
  assert.deepEqual(messages(skill("- a\n- b")), ["2! the frontmatter is not a mapping of keys to values"]);
  assert.deepEqual(messages(skill("name: a-b\ndescription:")), [
    "3! description is missing: the agent could not tell when to use this skill",
  ]);
});
