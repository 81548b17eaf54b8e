import assert from "node:assert/strict";
import { Effect, Result } from "effect";
import { TestClock } from "effect/testing";
import { make } from "../../../../src/adapters/skills/Disk.ts";
import { make as makeLibrary } from "../../../../src/adapters/toolsLibrary/Disk.ts";
import { it } from "../../../support/it.ts";

/** A folder of its own for a test, removed with the test's scope. */
const folder = (files: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const root = await Deno.makeTempDir();
      for (const [path, content] of Object.entries(files)) await write(root, path, content);
      return root;
    }),
    (root) => Effect.promise(() => Deno.remove(root, { recursive: true })),
  );
const write = async (root: string, path: string, content: string) => {
  await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(`${root}/${path}`, content);
};
const skill = (name: string, description = `About ${name}.`) =>
  `---\nname: ${name}\ndescription: ${description}\n---\nText.\n`;

it.effect("Skills.catalogue finds SKILL.md, older Skill.md and grouped folders, sorted by name", () =>
  Effect.gen(function* () {
    const root = yield* folder({
      "zeta/SKILL.md": skill("zeta"),
      "old/Skill.md": skill("old"),
      "group/inner/SKILL.md": skill("inner"),
      ".hidden/SKILL.md": skill("hidden"),
      "empty/README.md": "nothing",
      "twin/SKILL.md": skill("zeta"),
    });
    const { skills, problems } = yield* (yield* make(root)).catalogue;
    assert.deepEqual(skills.map(({ name, location }) => `${name} ${location}`), [
      "inner /skills/group/inner/SKILL.md",
      "old /skills/old/Skill.md",
      "zeta /skills/zeta/SKILL.md",
    ]);
    assert.deepEqual(problems.map(({ file, line, message, refused }) => `${file}:${line} ${message} ${refused}`), [
      "old/Skill.md:1 Skill.md should be called SKILL.md false",
      "twin/SKILL.md:2 name 'zeta' differs from its folder 'twin' false",
      "twin/SKILL.md:1 name 'zeta' is taken by /skills/zeta/SKILL.md true",
    ]);
  }));

it.effect("Skills.catalogue shows a changed folder when a second has passed", () =>
  Effect.gen(function* () {
    const root = yield* folder({ "a/SKILL.md": skill("a") });
    const skills = yield* make(root);
    const names = Effect.map(skills.catalogue, (catalogue) => catalogue.skills.map((each) => each.description));
    assert.deepEqual(yield* names, ["About a."]);
    yield* Effect.promise(() => write(root, "a/SKILL.md", skill("a", "New.")));
    yield* Effect.promise(() => write(root, "b/SKILL.md", skill("b")));
    assert.deepEqual(yield* names, ["About a."]);
    yield* TestClock.adjust("1001 millis");
    assert.deepEqual(yield* names, ["New.", "About b."]);
  }));

it.effect("Skills.catalogue refuses a skill file that links out of the folder", () =>
  Effect.gen(function* () {
    const outside = yield* folder({ "secret.md": skill("secret") });
    const root = yield* folder({ "a/SKILL.md": skill("a") });
    yield* Effect.promise(async () => {
      await Deno.mkdir(`${root}/leak`);
      await Deno.symlink(`${outside}/secret.md`, `${root}/leak/SKILL.md`);
    });
    const { skills, problems } = yield* (yield* make(root)).catalogue;
    assert.deepEqual(skills.map(({ name }) => name), ["a"]);
    assert.deepEqual(problems.map(({ message }) => message), ["is a link out of the skills folder"]);
  }));

it.effect("Skills.read gives the whole file of a skill and refuses names that are not in the catalogue", () =>
  Effect.gen(function* () {
    const root = yield* folder({ "a/SKILL.md": skill("a"), "b.md": "no" });
    const skills = yield* make(root);
    assert.equal(yield* skills.read("a"), skill("a"));
    for (const name of ["b", "../b.md", "a/SKILL.md", ""]) {
      assert.ok(Result.isFailure(yield* Effect.result(skills.read(name))), name);
    }
  }));

it.effect("Skills.catalogue is empty when there is no such folder", () =>
  Effect.gen(function* () {
    const skills = yield* make("/nowhere/at/all");
    assert.deepEqual(yield* skills.catalogue, { skills: [], problems: [] });
  }));

it.effect("ToolsLibrary.modules lists public modules and packages, leaving out tests and private files", () =>
  Effect.gen(function* () {
    const root = yield* folder({
      "tabular.py": '"""Tables."""\ndef load(path):\n    """Loads."""\n',
      "_private.py": '"""No."""\n',
      "test_tabular.py": '"""No."""\n',
      "charts/__init__.py": '"""Charts."""\n',
      "charts/bars.py": "def draw(): pass\n",
      "data/values.py": "def no(): pass\n",
      "empty.py": "",
    });
    assert.deepEqual(yield* (yield* makeLibrary(root)).modules, [
      { name: "charts", location: "/tools/charts/__init__.py", summary: "Charts.", members: [] },
      {
        name: "charts.bars",
        location: "/tools/charts/bars.py",
        summary: "",
        members: [{ signature: "draw()", summary: "" }],
      },
      {
        name: "tabular",
        location: "/tools/tabular.py",
        summary: "Tables.",
        members: [{ signature: "load(path)", summary: "Loads." }],
      },
    ]);
  }));
