import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

/** What a program prints: the number of asynchronous contexts that waiting fibers made, and what is there afterwards. */
const contextsOf = async (first: string): Promise<string> => {
  const program = `${first}
    import { Effect } from "effect";
    import { AsyncLocalStorage, createHook } from "node:async_hooks";
    import process from "node:process";
    let made = 0;
    createHook({ init: (_id, type) => { if (type === "effect/Fiber") made += 1; } }).enable();
    await Effect.runPromise(Effect.promise(() => Promise.resolve()));
    const { AsyncLocalStorage: found } = process.getBuiltinModule("node:async_hooks");
    console.log(made, found === AsyncLocalStorage);`;
  const path = await Deno.makeTempFile({ dir: new URL("tests/", root).pathname, suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, program);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--lock=tests/deno.lock", "--allow-read", "--allow-env", path],
      cwd: root,
    }).output();
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(path);
  }
};

Deno.test("fibers of a program make no asynchronous context, and whoever asks later finds the module", async () => {
  assert.equal(await contextsOf(`import "../src/plainFibers.ts";`), "0 true");
  assert.equal(await contextsOf(""), "1 true");
});

Deno.test("every program that serves imports it before Effect is loaded", async () => {
  for (const program of ["server.ts", "mcp.ts"]) {
    const text = await Deno.readTextFile(new URL(program, root));
    assert.match(text, /^\/\*\*[^]*?\*\/\nimport "\.\/src\/plainFibers\.ts";\n/);
  }
});
