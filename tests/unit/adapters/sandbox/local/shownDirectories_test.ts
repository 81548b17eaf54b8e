import assert from "node:assert/strict";
import { Effect } from "effect";
import { closedToOthers } from "../../../../../src/adapters/sandbox/local/passage.ts";
import { shownDirectories } from "../../../../../src/adapters/sandbox/local/shownDirectories.ts";
import { it } from "../../../../support/it.ts";
import { temporaryDirectory } from "../../../../support/temporaryDirectory.ts";

it.live("shownDirectories names each setting whose directory cannot be shown, and why", () =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory;
    Deno.writeTextFileSync(`${root}/file`, "");
    const shown = yield* shownDirectories({ toolsPath: `${root}/absent`, skillsPath: `${root}/file` });
    assert.deepEqual(shown, {
      tools: undefined,
      skills: undefined,
      warnings: [
        `MCP_TOOLS_PATH names ${root}/absent, which does not exist: /tools is empty in every sandbox`,
        `MCP_SKILLS_PATH names ${root}/file, which is no directory: /skills is empty in every sandbox`,
      ],
    });
    const real = Deno.realPathSync(root);
    assert.deepEqual(yield* shownDirectories({ toolsPath: root, skillsPath: root }), {
      tools: real,
      skills: real,
      warnings: [],
    });
  }));

it.live("closedToOthers names the directory that does not let other users pass", () =>
  Effect.gen(function* () {
    const root = yield* Effect.map(temporaryDirectory, (path) => Deno.realPathSync(path));
    Deno.chmodSync(root, 0o711);
    Deno.mkdirSync(`${root}/closed/open`, { recursive: true });
    Deno.chmodSync(`${root}/closed/open`, 0o755);
    Deno.chmodSync(`${root}/closed`, 0o700);
    const why = yield* closedToOthers(`${root}/closed/open`);
    assert.match(why ?? "", new RegExp(`because ${root}/closed has mode 0700: chmod o\\+x ${root}/closed lets`));
    const shown = yield* shownDirectories({ toolsPath: `${root}/closed/open`, skillsPath: root }, closedToOthers);
    assert.equal(shown.tools, undefined);
    assert.match(shown.warnings.join(), /^MCP_TOOLS_PATH names .*mode 0700.*: \/tools is empty in every sandbox$/);
    Deno.chmodSync(`${root}/closed`, 0o711);
    assert.equal(yield* closedToOthers(`${root}/closed/open`), undefined);
  }));
