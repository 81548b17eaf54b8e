/**
 * What moves the focus moves it while it is drawn: a moment later it would take it from where the reader has gone on to.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../../../../web/src/", import.meta.url);

const sources: ReadonlyArray<{ readonly name: string; readonly text: string }> = readdirSync(root, { recursive: true })
  .map(String)
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({ name, text: readFileSync(new URL(name, root), "utf8") }));

/** The arguments of each call of a function, up to the bracket that closes it. */
const callsOf = (text: string, name: string): ReadonlyArray<string> =>
  text.split(`${name}(`).slice(1).map((rest) => {
    let depth = 1;
    const end = [...rest].findIndex((char) => {
      if (char === "(") depth++;
      if (char === ")") depth--;
      return depth === 0;
    });
    return rest.slice(0, end);
  });

Deno.test("page: no effect after the drawing moves the focus", () => {
  const moved = sources.flatMap(({ name, text }) =>
    callsOf(text, "useEffect").filter((call) => /\.focus\(|focusFirst\(|showModal\(/.test(call)).map(() => name)
  );
  assert.deepEqual(moved, [], "a layout effect does it at once");
  const atOnce = sources.flatMap(({ text }) => callsOf(text, "useLayoutEffect").filter((call) => /focus/.test(call)));
  assert.ok(atOnce.length >= 4, "what moves the focus is found");
});

Deno.test("page: no element takes the focus anew with each drawing", () => {
  const inline = sources.filter(({ text }) => /\bref=\{\(/.test(text)).map(({ name }) => name);
  assert.deepEqual(inline, [], "a ref that is the same function with each drawing is called once: takeFocus");
});
