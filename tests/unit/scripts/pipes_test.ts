/**
 * No step of CI may be red for the moment at which something happens: under `pipefail` a writer fails that is told that
 * its reader left, and whether it still had something to write is a matter of milliseconds; a command that is started
 * behind empties its log when it runs, and until then the log says of the last one that it is ready.
 */
import assert from "node:assert/strict";

const root = new URL("../../../", import.meta.url);

const scriptsIn = (folder: string): ReadonlyArray<string> =>
  [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory, isFile }) =>
    isDirectory && name !== "node_modules"
      ? scriptsIn(`${folder}${name}/`)
      : isFile && (name.endsWith(".sh") || folder === ".ci/")
      ? [`${folder}${name}`]
      : []
  );

const scripts = [".ci/", "scripts/", "tests/", "docs/"].flatMap(scriptsIn)
  .map((path) => ({ path, text: Deno.readTextFileSync(new URL(path, root)) }))
  .filter(({ text }) => /^set -\S*o? ?.*pipefail/m.test(text));

/** A reader behind a pipe that may leave before its writer has written everything. */
const leavesEarly = /(?<!\|)\|\s*(?:head\b|grep\s+(?:-\S*[qm]|--quiet|--max-count))/;

Deno.test("a reader that leaves early is found", () => {
  for (const line of ["x --version | head -n 1", "x | grep -q y", "x | grep -Eq y", "x | grep -m 1 y"]) {
    assert.match(line, leavesEarly, line);
  }
  for (const line of ["grep -q x file", "head -n 1 file", "a || head -n 1 file", "x | grep -c y", "x | sed -n 1p"]) {
    assert.doesNotMatch(line, leavesEarly, line);
  }
});

Deno.test("no script that stops at a broken pipe gives its pipe to a reader that leaves early", () => {
  assert.ok(scripts.some(({ path }) => path === ".ci/run"), "CI's own script was not looked at");
  assert.deepEqual(
    scripts.flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => leavesEarly.test(line) ? [`${path}:${index + 1}: ${line}`] : [])
    ),
    [],
  );
});

/** A command that is started behind and empties its log itself. */
const emptiesLate = /(?<![>&\d])[12&]?>(?!>|&)(?!\s*\/dev\/null)[^|;&]*(?:2>&1\s*)?(?<!&)&\s*$/;

Deno.test("a log that is emptied late is found", () => {
  for (const line of ["serve >log &", 'serve >"$a/log" 2>&1 &', "serve 2> log &", "serve >log 2>&1 & "]) {
    assert.match(line, emptiesLate, line);
  }
  for (
    const line of ["serve >>log 2>&1 &", "serve >/dev/null 2>&1 &", "a >log && b", "a >log 2>&1", ": >log", "a 2>&1 &"]
  ) {
    assert.doesNotMatch(line, emptiesLate, line);
  }
});

Deno.test("no script starts a command behind that empties its log itself", () => {
  assert.deepEqual(
    scripts.flatMap(({ path, text }) =>
      text.replaceAll("\\\n", " ").split("\n").filter((line) => emptiesLate.test(line)).map((line) =>
        `${path}: ${line}`
      )
    ),
    [],
  );
});
