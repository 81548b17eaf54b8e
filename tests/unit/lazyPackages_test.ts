/**
 * Packages that are loaded when they are needed are used in a way that a bundle keeps.
 *
 * A bundler gives the names of a package in CommonJS to nobody but a static import: what `import()` yields of it has
 * `default` alone, where a checkout has every name. So what works in a checkout dies in the npm package.
 */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

const sourcesIn = (folder: string): ReadonlyArray<string> =>
  [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sourcesIn(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );

/** Where a file loads a package, with the statement that does up to there. */
const loads = sourcesIn("src/").flatMap((path) => {
  const text = Deno.readTextFileSync(new URL(path, root));
  return [...text.matchAll(/(?<!typeof )import\("([^".][^"]*)"\)/g)].map(({ index, 1: from = "" }) => ({
    path,
    from,
    statement: text.slice(text.lastIndexOf("const ", index), index),
  }));
}).filter(({ from }) => !from.startsWith("node:") && !from.startsWith("effect/"));

const isCommonJs = async (name: string): Promise<boolean> => "module.exports" in await import(name);

Deno.test("packages in CommonJS that are loaded when needed are taken by their default", async () => {
  const commonJs = [];
  for (const load of loads) if (await isCommonJs(load.from)) commonJs.push(load);
  assert.deepEqual(commonJs.map(({ from }) => from).toSorted(), ["dockerode", "redis"]);
  assert.deepEqual(commonJs.filter(({ statement }) => !statement.startsWith("const { default: ")), []);
});
