import assert from "node:assert/strict";
import { circlesOf, factsOf, type FileFacts, unusedExportsOf } from "../../../scripts/tree.ts";

const root = new URL("../../../", import.meta.url);
const parts = ["src", "tests", "bench", "scripts", "examples"];
const entries = ["mod.ts", "server.ts", "mcp.ts"];

const facts = (path: string, source: string) => factsOf(path, source, Deno.lint.runPlugin);

const readTree = async (): Promise<ReadonlyArray<FileFacts>> => {
  const found: Array<FileFacts> = [];
  const read = async (path: string) => {
    if (path.endsWith(".ts")) found.push(facts(path, await Deno.readTextFile(new URL(path, root))));
  };
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, root))) {
      if (isDirectory) await walk(`${folder}/${name}`);
      else await read(`${folder}/${name}`);
    }
  };
  for (const part of parts) await walk(part);
  for (const entry of entries) await read(entry);
  return found;
};
const tree = await readTree();

Deno.test("the library has no circle of files", () => {
  assert.deepEqual(circlesOf(tree.filter(({ path }) => path.startsWith("src/"))), []);
});

Deno.test("every export of the library is used by another file", () => {
  assert.deepEqual(unusedExportsOf(tree), [], "take the word export away, or what nobody uses");
});

Deno.test("circlesOf finds a circle, type imports included", () => {
  const files = [
    facts("src/a.ts", 'import { b } from "./b.ts";'),
    facts("src/b.ts", 'import type { C } from "./deep/c.ts";'),
    facts("src/deep/c.ts", 'export { a } from "../a.ts";'),
    facts("src/d.ts", 'import "./a.ts";'),
  ];
  assert.deepEqual(circlesOf(files), [["src/a.ts", "src/b.ts", "src/deep/c.ts"]]);
  assert.deepEqual(circlesOf(files.slice(1)), []);
});

Deno.test("unusedExportsOf finds values nobody takes and types nobody speaks of", () => {
  const files = [
    facts(
      "src/a.ts",
      `export const used = 1, { unused } = x; export interface Lonely {} export interface Options {}
       export const withOptions = (o: Options) => o; export class Both {} export type Both2 = Both;
       const late = 1; export { late as renamed };`,
    ),
    facts("src/b.ts", "export const one = 1, two = 2;"),
    facts("src/c.ts", "export const whole = 1;"),
    facts("src/d.ts", "export const lazy = 1; export default 2;"),
    facts(
      "tests/x_test.ts",
      `import { used, withOptions as w } from "../src/a.ts"; import * as B from "../src/b.ts"; B.one;
       import * as C from "../src/c.ts"; f(C); await import("../src/d.ts");`,
    ),
  ];
  assert.deepEqual(unusedExportsOf(files), [
    "src/a.ts: unused",
    "src/a.ts: Lonely",
    "src/a.ts: Both2",
    "src/a.ts: renamed",
    "src/b.ts: two",
  ]);
});
